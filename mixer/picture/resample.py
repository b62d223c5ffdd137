"""Resamples single planes by real-valued affine maps, with swscale on gray pictures.

`window.py` finds the whole-numbered windows. Where none is near enough, Pillow's slower resampling
with a real-valued box does it; where the map is no scaling at all, the nearest samples are taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray
from PIL import Image

from .planes import Plane, gray_plane
from .window import Axis, Window, steps

FLAGS = Interpolation.BICUBIC | Interpolation.BITEXACT | Interpolation.ACCURATE_RND
MAX_REDUCTION = 32.0  # swscale's filters end near 64 times; Pillow's do not
MIN_SLOPE = 1e-3
OVERREAD = 64  # bytes that SIMD code may read beyond the last sample of a plane
MAX_BEYOND = 4096  # samples beyond the source's edge that are still made by repeating it

Span = tuple[int, int]  # output samples [first, last)


@dataclass(frozen=True, slots=True)
class PlanePlan:
    """How planes of one size are brought onto output samples `columns` by `rows`."""

    x: Axis  # slopes are positive: mirrored maps are turned round, and the result is flipped
    y: Axis
    columns: Span
    rows: Span
    flip: tuple[slice, slice]
    across: tuple[Window, ...]  # empty: not by windows
    down: tuple[Window, ...]

    @classmethod
    def of(cls, x: Axis, y: Axis, columns: Span, rows: Span) -> PlanePlan:
        flip = (slice(None, None, _direction(y)), slice(None, None, _direction(x)))
        x = x.flipped(*columns) if x.slope < 0 else x
        y = y.flipped(*rows) if y.slope < 0 else y
        across, down = _windows(x, columns), _windows(y, rows)
        if not (across and down):
            across = down = ()
        return cls(x, y, columns, rows, flip, across, down)

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows[1] - self.rows[0], self.columns[1] - self.columns[0]

    @property
    def quick(self) -> bool:
        return bool(self.across)


class PlaneResampler:
    """Carries out a PlanePlan; one for each plane of a picture."""

    def __init__(self, plan: PlanePlan) -> None:
        self.plan = plan
        self._passes: list[_Pass] = []
        count = max(len(plan.across), len(plan.down))
        if count == 2:
            self._passes.append(
                _Pass(_first(plan.across, plan.x.size), _first(plan.down, plan.y.size))
            )
        if count:
            self._passes.append(_Pass(plan.across[-1], plan.down[-1]))
        sound = _sound(plan.x, plan.columns) and _sound(plan.y, plan.rows)
        slow = _by_pillow if sound else _nearest
        self._make: Callable[[Plane], Plane] = self._by_windows if count else slow(plan)

    def into(self, source: Plane, out: Plane) -> None:
        """Fills `out` (rows, columns) from a whole source plane."""
        out[...] = self._make(source)[self.plan.flip]

    def _by_windows(self, source: Plane) -> Plane:
        for one in self._passes:
            source = one.run(source)
        height, width = self.plan.shape
        left, top = self.plan.across[-1].skip, self.plan.down[-1].skip
        return source[top : top + height, left : left + width]


class _Pass:
    """One call of swscale."""

    def __init__(self, across: Window, down: Window) -> None:
        self._across, self._down = across, down
        self._reformatter = VideoReformatter()
        self._padded: Plane | None = None

    def run(self, source: Plane) -> Plane:
        scaled = self._reformatter.reformat(
            av.VideoFrame.from_numpy_buffer(self._cut(source), "gray"),
            width=self._across.out_length,
            height=self._down.out_length,
            format="gray",
            interpolation=FLAGS,
            threads=1,
        )
        return gray_plane(scaled)

    def _cut(self, source: Plane) -> Plane:
        """The source window; beyond the plane its edge samples are repeated."""
        left, top = self._across.source, self._down.source
        right, bottom = left + self._across.source_length, top + self._down.source_length
        height, width = source.shape
        if left >= 0 and top >= 0 and right <= width and bottom <= height:
            return source[top:bottom, left:right]
        if self._padded is None:
            self._padded = _with_overread(bottom - top, right - left)
        _pad(source, left, top, self._padded)
        return self._padded


def _by_pillow(plan: PlanePlan) -> Callable[[Plane], Plane]:
    """Bicubic with antialiasing, as swscale's; Pillow's box may not reach beyond the picture."""
    left, right = (plan.x.slope * edge + plan.x.offset for edge in plan.columns)
    top, bottom = (plan.y.slope * edge + plan.y.offset for edge in plan.rows)
    pad_x, pad_y = _beyond(left, right, plan.x.size), _beyond(top, bottom, plan.y.size)
    box = (left + pad_x, top + pad_y, right + pad_x, bottom + pad_y)
    size = plan.shape[::-1]

    def resample(source: Plane) -> Plane:
        if pad_x or pad_y:
            source = np.pad(source, ((pad_y, pad_y), (pad_x, pad_x)), mode="edge")
        return np.asarray(Image.fromarray(source).resize(size, Image.Resampling.BICUBIC, box=box))

    return resample


def _nearest(plan: PlanePlan) -> Callable[[Plane], Plane]:
    """For maps that are no scalings: a tile of no width, or far beside its picture."""
    x, y = _samples(plan.x, plan.columns), _samples(plan.y, plan.rows)

    def take(source: Plane) -> Plane:
        taken: Plane = source[np.ix_(y, x)]
        return taken

    return take


def _windows(axis: Axis, span: Span) -> tuple[Window, ...]:
    if not _sound(axis, span) or axis.slope > MAX_REDUCTION:
        return ()
    found = steps(axis, *span)
    return found if found[-1].good else ()


def _sound(axis: Axis, span: Span) -> bool:
    """Whether an axis is a scaling that shows something of the source."""
    low, high = (axis.slope * edge + axis.offset for edge in span)
    if not (math.isfinite(low) and math.isfinite(high) and axis.slope >= MIN_SLOPE):
        return False
    return low < axis.size - 1 and high > 1 and max(-low, high - axis.size) < MAX_BEYOND


def _first(windows: tuple[Window, ...], size: int) -> Window:
    """The window of the first of two passes: none of its own means that all stays as it is."""
    return windows[0] if len(windows) == 2 else Window(0, size, size, 0, 0.0)


def _direction(axis: Axis) -> int:
    return -1 if axis.slope < 0 else 1


def _beyond(low: float, high: float, size: int) -> int:
    return max(0, math.ceil(-low), math.ceil(high - size))


def _samples(axis: Axis, span: Span) -> NDArray[np.intp]:
    exact = np.nan_to_num(axis.slope * (np.arange(*span) + 0.5) + axis.offset)
    samples: NDArray[np.intp] = np.clip(np.floor(exact), 0, axis.size - 1).astype(np.intp)
    return samples


def _with_overread(height: int, width: int) -> Plane:
    flat = np.zeros(height * width + OVERREAD, np.uint8)
    return flat[: height * width].reshape(height, width)


def _pad(source: Plane, left: int, top: int, into: Plane) -> None:
    """Copies the window at (left, top) of the source, as large as `into`, edges repeated."""
    height, width = into.shape
    y0, y1 = max(0, -top), min(height, source.shape[0] - top)
    x0, x1 = max(0, -left), min(width, source.shape[1] - left)
    into[y0:y1, x0:x1] = source[top + y0 : top + y1, left + x0 : left + x1]
    into[y0:y1, :x0] = into[y0:y1, x0 : x0 + 1]
    into[y0:y1, x1:] = into[y0:y1, x1 - 1 : x1]
    into[:y0] = into[y0]
    into[y1:] = into[y1 - 1]
