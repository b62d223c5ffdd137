"""When events are tried again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mixer.webhooks.schedule import DAY_MS, DELAYS_S, next_attempt

times = st.integers(0, 2 * DAY_MS)


def attempts_of_a_day(created_at: int = 0) -> list[int]:
    at, made = created_at, []
    while True:
        made.append(at)
        following = next_attempt(len(made), created_at, at)
        if following is None:
            return made
        at = following


def test_a_receiver_that_is_away_is_tried_for_a_day() -> None:
    """First after seconds, later every hour; the last time when the day is over."""
    made = attempts_of_a_day()
    assert made[1] == DELAYS_S[0] * 1000
    assert made[-1] == DAY_MS
    assert 25 < len(made) < 40


@given(st.integers(1, 100), times)
def test_never_after_the_day_and_never_at_once(attempts: int, now: int) -> None:
    """Each try is later than the last, and within the day."""
    due = next_attempt(attempts, 0, now)
    assert (due is None) == (now >= DAY_MS)
    assert due is None or now < due <= DAY_MS


@given(st.integers(1, 99))
def test_more_and_more_seldom(attempts: int) -> None:
    """The waits never become shorter."""
    first, second = next_attempt(attempts, 0, 0), next_attempt(attempts + 1, 0, 0)
    assert first is not None and second is not None and first <= second
