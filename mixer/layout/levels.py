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
AHEAD_NS = 2 * SECOND  # is read at once
# The quietest level of each step, in -dBov: speech at a usual distance is at 20 to 40.
STEPS = (50, 42, 35, 28, 21)


class Levels:
    """The levels of one recording, for the frames of one page."""

    def __init__(self, journal: Journal, fps: int) -> None:
        self._journal = journal
        self._frames = max(1, round(fps / LEVEL_HZ))
        self._told: Mapping[str, int] = {}
        self._from_ns = self._until_ns = 0
        self._read_already: list[tuple[int, str, int]] = []  # (time, whose, -dBov)

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
        from_ns = t_ns - WINDOW_NS
        if not (self._from_ns <= from_ns and t_ns <= self._until_ns):
            self._read(from_ns, max(t_ns, min(t_ns + AHEAD_NS, self._journal.watermark_ns)))
        loudest: dict[str, int] = {}
        for at_ns, someone, level in self._read_already:
            if from_ns <= at_ns < t_ns:
                loudest[someone] = min(level, loudest.get(someone, level))
        return {someone: _step(level) for someone, level in sorted(loudest.items())}

    def _read(self, from_ns: int, until_ns: int) -> None:
        """Much at once, where there is much: that costs hardly more."""
        tracks = {
            id_: track.participant
            for id_, track in self._journal.tracks.items()
            if track.kind == "audio" and track.source == "Camera"
        }
        self._from_ns, self._until_ns = from_ns, until_ns
        self._read_already = [
            (at_ns, tracks[frame.track], frame.level)
            for at_ns, frame in self._journal.frames(tracks, from_ns, until_ns)
            if frame.level != NO_LEVEL
        ]


def _step(level: int) -> int:
    """`level` in -dBov."""
    return sum(level <= least for least in STEPS)
