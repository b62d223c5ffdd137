"""The frames of a journal that no render uses, because they came late or are broken.

`Journal.frames` leaves them out; reports of a recording count them. Only the heads of the other
records are looked at, so that hours of media are gone through in seconds.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass

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


def unused_frames(journal: Journal) -> Iterator[UnusedFrame]:
    """All of the journal's tracks, in file order. Damage is passed over in silence."""
    tracks = journal.tracks
    for run in journal.runs:
        for frame in _flagged(run):
            if frame.track not in tracks:
                continue
            t_ns = journal.media_ns(frame.track, frame.rtp)
            flag = FrameFlag.LATE if frame.flags & FrameFlag.LATE else FrameFlag.BROKEN
            yield UnusedFrame(frame.track, frame.arrival_ns if t_ns < 0 else t_ns, flag)


def _flagged(run: Run) -> Iterator[Frame]:
    if not run.media_length:
        return
    with media_path(run.directory, run.number).open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    buffer, at, seen = memoryview(mapped), 0, 0
    while 0 <= at <= len(buffer) - records.SKIMMED:
        length, flags = records.skim(buffer, at)
        if flags & UNUSABLE and (frame := records.whole_frame(buffer, at)):
            yield frame
        at = at + length if length else mapped.find(records.MAGIC, at + 1)
        if at - seen > WINDOW:  # hours of media are not to count as this process' memory
            mapped.madvise(mmap.MADV_DONTNEED, seen, WINDOW)
            seen += WINDOW
