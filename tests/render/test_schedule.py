"""Segments are made once each, in order, and only from what is final."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mixer.render.schedule import is_complete, next_pieces, pieces


@given(total=st.integers(1, 2000), size=st.integers(1, 240))
def test_pieces_cover_everything_once(total: int, size: int) -> None:
    """The pieces of a render lie end to end from frame 0 to the last."""
    frames = [n for p in pieces(total, size) for n in range(p.first, p.first + p.count)]
    assert frames == list(range(total))


@given(
    total=st.integers(1, 1000),
    size=st.integers(1, 200),
    workers=st.integers(1, 4),
    growth=st.lists(st.integers(1, 300), min_size=1),
)
def test_a_growing_render_ends_complete(
    total: int, size: int, workers: int, growth: list[int]
) -> None:
    """Whatever the pace of the input, each segment is started once, in order, and none before the
    input of its first frame is final."""
    done: list[int] = []
    final = 0
    for step in [*growth, total]:
        final = min(total, final + step)
        known = total if final == total else None
        while batch := next_pieces(
            total=known, final=final, segment_frames=size, done=done, busy=[], free=workers
        ):
            assert all(p.first < final for p in batch)
            assert all(p.count == size or p.first + p.count == known for p in batch)
            assert len(batch) <= workers
            done += [p.seq for p in batch]
    assert done == list(range(len(done)))
    assert is_complete(total, size, done)


def test_busy_pieces_are_not_given_twice() -> None:
    """A piece in work is not given again; the last one is as long as what is left."""
    assert next_pieces(total=None, final=239, segment_frames=120, done=[0], busy=[1], free=2) == []
    begun = next_pieces(total=None, final=241, segment_frames=120, done=[0], busy=[1], free=2)
    assert [(p.seq, p.first, p.count) for p in begun] == [(2, 240, 120)]
    last = next_pieces(total=250, final=250, segment_frames=120, done=[0], busy=[1], free=2)
    assert [(p.seq, p.first, p.count) for p in last] == [(2, 240, 10)]
