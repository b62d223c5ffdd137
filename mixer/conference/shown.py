"""When there is something to see: the rule by which a mix begins, and by which a paused recording
goes on. Pure; used by recorder/ (on the journal's events) and ingest/ (on those to be journalled).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mixer.clock import MILLISECOND
from mixer.journal.model import Event

LIMIT_NS = 300 * MILLISECOND


def first_moment_ns(events: Iterable[Event], from_ns: int) -> int:
    """The first moment from `from_ns` on at which every picture that is being sent is there.

    `events`: from the state at `from_ns` on, in order; later ones than LIMIT_NS do not matter. At
    most LIMIT_NS after `from_ns`; at once where nobody sends a picture.
    """
    events = (event for event in events if event.t_ns <= from_ns + LIMIT_NS)
    waiting: dict[str, str] = {}  # stream → whose it is
    last_ns = from_ns
    for event in events:
        for participant, stream, video in _videos(event):
            if video is None:
                waiting.pop(stream, None)
            elif video.get("available"):
                if waiting.pop(stream, None) is not None:  # else its size has changed
                    last_ns = max(last_ns, event.t_ns)
            elif not video.get("muted"):
                waiting[stream] = participant
        if event.type == "participant.removed":
            waiting = {one: whose for one, whose in waiting.items() if whose != event.data["id"]}
    return from_ns + LIMIT_NS if waiting else last_ns


def _videos(event: Event) -> list[tuple[str, str, Mapping[str, Any] | None]]:
    """(participant id, stream id, what the event says of its video; None: it is gone)."""
    data = event.data
    if event.type == "participant.added":
        someone = data["participant"]
        streams = someone.get("streams", [])
        return [(someone["id"], s["id"], s["video"]) for s in streams if s.get("video")]
    if event.type == "stream.added" and data["stream"].get("video"):
        return [(data["participantId"], data["stream"]["id"], data["stream"]["video"])]
    if event.type == "stream.removed":
        return [(data["participantId"], data["streamId"], None)]
    if event.type == "stream.updated" and "available" in (data.get("video") or {}):
        return [(data["participantId"], data["streamId"], data["video"])]
    return []
