"""Which whole samples of a source plane, scaled to which whole samples of output, come nearest to
a real-valued placement (pure arithmetic; `scale.py` does the scaling).

swscale maps whole source samples [source, source + source_length) onto whole output samples
[out, out + out_length). A placement is an affine map with real coefficients. If both ends of the
window may lie some samples outside of what is needed, ends can be chosen that fall nearly onto
whole source samples, and the map between them is right within a few hundredths of a sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..layout.matte import Placement

SEARCH = 40  # output samples that an end of a window may lie outside of what is needed
SUPPORT = 2.0  # of the bicubic kernel, in samples of the coarser grid
ERROR_WEIGHT = 300.0  # a hundredth of a sample is worth scaling this many hundredths more samples
OUTSIDE_COST = 20.0  # of a window that needs samples beyond the source's edge
AIM = 0.025  # of error at an end, if there is any such end within reach
INTOLERABLE = 1e5  # cost of a sample of error above that
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
    def good(self) -> bool:
        return self.error <= TOLERANCE


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


def choose(axis: Axis, first: int, last: int) -> Window:
    """The cheapest good window (else the best) for output samples [first, last); slope > 0."""
    margin = int(np.ceil(SUPPORT * max(1.0, 1.0 / axis.slope))) + 1
    left, left_source = _end(axis, first, -1, margin)
    right, right_source = _end(axis, last, +1, margin)
    source_length = max(1, right_source - left_source)
    out_length = right - left
    error = _error(axis, left, left_source, source_length, out_length, first, last)
    return Window(left_source, source_length, out_length, first - left, error)


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


def _error(
    axis: Axis, left: int, source: int, source_length: int, out_length: int, first: int, last: int
) -> float:
    """Deviation at the outermost wanted samples, with swscale's 16.16 fixed-point step."""
    step = ((source_length << 16) + out_length // 2) // out_length / 65536
    made = [source + (j - left + 0.5) * step for j in (first, last - 1)]
    wanted = [axis.slope * (j + 0.5) + axis.offset for j in (first, last - 1)]
    worst = max(abs(a - b) for a, b in zip(made, wanted, strict=True))
    return worst / max(1.0, axis.slope)
