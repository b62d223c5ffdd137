"""When a recording's first frame is: as early as there is something to see."""

from __future__ import annotations

import asyncio

from ..conference.shown import LIMIT_NS, first_moment_ns
from ..journal import Journal

__all__ = ["LIMIT_NS", "first_moment_ns", "first_shown_ns"]

POLL_S = 0.05


async def first_shown_ns(journal: Journal, joined_ns: int, ended: asyncio.Event) -> int:
    """Waits until the first 0.3 s after joining are final, then decides where the mix starts."""
    while journal.watermark_ns <= joined_ns + LIMIT_NS and not ended.is_set():
        await asyncio.sleep(POLL_S)
        journal.refresh()
    return first_moment_ns(journal.events(0, joined_ns + LIMIT_NS + 1), joined_ns)
