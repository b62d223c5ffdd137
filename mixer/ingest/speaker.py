"""Who speaks, from the audio levels that senders put into their packets (RFC 6464). Pure.

Decisions are made in media time, so they do not depend on how packets arrive, and an onset is told
at its true beginning: the watermark is far enough behind.
"""

from __future__ import annotations

from collections import deque

LOUD_DBOV = 50  # levels below (nearer to 0: louder) are speech
ATTACK_NS = 250_000_000
ATTACK_SHARE = 0.6  # of the packets in ATTACK_NS must be loud
LEAST_PACKETS = 5
HOLD_NS = 1_000_000_000  # a pause shorter than this is part of the speech


class SpeakerDetector:
    """One participant. `hear` and `advance` return (media time, speaks) when it changes."""

    def __init__(self) -> None:
        self.speaking = False
        self._recent: deque[tuple[int, bool]] = deque(maxlen=100)
        self._last_loud_ns = 0

    def hear(self, media_ns: int, level: int) -> tuple[int, bool] | None:
        """A packet's level, in dBov below the loudest."""
        loud = level < LOUD_DBOV
        if loud:
            self._last_loud_ns = max(self._last_loud_ns, media_ns)
        if self.speaking:
            return None
        self._recent.append((media_ns, loud))
        window = [item for item in self._recent if item[0] > media_ns - ATTACK_NS]
        onsets = [at for at, is_loud in window if is_loud]
        if len(onsets) < max(LEAST_PACKETS, ATTACK_SHARE * len(window)):
            return None
        if media_ns - min(onsets) < ATTACK_NS * ATTACK_SHARE:
            return None
        self.speaking = True
        self._recent.clear()
        return min(onsets), True

    def advance(self, media_ns: int) -> tuple[int, bool] | None:
        """No packet with an earlier media time will be heard any more."""
        if not self.speaking or media_ns - self._last_loud_ns < HOLD_NS:
            return None
        self.speaking = False
        return self._last_loud_ns + HOLD_NS, False
