"""Where the media of each section stopped that may go on: what a gap is measured from. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from mixer.clock import SECOND
from mixer.ingest.timeline import TrackEnd

RETURN_NS = 60 * SECOND

Key = tuple[str, str]  # stream, kind


class Ends:
    """`stopped` when something breaks off, `over` when it is no longer sent, `gone` when streams
    have been taken back, `take` when it is received again.

    A stream that was taken back while it was not received has a gap only if it is back within
    RETURN_NS: then the media server, say, had been restarted. Later it is another one of that name.
    """

    def __init__(self, earlier: Mapping[Key, TrackEnd]) -> None:
        self._ends = dict(earlier)
        self._gone: set[Key] = set()

    def stopped(self, key: Key, end: TrackEnd) -> None:
        self._ends[key] = end
        self._gone.discard(key)

    def over(self, key: Key) -> None:
        self._ends.pop(key, None)
        self._gone.discard(key)

    def gone(self, there: Collection[str]) -> None:
        """Of all streams there are only these just now."""
        self._gone |= {key for key in self._ends if key[0] not in there}

    def take(self, key: Key, now_ns: int) -> TrackEnd | None:
        """What a gap up to now begins with, once; None if there is none."""
        end, gone = self._ends.pop(key, None), key in self._gone
        self._gone.discard(key)
        return None if end is None or (gone and now_ns - end.media_ns > RETURN_NS) else end
