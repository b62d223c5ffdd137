"""What ingest tells once a second: who is there, what is received, how well. Pure but for reading
counters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mixer.conference.media import Publication
from mixer.conference.state import State
from mixer.ingest.feed import FeedReceiver, Receiver
from mixer.ingest.timeline import Writer

SECOND = 1_000_000_000


class Status:
    """Remembers counters between two tellings, and those of sections that have ended."""

    def __init__(self) -> None:
        self._told_ns = 0
        self._bytes: dict[int, int] = {}  # SSRC → bytes at the last telling
        self._lost = 0
        self._late = 0

    def keep(self, publication: Publication, receiver: Receiver) -> None:
        """A section has ended: its losses still count."""
        self._lost += receiver.given_up
        self._late += receiver.timeline.late
        self._bytes.pop(receiver.reception.ssrc, None)

    def describe(
        self, now_ns: int, state: State, feeds: Sequence[FeedReceiver], writer: Writer
    ) -> dict[str, Any]:
        """The fields of a `status` line. Bit rates are since the last one."""
        elapsed_ns = max(1, now_ns - self._told_ns)
        self._told_ns = now_ns
        everyone = state["participants"]
        sections = [item for feed in feeds for item in feed.receivers.values()]
        return {
            "t_ns": now_ns,
            "watermark_ns": writer.watermark_ns,
            "participants": len(everyone),
            "users": sum(someone["type"] in ("user", "robot") for someone in everyone),
            "tracks": [self._track(*section, elapsed_ns) for section in sections],
            "lost": self._lost + sum(receiver.given_up for _, receiver in sections),
            "late": self._late + sum(receiver.timeline.late for _, receiver in sections),
            "journal_bytes": writer.media_bytes,
        }

    def _track(
        self, publication: Publication, receiver: Receiver, elapsed_ns: int
    ) -> dict[str, Any]:
        reception = receiver.reception
        before = self._bytes.get(reception.ssrc, 0)
        self._bytes[reception.ssrc] = reception.bytes
        track = receiver.timeline.track
        return {
            "track": track.id if track is not None else None,
            "participant": publication.participant,
            "stream": publication.stream,
            "kind": publication.kind,
            "codec": publication.codec,
            "bps": max(0, reception.bytes - before) * 8 * SECOND // elapsed_ns,
            "packets": reception.packets,
            "lost": receiver.given_up,
        }
