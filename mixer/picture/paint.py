"""Puts scaled tiles onto a matte's base: which pixels are copied, which are blended (matte.py).

All that depends on the matte alone is worked out once, in `PaintPlan`. Coverages are net: where
two tiles claim the same pixel, the upper one has it, and the lower one what is left.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..layout.matte import Matte, Tile
from .planes import Plane, Planes

BLACK = (16, 128, 128)  # Y, Cb, Cr of a black video, limited range
ONE = 1 << 16  # coverage 255, as a factor in 16.16 fixed point
HALF = ONE // 2
DENSE = 0.2  # rows with more partly covered pixels than this share are blended whole

Box = tuple[int, int, int, int]  # x, y, width, height
Factors = NDArray[np.uint32]
Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle of a canvas plane that one tile alone paints: out = (v * gain + bias) >> 16, or
    a plain copy where gain is None. `at` addresses the canvas, `of` the tile's picture."""

    at: tuple[slice, slice]
    of: tuple[slice, slice]
    gain: Factors | None = None
    bias: Factors | None = None


@dataclass(frozen=True, slots=True)
class Points:
    """Single pixels blended in the same way: `at` in the canvas plane, flat; `of` in the tile's
    picture, as rows and columns."""

    at: Indices
    of: tuple[Indices, Indices]
    gain: Factors
    bias: Factors


@dataclass(frozen=True, slots=True)
class Shared:
    """Pixels to which several tiles contribute: out = (bias + sum of v * gain) >> 16."""

    at: Indices
    bias: NDArray[np.int64]
    parts: tuple[tuple[int, Indices, tuple[Indices, Indices], Factors], ...]  # tile, into, of, gain


@dataclass(frozen=True, slots=True)
class Strokes:
    """What one tile paints on one plane."""

    areas: tuple[Area, ...]
    points: Points


