"""Working ahead changes neither order nor errors, and stops when nobody takes any more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mixer.render.ahead import ahead


def test_all_items_come_in_order() -> None:
    """What goes in comes out."""
    assert list(ahead(range(1000), 3)) == list(range(1000))


def test_errors_arrive_after_the_items_before_them() -> None:
    """An error of the source is raised where its item would have come."""

    def failing() -> Iterator[int]:
        yield from range(5)
        raise ValueError("no sixth")

    taken = []
    with pytest.raises(ValueError, match="no sixth"):
        for item in ahead(failing(), 2):
            taken.append(item)
    assert taken == [0, 1, 2, 3, 4]


def test_a_taker_who_leaves_stops_the_source() -> None:
    """No more than `depth` items and the one in hand are made in advance; then the source ends."""
    made = []

    def endless() -> Iterator[int]:
        number = 0
        while True:
            made.append(number)
            yield number
            number += 1

    items = ahead(endless(), 4)
    assert [next(items) for _ in range(3)] == [0, 1, 2]
    items.close()  # type: ignore[attr-defined]
    assert len(made) <= 3 + 4 + 2
