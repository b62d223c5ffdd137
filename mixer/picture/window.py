"""Which whole samples of a source plane, scaled to which whole samples of output, come nearest to
a real-valued placement (pure arithmetic; `resample.py` does the scaling).

swscale maps whole source samples [source, source + source_length) onto whole output samples
[out, out + out_length). A placement is an affine map with real coefficients. If both ends of the
window may lie some samples outside of what is needed, ends can be chosen that fall nearly onto
whole source samples, and the map between them is right within a few hundredths of a sample. Where
the ratio is a simple fraction (3:2, 2:1) no end may do; then the source is first enlarged by a few
samples, which makes the ratio a less simple one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..layout.matte import Placement

SEARCH = 40  # output samples that an end of a window may lie outside of what is needed
SUPPORT = 2.0  # of the bicubic kernel, in samples of the coarser grid
ERROR_WEIGHT = 300.0  # a hundredth of a sample is worth scaling this many hundredths more samples
OUTSIDE_COST = 20.0  # of a window that needs samples beyond the source's edge
SNAP = 0.08  # output pixels
LEAST_SHARE = 1e-6  # of a picture in an output pixel: less is no placement
AIM = 0.025  # of error at an end, if there is any such end within reach
INTOLERABLE = 1e5  # cost of a sample of error above that
ENLARGEMENTS = range(7, 64, 3)  # samples by which a source is enlarged where ends do not do
TOLERANCE = 0.03  # samples of the coarser of the two grids


@dataclass(frozen=True, slots=True)
class Axis:
    """Map of one axis of one plane: output sample j shows source coordinate
    slope * (j + 0.5) + offset, where source sample i has its centre at i + 0.5."""

    slope: float
    offset: float
    size: int  # source samples

    def flipped(self, first: int, last: int) -> Axis:
        """The same map with the output samples [first, last) in reverse order."""
        return Axis(-self.slope, self.offset + self.slope * (first + last), self.size)


@dataclass(frozen=True, slots=True)
class Window:
    """Scale [source, source + source_length) to out_length samples; those that are wanted begin
    at `skip`. The source window may reach beyond the source: its edge samples are repeated."""

    source: int
    source_length: int
    out_length: int
    skip: int
    error: float  # greatest deviation from the placement, in samples of the coarser grid

    @property
    def step(self) -> float:
        """Source samples for each output sample, in swscale's 16.16 fixed point."""
        whole = (self.source_length << 16) + self.out_length // 2
        return whole // self.out_length / 65536

    @property
    def good(self) -> bool:
        return self.error <= TOLERANCE


def snapped(placement: Placement, box: tuple[int, int, int, int]) -> Placement:
    """The placement with the picture's edges on whole output pixels, where that moves nothing
    within `box` (x, y, width, height) by more than SNAP pixels.

    Browsers paint videos into boxes of whole pixels; placements are measured, with an error of some
    hundredths of a pixel. A screen at its own size is then copied, not blurred."""
    x, y, width, height = box
    across = _snapped(placement.ax, placement.bx, x, x + width)
    down = _snapped(placement.ay, placement.by, y, y + height)
    return Placement(*across, *down)


def _snapped(a: float, b: float, first: int, last: int) -> tuple[float, float]:
    if not (math.isfinite(a) and math.isfinite(b)) or abs(a) < LEAST_SHARE:
        return a, b
    start, end = round(-b / a), round((1 - b) / a)
    if start == end:
        return a, b
    slope = 1 / (end - start)
    moved = max(abs(slope * (x - start) - a * x - b) / abs(a) for x in (first, last))
    return (slope, -start * slope) if moved <= SNAP else (a, b)


def luma_axes(placement: Placement, width: int, height: int) -> tuple[Axis, Axis]:
    """Maps (x, y) of the luma plane of a picture of this size."""
    return (
        Axis(placement.ax * width, placement.bx * width, width),
        Axis(placement.ay * height, placement.by * height, height),
    )


def chroma_axes(placement: Placement, width: int, height: int) -> tuple[Axis, Axis]:
    """Maps of 4:2:0 chroma planes, in both pictures sited left: chroma sample (i, j) lies at luma
    coordinates (2i + 0.5, 2j + 1)."""
    slope_x, slope_y = placement.ax * width, placement.ay * height
    offset_x = (placement.bx * width - slope_x / 2) / 2 + 0.25
    return (
        Axis(slope_x, offset_x, (width + 1) // 2),
        Axis(slope_y, placement.by * height / 2, (height + 1) // 2),
    )


def steps(axis: Axis, first: int, last: int) -> tuple[Window, ...]:
    """One window, or two to be gone through one after the other, for output samples
    [first, last); slope > 0. The last one says whether the result is good."""
    best: tuple[Window, ...] = (choose(axis, first, last),)
    margin = math.ceil(3 * max(1.0, axis.slope)) + 4
    low = max(0, math.floor(axis.slope * first + axis.offset) - margin)
    high = min(axis.size, math.ceil(axis.slope * last + axis.offset) + margin)
    for more in ENLARGEMENTS:
        if best[-1].good or high <= low:
            break
        enlarge = Window(low, high - low, high - low + more, 0, 0.0)
        enlarged = Axis(
            axis.slope / enlarge.step, (axis.offset - low) / enlarge.step, enlarge.out_length
        )
        window = choose(enlarged, first, last)
        if window.error < best[-1].error:
            best = (enlarge, window)
    return best


def choose(axis: Axis, first: int, last: int) -> Window:
    """The cheapest good window (else the best) for output samples [first, last); slope > 0."""
    margin = int(np.ceil(SUPPORT * max(1.0, 1.0 / axis.slope))) + 1
    left, left_source = _end(axis, first, -1, margin)
    right, right_source = _end(axis, last, +1, margin)
    window = Window(left_source, max(1, right_source - left_source), right - left, first - left, 0)
    return replace(window, error=_error(axis, window, first, last))


def _end(axis: Axis, needed: int, direction: int, margin: int) -> tuple[int, int]:
    """An output position at or beyond `needed`, and the whole source position nearest to it."""
    distance = np.arange(margin + SEARCH)
    at = needed + direction * distance
    exact = axis.slope * at + axis.offset
    source = np.rint(exact)
    edge = axis.size if direction > 0 else 0
    beyond = (source - edge) * direction
    error = np.abs(source - exact) / max(1.0, axis.slope)
    cost = distance + ERROR_WEIGHT * error + OUTSIDE_COST * (beyond > 0)
    cost += INTOLERABLE * np.maximum(0.0, error - AIM)
    blurred_edge: NDArray[np.bool_] = (distance < margin) & (beyond < 0)
    best = int(np.argmin(np.where(blurred_edge, np.inf, cost)))
    return int(at[best]), int(source[best])


def _error(axis: Axis, window: Window, first: int, last: int) -> float:
    """Deviation at the outermost wanted samples."""
    worst = 0.0
    for j in (first, last - 1):
        made = window.source + (j - first + window.skip + 0.5) * window.step
        worst = max(worst, abs(made - axis.slope * (j + 0.5) - axis.offset))
    return worst / max(1.0, axis.slope)
