"""Looks at a finished video: where it is black, blank or stands still. Decodes key pictures only,
and whole segments where the edges of such a stretch lie.

There is one key picture every 4 s at least (encode/video.py): what is shorter than that may be
missed. One picture is in memory at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
from numpy.typing import NDArray

from ..errors import RenderError
from ..picture.planes import planes_of

Kind = Literal["black", "blank", "still"]
Luma = NDArray[np.uint8]

STEP = 2  # every other sample of every other line is looked at
BLOCK = 16  # samples of those: the unit in which pictures are compared
BLACK_MEAN, BLACK_HIGHEST = 20, 40  # of 16 to 235
FLAT = 10  # levels between the least and the highest sample of one flat colour
MOVED = 1.0  # levels by which some block's mean changes when anything does
STILL_S = 8.0  # a page that stands still for less is nothing to speak of
MAX_REFINED = 10  # edges that are looked for to the frame; others are as exact as key pictures


@dataclass(frozen=True, slots=True)
class Look:
    """A key picture in figures; `moved`: it differs from the key picture before."""

    t: float
    mean: float
    spread: float  # standard deviation of luma
    black: bool
    blank: bool  # one flat colour
    moved: bool


@dataclass(frozen=True, slots=True)
class Stretch:
    """`refined`: the edges are exact to the frame, not only to the key picture."""

    kind: Kind
    t: float
    seconds: float
    refined: bool


def look_through(path: Path, on_progress: Callable[[float], None]) -> list[Look]:
    """All key pictures, in order. Raises RenderError if the file cannot be read."""
    looks: list[Look] = []
    before: NDArray[np.float32] | None = None
    with open_video(path) as container:
        stream = container.streams.video[0]
        seconds = float((stream.duration or 0) * (stream.time_base or 0)) or 1.0
        stream.codec_context.skip_frame = "NONKEY"
        for frame in container.decode(stream):
            luma, blocks = _luma(frame), _blocks(_luma(frame))
            moved = before is None or bool(np.abs(blocks - before).max() >= MOVED)
            looks.append(_look(frame, luma, moved))
            before = blocks
            on_progress(min(1.0, looks[-1].t / seconds))
    return looks


def stretches(path: Path, looks: Sequence[Look], seconds: float) -> list[Stretch]:
    """Black, blank and still stretches of a file that lasts `seconds`, in order of time."""
    found: list[Stretch] = []
    for kind in ("black", "blank"):
        hits = [look.black if kind == "black" else look.blank for look in looks]
        for first, last in _runs(hits):
            found.append(_refined(path, looks, kind, first, last, seconds, len(found)))
    found += _still(looks, seconds)
    return sorted(found, key=lambda stretch: stretch.t)


def open_video(path: Path) -> Any:
    """An open container with a picture in it. Raises RenderError."""
    try:
        container = av.open(str(path))
    except (OSError, av.error.FFmpegError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise RenderError(f"cannot read {path}: {reason}; make it again") from error
    if not container.streams.video:
        container.close()
        raise RenderError(f"{path} has no picture; make it again")
    container.streams.video[0].codec_context.thread_count = 1
    return container


def _look(frame: av.VideoFrame, luma: Luma, moved: bool) -> Look:
    black, blank = _black(luma), _flat(frame, luma)
    mean, spread = float(luma.mean()), float(luma.std())
    return Look(float(frame.time or 0.0), mean, spread, black, blank and not black, moved)


def _luma(frame: av.VideoFrame) -> Luma:
    return planes_of(frame)[0][::STEP, ::STEP]


def _blocks(luma: Luma) -> NDArray[np.float32]:
    """Mean of each whole block."""
    rows, columns = max(1, luma.shape[0] // BLOCK), max(1, luma.shape[1] // BLOCK)
    height, width = luma.shape[0] // rows, luma.shape[1] // columns
    cut = luma[: rows * height, : columns * width].reshape(rows, height, columns, width)
    means: NDArray[np.float32] = cut.mean(axis=(1, 3), dtype=np.float32)
    return means


def _black(luma: Luma) -> bool:
    return bool(luma.mean() <= BLACK_MEAN and luma.max() <= BLACK_HIGHEST)


def _flat(frame: av.VideoFrame, luma: Luma) -> bool:
    if int(luma.max()) - int(luma.min()) > FLAT:
        return False
    return all(int(np.ptp(chroma)) <= FLAT for chroma in planes_of(frame)[1:])


def _runs(hits: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """First and last index of each run of hits."""
    first: int | None = None
    for at, hit in enumerate([*hits, False]):
        if hit and first is None:
            first = at
        elif not hit and first is not None:
            yield first, at - 1
            first = None


def _refined(
    path: Path,
    looks: Sequence[Look],
    kind: Kind,
    first: int,
    last: int,
    seconds: float,
    refined: int,
) -> Stretch:
    """A run of key pictures [first, last] as a stretch; its edges lie between key pictures."""
    start = looks[first].t
    stop = looks[last + 1].t if last + 1 < len(looks) else seconds
    exact = 2 * refined < MAX_REFINED
    if exact and first > 0:
        start = _edge(path, looks[first - 1].t, start, kind, True)
    if exact and start < stop:
        stop = _edge(path, looks[last].t, stop, kind, False)
    return Stretch(kind, round(start, 3), round(stop - start, 3), exact)


def _edge(path: Path, from_s: float, to_s: float, kind: Kind, begins: bool) -> float:
    """Time of the first frame in [from_s, to_s) from which on it is black (blank), or not."""
    edge = to_s
    with open_video(path) as container:
        stream = container.streams.video[0]
        container.seek(round(from_s / stream.time_base), stream=stream)
        for frame in container.decode(stream):
            at = float(frame.time or 0.0)
            if at >= to_s:
                break
            luma = _luma(frame)
            hit = _black(luma) if kind == "black" else _flat(frame, luma) and not _black(luma)
            if not begins and not hit:
                return at
            if begins:
                edge = (edge if edge < to_s else at) if hit else to_s
    return edge


def _still(looks: Sequence[Look], seconds: float) -> Iterator[Stretch]:
    """Where key picture after key picture is the same."""
    same = [not look.moved and not look.black and not look.blank for look in looks]
    for first, last in _runs(same):
        start = looks[first - 1].t
        stop = looks[last].t if last + 1 < len(looks) else seconds
        if stop - start >= STILL_S:
            yield Stretch("still", round(start, 3), round(stop - start, 3), False)
