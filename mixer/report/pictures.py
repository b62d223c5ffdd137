"""Which of a stream's pictures the frames of a file show: real, repeated, skipped, frozen.

The picture that is seen at a moment is the last one whose media time is not later, so nothing
needs to be decoded: all of it follows from the journal's media times. Whether the layout has room
for the stream does not matter here. Arrays over all frames of a file: 3 h are 324,000.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..clock import SECOND, first_frame_showing
from ..edit import EditList, Span

FREEZE_S = 0.5
NOTHING_SENT = "nothing-sent"

Times = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Loss:
    """A stretch of journal time in which a stream's media is missing."""

    from_ns: int
    to_ns: int
    reason: str


@dataclass(frozen=True, slots=True)
class Freeze:
    """The same picture for longer than FREEZE_S; `cause` is a gap's reason or NOTHING_SENT."""

    t: float
    seconds: float
    cause: str


@dataclass(frozen=True, slots=True)
class Shown:
    """What a file shows of one stream while it is available and not muted."""

    frames: int  # of the file
    real: int  # of them, those with a picture that the one before did not show
    repeated: int
    repeated_in_gaps: int
    skipped: int  # pictures that came and no frame shows
    sent_per_second: float | None
    shown_per_second: float | None
    least_per_second: int | None  # in the worst second
    freezes: tuple[Freeze, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """The frames of a file: the journal time of each, and the numbers at which spans begin."""

    fps: int
    times: Times
    seams: Times

    @classmethod
    def of(cls, edits: EditList) -> Grid:
        """Raises ValueError where the file's end is not known."""
        if edits.frames is None:
            raise ValueError("a report needs a file that has an end")
        parts: list[Times] = []
        for span in edits.spans:
            assert span.stop_ns is not None
            length = first_frame_showing(span.start_ns, span.stop_ns, edits.fps)
            if not length and edits.frames == 1:
                length = 1  # a file has one frame at least
            steps = 2 * np.arange(length, dtype=np.int64) + 1
            parts.append(span.start_ns + steps * SECOND // (2 * edits.fps))
        seams = np.cumsum([0, *map(len, parts[:-1])])
        return cls(edits.fps, np.concatenate(parts)[: edits.frames], np.asarray(seams, np.int64))

    def during(self, spans: Iterable[Span]) -> Flags:
        """Which frames show a moment of these spans."""
        found = np.zeros(len(self.times), bool)
        for span in spans:
            first = np.searchsorted(self.times, span.start_ns)
            last = len(self.times)
            if span.stop_ns is not None:
                last = int(np.searchsorted(self.times, span.stop_ns))
            found[first:last] = True
        return found


def shown(
    grid: Grid, pictures: Times, spans: Sequence[Span], losses: Sequence[Loss]
) -> tuple[Shown, Flags]:
    """`pictures`: sorted media times of all usable pictures of the stream. Also gives which frames
    show a picture that the frame before did not."""
    index = np.searchsorted(pictures, grid.times, side="right") - 1
    seen = grid.during(spans) & (index >= 0)
    runs = _runs(grid, seen)
    new = np.zeros(len(seen), bool)
    new[1:] = seen[1:] & (index[1:] != index[:-1])
    skipped = 0
    for first, last in runs:
        new[first] = True
        skipped += int(np.maximum(np.diff(index[first:last]) - 1, 0).sum())
    in_gaps = grid.during(Span(loss.from_ns, loss.to_ns) for loss in losses)
    frames, real = int(seen.sum()), int(new.sum())
    sent = int(_sent(pictures, grid.times, runs))
    figures = Shown(
        frames=frames,
        real=real,
        repeated=frames - real,
        repeated_in_gaps=int((seen & ~new & in_gaps).sum()),
        skipped=skipped,
        sent_per_second=round(sent * grid.fps / frames, 2) if frames else None,
        shown_per_second=round(real * grid.fps / frames, 2) if frames else None,
        least_per_second=_least(grid.fps, new, runs),
        freezes=tuple(_freezes(grid, new, runs, losses)),
    )
    return figures, new


def _runs(grid: Grid, seen: Flags) -> list[tuple[int, int]]:
    """Frames in which the stream is seen without a break: [first, last) of each."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], seen, [False])).astype(np.int8)))
    inner = [seam for seam in grid.seams[1:] if 0 < seam < len(seen)]
    cuts = [seam for seam in inner if seen[seam] and seen[seam - 1]]
    bounds = sorted([*edges.tolist(), *cuts, *cuts])
    return [(int(a), int(b)) for a, b in zip(bounds[::2], bounds[1::2], strict=True)]


def _sent(pictures: Times, times: Times, runs: Sequence[tuple[int, int]]) -> int:
    """Pictures that became due while the stream was seen."""
    total = 0
    for first, last in runs:
        bounds = np.searchsorted(pictures, (times[first], times[last - 1]), side="right")
        total += int(bounds[1] - bounds[0]) + 1
    return total


def _least(fps: int, new: Flags, runs: Sequence[tuple[int, int]]) -> int | None:
    """Least number of new pictures in any second within a run, or None: nothing lasts so long."""
    sums = np.concatenate(([0], np.cumsum(new)))
    least = [
        int((sums[first + fps : last + 1] - sums[first : last + 1 - fps]).min())
        for first, last in runs
        if last - first >= fps
    ]
    return min(least, default=None)


def _freezes(
    grid: Grid, new: Flags, runs: Sequence[tuple[int, int]], losses: Sequence[Loss]
) -> Iterable[Freeze]:
    for first, last in runs:
        starts = np.append(np.flatnonzero(new[first:last]) + first, last)
        lengths = np.diff(starts)
        for at in np.flatnonzero(lengths > FREEZE_S * grid.fps):
            begin, end = int(starts[at]), int(starts[at + 1])
            cause = _cause(int(grid.times[begin]), int(grid.times[end - 1]), losses)
            yield Freeze(round(begin / grid.fps, 3), round((end - begin) / grid.fps, 3), cause)


def _cause(from_ns: int, to_ns: int, losses: Sequence[Loss]) -> str:
    met = [loss for loss in losses if loss.from_ns < to_ns and loss.to_ns > from_ns]
    return max(met, key=lambda loss: loss.to_ns - loss.from_ns).reason if met else NOTHING_SENT
