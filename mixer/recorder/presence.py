"""Who is there and whether media comes, as far as ingest has told. Its clock is the caller's.

`session.py` hands it what ingest tells, `limits.py` decides on what it says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Presence:
    """`connected_s`: when there was a connection last, of a monotonic clock; to begin with, now.

    Silence says nothing of people: ingest tells once a second, and not at all while it joins or is
    started again. So nobody is taken for gone before it was told that nobody is there.
    """

    connected_s: float
    user_seen: bool = False
    lost_ns: int | None = None  # since when there is no connection, in journal time
    _alone_since_s: float | None = None

    def heard(self, status: Mapping[str, Any], now_s: float) -> None:
        """A `status` line of ingest: its `users`, `connected` and `watermark_ns`."""
        if status["users"]:
            self.user_seen = True
            self._alone_since_s = None
        elif self._alone_since_s is None:
            self._alone_since_s = now_s
        if status["connected"]:
            self.connected_s = now_s
            self.lost_ns = None
        elif self.lost_ns is None:
            self.lost_ns = status["watermark_ns"]

    def alone_s(self, now_s: float) -> float | None:
        """Seconds since it was told that nobody is there; None: somebody is, or nobody knows."""
        return None if self._alone_since_s is None else now_s - self._alone_since_s

    def away_s(self, now_s: float) -> float:
        """Seconds since there was a connection."""
        return now_s - self.connected_s
