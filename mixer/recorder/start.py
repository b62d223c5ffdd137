"""When a recording's first frame is: as early as there is something to see."""

from __future__ import annotations

import asyncio

from ..clock import MILLISECOND
from ..journal import Event, Journal

LIMIT_NS = 300 * MILLISECOND
POLL_S = 0.05


async def first_shown_ns(journal: Journal, joined_ns: int, ended: asyncio.Event) -> int:
    """Waits until the first 0.3 s after joining are final, then decides where the mix starts."""
    while journal.watermark_ns <= joined_ns + LIMIT_NS and not ended.is_set():
        await asyncio.sleep(POLL_S)
        journal.refresh()
    return first_moment_ns(journal.events(0, joined_ns + LIMIT_NS + 1), joined_ns)


def first_moment_ns(events: list[Event], joined_ns: int) -> int:
    """The moment at which every picture that was being sent at joining is there.

    At most 0.3 s after joining; at once where nobody sends a picture.
    """
    waiting: set[str] = set()
    last_ns = joined_ns
    for event in events:
        for stream_id, video in _videos(event):
            if video.get("available"):
                waiting.discard(stream_id)
                last_ns = max(last_ns, event.t_ns)
            elif not video.get("muted"):
                waiting.add(stream_id)
    return joined_ns + LIMIT_NS if waiting else min(last_ns, joined_ns + LIMIT_NS)


def _videos(event: Event) -> list[tuple[str, dict[str, object]]]:
    """(stream id, what the event says of its video)."""
    data = event.data
    if event.type == "participant.added":
        streams = data["participant"].get("streams", [])
        return [(s["id"], s["video"]) for s in streams if s.get("video")]
    if event.type == "stream.added" and data["stream"].get("video"):
        return [(data["stream"]["id"], data["stream"]["video"])]
    if event.type == "stream.updated" and "available" in (data.get("video") or {}):
        return [(data["streamId"], data["video"])]
    return []