@dataclass(slots=True)
class PaintPlan:
    """How the tiles of one matte are painted. `boxes`: for each tile the even box of pixels that
    its scaled picture must fill, None if nothing of it is to be seen."""

    matte: Matte
    boxes: list[Box | None] = field(init=False)
    strokes: list[tuple[Strokes, ...]] = field(init=False)  # of tile, plane
    shared: list[Shared] = field(init=False)  # of plane

    def __post_init__(self) -> None:
        luma = net_coverages(self.matte)
        self.boxes = [_even_box(coverage) for coverage in luma]
        chroma = [chroma_coverage(coverage) for coverage in luma]
        planes = [luma, chroma, chroma]
        masks = [_Masks.of(coverages) for coverages in (luma, chroma)]
        masks.append(masks[1])
        self.strokes = [
            tuple(self._strokes(tile, plane, planes[plane], masks[plane]) for plane in range(3))
            for tile in range(len(luma))
        ]
        self.shared = [self._shared(plane, planes[plane], masks[plane]) for plane in range(3)]

    def paint(self, canvas: Planes, tile: int, picture: Planes | None) -> None:
        """Paints what the tile alone covers; a tile without a picture is black."""
        for plane, strokes in enumerate(self.strokes[tile]):
            if picture is None:
                _restore(canvas[plane], self.matte.base[plane], strokes)
            else:
                _paint(canvas[plane], picture[plane], strokes)

    def paint_shared(self, canvas: Planes, pictures: list[Planes | None]) -> None:
        """Paints the pixels to which several tiles contribute."""
        for plane, shared in enumerate(self.shared):
            if not shared.at.size:
                continue
            total = shared.bias.copy()
            for tile, into, of, gain in shared.parts:
                picture = pictures[tile]
                if picture is None:
                    total[into] += gain.astype(np.int64) * BLACK[plane]
                else:
                    total[into] += picture[plane][of] * gain.astype(np.int64)
            canvas[plane].reshape(-1)[shared.at] = np.clip(total >> 16, 0, 255)

    def _strokes(self, tile: int, plane: int, coverages: list[Plane], masks: _Masks) -> Strokes:
        box = self.boxes[tile]
        empty = np.zeros(0, np.intp)
        nothing = Points(empty, (empty, empty), empty.astype(np.uint32), empty.astype(np.uint32))
        if box is None:
            return Strokes((), nothing)
        x, y = (box[0], box[1]) if plane == 0 else (box[0] // 2, box[1] // 2)
        mine = coverages[tile]
        others = masks.touched - (mine > 0) > 0
        gain, bias = self._factors(plane, mine)
        areas: list[Area] = []
        points = (mine > 0) & ~others
        for top, bottom, left, right in _rectangles(mine, others):
            points[top:bottom, left:right] = False
            partial = mine[top:bottom, left:right] < 255
            for first, last, dense in _bands(partial):
                at = (slice(top + first, top + last), slice(left, right))
                of = (slice(at[0].start - y, at[0].stop - y), slice(left - x, right - x))
                if dense:
                    areas.append(Area(at, of, gain[at].copy(), bias[at].copy()))
                else:
                    areas.append(Area(at, of))
                    points[at] = partial[first:last]
        rows, columns = np.nonzero(points)
        flat = rows * mine.shape[1] + columns
        at_points = Points(flat, (rows - y, columns - x), gain[points], bias[points])
        return Strokes(tuple(areas), at_points)

    def _factors(self, plane: int, coverage: Plane) -> tuple[Factors, Factors]:
        """(gain, bias) of every pixel; biases are clipped such that no sum leaves 0..255."""
        gain = _gain(coverage).astype(np.int64)
        bias = (self.matte.base[plane].astype(np.int64) << 16) + HALF - gain * BLACK[plane]
        bias = np.clip(bias, 0, (256 << 16) - 1 - gain * 255)
        return gain.astype(np.uint32), bias.astype(np.uint32)

    def _shared(self, plane: int, coverages: list[Plane], masks: _Masks) -> Shared:
        at = np.flatnonzero(masks.touched > 1)
        base = self.matte.base[plane].reshape(-1)[at].astype(np.int64)
        bias = (base << 16) + HALF
        parts = []
        for tile, coverage in enumerate(coverages if at.size else []):
            box = self.boxes[tile]
            values = coverage.reshape(-1)[at]
            into = np.flatnonzero(values)
            if box is None or not into.size:
                continue
            gain = _gain(values[into])
            bias[into] -= gain.astype(np.int64) * BLACK[plane]
            x, y = (box[0], box[1]) if plane == 0 else (box[0] // 2, box[1] // 2)
            rows, columns = np.divmod(at[into], coverage.shape[1])
            parts.append((tile, into, (rows - y, columns - x), gain))
        return Shared(at, bias, tuple(parts))


@dataclass(frozen=True, slots=True)
class _Masks:
    touched: NDArray[np.uint8]  # how many tiles show something in a pixel

    @classmethod
    def of(cls, coverages: list[Plane]) -> _Masks:
        shape = coverages[0].shape if coverages else (0, 0)
        touched = np.zeros(shape, np.uint8)
        for coverage in coverages:
            touched += coverage > 0
        return cls(touched)


def net_coverages(matte: Matte) -> list[Plane]:
    """For each tile its coverage of the whole canvas (height, width), none of it above another."""
    rest = np.full((matte.height, matte.width), 255, np.uint8)
    found: list[Plane] = []
    for tile in reversed(matte.tiles):
        coverage = np.minimum(_on_canvas(tile, matte), rest)
        rest -= coverage
        found.append(coverage)
    return found[::-1]


def chroma_coverage(luma: Plane) -> Plane:
    """Coverage of 4:2:0 chroma samples sited left: two rows, columns weighted 1:2:1."""
    height, width = luma.shape
    padded = np.pad(luma, ((0, height % 2), (1, 1 + width % 2)), mode="edge").astype(np.uint16)
    rows = padded[0::2] + padded[1::2]
    total = rows[:, 0:-2:2] + 2 * rows[:, 1:-1:2] + rows[:, 2::2]
    halved: Plane = ((total + 4) >> 3).astype(np.uint8)
    return halved


def _on_canvas(tile: Tile, matte: Matte) -> Plane:
    canvas = np.zeros((matte.height, matte.width), np.uint8)
    x0, y0 = max(0, tile.x), max(0, tile.y)
    x1, y1 = min(matte.width, tile.x + tile.width), min(matte.height, tile.y + tile.height)
    if x1 > x0 and y1 > y0:
        canvas[y0:y1, x0:x1] = tile.coverage[y0 - tile.y : y1 - tile.y, x0 - tile.x : x1 - tile.x]
    return canvas


def _even_box(coverage: Plane) -> Box | None:
    """The least box of even position and size around all that is covered, chroma too."""
    rows = np.flatnonzero(coverage.any(axis=1))
    columns = np.flatnonzero(coverage.any(axis=0))
    if not rows.size:
        return None
    x, y = int(columns[0]) // 2 * 2, int(rows[0]) // 2 * 2
    # A covered column 2i + 1 reaches the chroma sample of the next pair too.
    right, bottom = (int(columns[-1]) + 3) // 2 * 2, (int(rows[-1]) + 2) // 2 * 2
    right = min(right, (coverage.shape[1] + 1) // 2 * 2)
    return x, y, right - x, bottom - y


def _gain(coverage: Plane) -> Factors:
    return ((coverage.astype(np.uint32) * ONE + 127) // 255).astype(np.uint32)


def _rectangles(mine: Plane, others: NDArray[np.bool_]) -> list[tuple[int, int, int, int]]:
    """(top, bottom, left, right): rectangles that hold most of a tile and nothing of others."""
    rows, columns = np.flatnonzero(mine.any(axis=1)), np.flatnonzero(mine.any(axis=0))
    if not rows.size:
        return []
    found = []
    bands = [(int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)]
    while bands:
        top, bottom, left, right = bands.pop()
        foreign = others[top:bottom, left:right]
        y, x = np.flatnonzero(foreign.any(axis=1)), np.flatnonzero(foreign.any(axis=0))
        if not y.size:
            found.append((top, bottom, left, right))
            continue
        y0, y1 = top + int(y[0]), top + int(y[-1]) + 1
        x0, x1 = left + int(x[0]), left + int(x[-1]) + 1
        parts = [(top, y0, left, right), (y1, bottom, left, right)]
        parts += [(y0, y1, left, x0), (y0, y1, x1, right)]
        # Parts free of others by construction; what is inside the hole is left to single pixels,
        # except where it falls into halves that are worth another look.
        found += [part for part in parts if part[1] > part[0] and part[3] > part[2]]
        bands += _halves(y0, y1, x0, x1, mine, others)
    return found


def _halves(
    top: int, bottom: int, left: int, right: int, mine: Plane, others: NDArray[np.bool_]
) -> list[tuple[int, int, int, int]]:
    """The two halves of a hole in which the tile still shows much, else nothing."""
    shown = np.count_nonzero(mine[top:bottom, left:right][~others[top:bottom, left:right]])
    if shown < 4096:
        return []
    if bottom - top > right - left:
        middle = (top + bottom) // 2
        return [(top, middle, left, right), (middle, bottom, left, right)]
    middle = (left + right) // 2
    return [(top, bottom, left, middle), (top, bottom, middle, right)]


def _bands(partial: NDArray[np.bool_]) -> list[tuple[int, int, bool]]:
    """(first row, last row, whether to blend it whole) of a rectangle."""
    dense = partial.mean(axis=1) > DENSE
    edges = np.flatnonzero(np.diff(dense)) + 1
    bounds = [0, *(int(edge) for edge in edges), len(dense)]
    return [(a, b, bool(dense[a])) for a, b in pairwise(bounds)]


def _paint(canvas: Plane, picture: Plane, strokes: Strokes) -> None:
    for area in strokes.areas:
        source = picture[area.of]
        if area.gain is None or area.bias is None:
            canvas[area.at] = source
        else:
            blended = np.multiply(source, area.gain, dtype=np.uint32)
            blended += area.bias
            blended >>= 16
            canvas[area.at] = blended
    points = strokes.points
    if points.at.size:
        blended = np.multiply(picture[points.of], points.gain, dtype=np.uint32)
        blended += points.bias
        blended >>= 16
        canvas.reshape(-1)[points.at] = blended


def _restore(canvas: Plane, base: Plane, strokes: Strokes) -> None:
    for area in strokes.areas:
        canvas[area.at] = base[area.at]
    points = strokes.points
    if points.at.size:
        canvas.reshape(-1)[points.at] = base.reshape(-1)[points.at]
