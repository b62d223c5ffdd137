"""A receiving process is started again as long as there is hope."""

from __future__ import annotations

from itertools import count

import pytest

from mixer.recorder.restarts import EARLY_MOST, LONGEST_PAUSE_S, MOST, STEADY_S, Restarts


@pytest.mark.parametrize(("hopeful", "most"), [(True, MOST), (False, EARLY_MOST)])
def test_it_is_given_up_after_failures_in_a_row(hopeful: bool, most: int) -> None:
    """Sooner where it has never joined; pauses grow, up to a bound."""
    restarts = Restarts()
    pauses = [restarts.pause_s(1.0, hopeful=hopeful) for _ in range(most)]
    waits = [pause for pause in pauses if pause is not None]
    assert len(waits) == most and waits == sorted(waits) and waits[-1] <= LONGEST_PAUSE_S
    assert restarts.pause_s(1.0, hopeful=hopeful) is None


def test_one_that_had_worked_begins_anew() -> None:
    """A crash an hour ends no recording, however long it is."""
    restarts = Restarts()
    for _, crash in zip(range(5 * MOST), count()):
        lived_s = STEADY_S if crash % MOST == MOST - 1 else 1.0
        assert restarts.pause_s(lived_s, hopeful=True) is not None
