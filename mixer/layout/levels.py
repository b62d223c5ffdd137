"""How loud people are, in a few steps, for pages that ask: from the levels in the journal.

A level is that of the loudest packet (RFC 6464) of a fifth of a second. It is told on a grid of
output frames, so it is the same in every rendering.
"""

from __future__ import annotations

from collections.abc import Mapping

from mixer.clock import SECOND
from mixer.journal import Journal
from mixer.journal.model import NO_LEVEL

LEVEL_HZ = 5
WINDOW_NS = SECOND // LEVEL_HZ
# The quietest level of each step, in -dBov: speech at a usual distance is at 20 to 40.
STEPS = (50, 42, 35, 28, 21)


class Levels:
    """The levels of one recording, for the frames of one page."""

    def __init__(self, journal: Journal, fps: int) -> None:
        self._journal = journal
        self._frames = max(1, round(fps / LEVEL_HZ))
        self._told: Mapping[str, int] = {}

    def next_after(self, frame: int) -> int:
        """The next output frame at which levels are told."""
        return (frame // self._frames + 1) * self._frames

    def new_at(self, frame: int, t_ns: int) -> Mapping[str, int] | None:
        """0 to 5 by participant, of all who are heard, as of journal time `t_ns`; None where it is
        the same as before, or not the time to tell."""
        if frame % self._frames:
            return None
        levels = self._at(t_ns)
        if levels == self._told:
            return None
        self._told = levels
        return levels

    def _at(self, t_ns: int) -> dict[str, int]:
        tracks = {
            id_: track.participant
            for id_, track in self._journal.tracks.items()
            if track.kind == "audio" and track.source == "Camera"
        }
        loudest: dict[str, int] = {}
        for _, frame in self._journal.frames(tracks, t_ns - WINDOW_NS, t_ns):
            if frame.level != NO_LEVEL:
                someone = tracks[frame.track]
                loudest[someone] = min(frame.level, loudest.get(someone, frame.level))
        return {someone: _step(level) for someone, level in sorted(loudest.items())}


def _step(level: int) -> int:
    """`level` in -dBov."""
    return sum(level <= least for least in STEPS)
