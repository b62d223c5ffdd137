"""When an event is tried again: more and more seldom, for a day. Pure."""

from __future__ import annotations

DAY_MS = 24 * 3600 * 1000
DELAYS_S = (2, 5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600)  # the last one again and again


def next_attempt(attempts: int, created_at: int, now: int) -> int | None:
    """After `attempts` failures: when the next is due, or None: it is given up.

    Times are epoch ms. The day counts from the event's making, also for those that waited for an
    earlier one of their conference: each is tried at least once, and a receiver that is away for
    good costs a day, not a day an event. The last attempt is at the end of the day.
    """
    end = created_at + DAY_MS
    if now >= end:
        return None
    return min(now + DELAYS_S[min(attempts, len(DELAYS_S)) - 1] * 1000, end)
