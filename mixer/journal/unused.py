"""The frames of a journal that no render uses, because they came late or are broken.

`Journal.frames` leaves them out; reports of a recording count them. Only the heads of the other
records are looked at, so that hours of media are gone through in seconds.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass, replace

from . import records
from .model import Frame, FrameFlag
from .reader import UNUSABLE, Journal
from .run import Run
from .writer import media_path

WINDOW = 2 * records.MAX_PAYLOAD


@dataclass(frozen=True, slots=True)
class UnusedFrame:
    """A frame that was journalled in vain. `t_ns`: its media time; arrival where that is unknown.

    `flag` is LATE or BROKEN; a picture that is both is LATE: that is why it is not used.
    """

    track: int
    t_ns: int
    flag: FrameFlag


class UnusedFrames:
    """Those of one journal, which may grow: it is looked through once, however often one looks."""

    def __init__(self) -> None:
        self._looked: dict[int, int] = {}  # by run: up to which offset of its media
        self._found: dict[int, list[Frame]] = {}  # by run; without their media

    def look(self, journal: Journal) -> None:
        """Goes through what the journal has gained. Raises OSError."""
        for run in journal.runs:
            found = self._found.setdefault(run.number, [])
            self._looked[run.number] = _skim(run, self._looked.get(run.number, 0), found)

    def told(self, journal: Journal) -> Iterator[UnusedFrame]:
        """All of the journal's tracks, in file order. Damage is passed over in silence."""
        self.look(journal)
        tracks = journal.tracks
        for number in sorted(self._found):
            for frame in self._found[number]:
                if frame.track not in tracks:
                    continue
                t_ns = journal.media_ns(frame.track, frame.rtp)
                flag = FrameFlag.LATE if frame.flags & FrameFlag.LATE else FrameFlag.BROKEN
                yield UnusedFrame(frame.track, frame.arrival_ns if t_ns < 0 else t_ns, flag)


def _skim(run: Run, start: int, found: list[Frame]) -> int:
    """Adds what is flagged from an offset on; returns the offset up to which all is seen."""
    if run.media_length <= start:
        return start
    with media_path(run.directory, run.number).open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    buffer, at, seen = memoryview(mapped), start, start - start % WINDOW
    while at <= len(buffer) - records.SKIMMED:
        length, flags = records.skim(buffer, at)
        following = at + length if length else mapped.find(records.MAGIC, at + 1)
        if not at < following <= len(buffer):
            break  # the rest may be written later
        if flags & UNUSABLE and (frame := records.whole_frame(buffer, at)):
            found.append(replace(frame, data=b""))
        at = following
        if at - seen > WINDOW:  # hours of media are not to count as this process' memory
            mapped.madvise(mmap.MADV_DONTNEED, seen, WINDOW)
            seen += WINDOW
    return at
