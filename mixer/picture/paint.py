"""Puts scaled tiles onto a matte's base: which pixels are copied, which are blended (matte.py).

All that depends on the matte alone is worked out once, in `PaintPlan`: rectangles that hold one
tile alone are copied, then what is partly covered in them is blended, as rectangles where it is
dense (labels) and as single pixels where it is not (rounded corners). All else shows the base.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..layout.matte import Matte
from .coverage import Layer, Mask, chroma_layer, extent_of, luma_layers, others_mask
from .planes import Plane, Planes

BLACK = (16, 128, 128)  # Y, Cb, Cr of a black video, limited range
ONE = 1 << 16  # coverage 255, as a factor in 16.16 fixed point
HALF = ONE // 2
MANY = 24  # partly covered pixels in a row, from which on a rectangle is worth trying
FEW = 256  # pixels that are not worth a rectangle
GAP = 16  # columns that part two rectangles
DENSE = 0.15  # share of partly covered pixels from which on a rectangle is blended whole
SPLIT = 4096  # own pixels in another tile's box from which on it is cut up further

Factors = NDArray[np.uint32]
Indices = NDArray[np.intp]
Area = tuple[slice, slice]  # rows, columns


@dataclass(frozen=True, slots=True)
class Blend:
    """A rectangle: out = (v * gain + bias) >> 16; `at` in the canvas, `of` in the picture."""

    at: Area
    of: Area
    gain: Factors
    bias: Factors


@dataclass(frozen=True, slots=True)
class Points:
    """Single pixels, blended in the same way: `at` is flat, `of` rows and columns."""

    at: Indices
    of: tuple[Indices, Indices]
    gain: Factors
    bias: Factors


@dataclass(frozen=True, slots=True)
class Strokes:
    """What one tile alone paints on one plane, in this order; copies as (canvas, picture)."""

    copies: tuple[tuple[Area, Area], ...]
    blends: tuple[Blend, ...]
    points: Points
    places: tuple[Indices, Indices]  # of the points: rows and columns of the canvas


@dataclass(frozen=True, slots=True)
class Shared:
    """Pixels to which several tiles contribute: out = (bias + sum of v * gain) >> 16."""

    at: Indices
    bias: NDArray[np.int64]
    # tile, which of `at`, where in its picture, gain
    parts: tuple[tuple[int, Indices, tuple[Indices, Indices], NDArray[np.int64]], ...]


@dataclass(frozen=True, slots=True)
class PlanePlan:
    """A plane: `gaps` of no tile's copies show the base; strokes by tile, None: not to be seen."""

    base: Plane
    gaps: tuple[Area, ...]
    strokes: tuple[Strokes | None, ...]
    shared: Shared | None


class PaintPlan:
    """How frames of one matte are painted. `extents`: for each tile what its scaled picture must
    fill, None if nothing of it is to be seen."""

    def __init__(self, matte: Matte, line_sizes: Sequence[int]) -> None:
        """`line_sizes`: bytes in a row of each plane of the frames to be painted."""
        self.matte = matte
        luma = luma_layers(matte)
        chroma = [chroma_layer(layer) if layer else None for layer in luma]
        self.extents = [extent_of(layer) if layer else None for layer in luma]
        self._planes = [
            _plane_plan(layers, base, line_size, black)
            for layers, base, line_size, black in zip(
                (luma, chroma, chroma), matte.base, line_sizes, BLACK, strict=True
            )
        ]

    def on(self, matte: Matte) -> PaintPlan | None:
        """The plan of a matte with the same tiles on another base; None where it has others, or
        tiles that overlap."""
        if not _same_tiles(matte, self.matte) or any(plan.shared for plan in self._planes):
            return None
        made = copy(self)
        made.matte = matte
        made._planes = [
            _rebased(plan, base, black)
            for plan, base, black in zip(self._planes, matte.base, BLACK, strict=True)
        ]
        return made

    def paint(self, rows: Planes, pictures: Sequence[Planes | None]) -> None:
        """Paints whole frames, given as arrays (height, line size); `pictures` of all tiles, each
        as large as its extent's box; a tile without one is black."""
        for number, (plan, out) in enumerate(zip(self._planes, rows, strict=True)):
            for gap in plan.gaps:
                out[gap] = plan.base[gap]
            planes = [None if picture is None else picture[number] for picture in pictures]
            for strokes, picture in zip(plan.strokes, planes, strict=True):
                if strokes is not None:
                    _paint(out, picture, strokes, plan.base)
            if plan.shared is not None:
                _paint_shared(out, planes, plan.shared, BLACK[number])


def _plane_plan(
    layers: Sequence[Layer | None], base: Plane, line_size: int, black: int
) -> PlanePlan:
    masks = [others_mask(layer, _but(layers, layer)) if layer else None for layer in layers]
    strokes = [
        _strokes(layer, mask, base, line_size, black) if layer else None
        for layer, mask in zip(layers, masks, strict=True)
    ]
    copied = [at for one in strokes if one is not None for at, _ in one.copies]
    return PlanePlan(
        base,
        tuple(_gaps(copied, base.shape[0], base.shape[1])),
        tuple(strokes),
        _shared(layers, masks, base, line_size, black),
    )


def _same_tiles(matte: Matte, other: Matte) -> bool:
    """Whether they share their tiles' coverages, too, as mattes that are read one after the other
    do where nothing but the base has changed."""
    if (matte.width, matte.height, len(matte.tiles)) != (
        other.width,
        other.height,
        len(other.tiles),
    ):
        return False
    return all(
        one.coverage is two.coverage
        and (one.stream, one.x, one.y, one.placement) == (two.stream, two.x, two.y, two.placement)
        for one, two in zip(matte.tiles, other.tiles, strict=True)
    )


def _rebased(plan: PlanePlan, base: Plane, black: int) -> PlanePlan:
    strokes = [one and _strokes_on(one, base, black) for one in plan.strokes]
    return replace(plan, base=base, strokes=tuple(strokes))


def _strokes_on(strokes: Strokes, base: Plane, black: int) -> Strokes:
    blends = [
        replace(blend, bias=_bias(blend.gain.astype(np.int64), base[blend.at], black))
        for blend in strokes.blends
    ]
    points, where = strokes.points, strokes.places
    bias = _bias(points.gain.astype(np.int64), base[where], black)
    return replace(strokes, blends=tuple(blends), points=replace(points, bias=bias))


def _but(layers: Sequence[Layer | None], layer: Layer) -> list[Layer]:
    return [other for other in layers if other is not None and other is not layer]


def _strokes(layer: Layer, others: Mask | None, base: Plane, line_size: int, black: int) -> Strokes:
    """`others`: where another tile shows something too; those pixels are left alone."""
    coverage = layer.coverage
    own = coverage > 0 if others is None else (coverage > 0) & ~others
    rectangles = _rectangles(own, others)
    points = np.zeros(own.shape, bool) if others is None else own
    blended: list[Area] = []
    for top, bottom, left, right in rectangles:
        area = (slice(top, bottom), slice(left, right))
        partial = coverage[area] < 255
        for dense in _dense_areas(partial):
            partial[dense] = False
            blended.append(_moved(dense, top, left))
        points[area] = partial
    copies = [(slice(a, b), slice(c, d)) for a, b, c, d in rectangles]
    single = _points(layer, points, base, line_size, black)
    return Strokes(
        tuple((_moved(area, layer.y, layer.x), area) for area in copies),
        tuple(_blend(layer, area, base, black) for area in blended),
        single,
        (single.of[0] + layer.y, single.of[1] + layer.x),
    )


def _blend(layer: Layer, area: Area, base: Plane, black: int) -> Blend:
    at = _moved(area, layer.y, layer.x)
    return Blend(at, area, *_factors(layer.coverage[area], base[at], black))


def _points(layer: Layer, mask: Mask, base: Plane, line_size: int, black: int) -> Points:
    rows, columns = np.divmod(np.flatnonzero(mask), layer.width)
    y, x = rows + layer.y, columns + layer.x
    factors = _factors(layer.coverage[rows, columns], base[y, x], black)
    return Points(y * line_size + x, (rows, columns), *factors)


def _factors(coverage: Plane, base: Plane, black: int) -> tuple[Factors, Factors]:
    """(gain, bias); biases are clipped such that no result leaves 0..255, which leaves nothing of
    the base where the video covers all."""
    gain = _gain(coverage)
    return gain.astype(np.uint32), _bias(gain, base, black)


def _bias(gain: NDArray[np.int64], base: Plane, black: int) -> Factors:
    bias = (base.astype(np.int64) << 16) + HALF - gain * black
    factors: Factors = np.clip(bias, 0, (256 << 16) - 1 - gain * 255).astype(np.uint32)
    return factors


def _gain(coverage: Plane) -> NDArray[np.int64]:
    return (coverage.astype(np.int64) * ONE + 127) // 255


def _shared(
    layers: Sequence[Layer | None],
    masks: Sequence[Mask | None],
    base: Plane,
    line_size: int,
    black: int,
) -> Shared | None:
    own: list[tuple[int, Indices, tuple[Indices, Indices], NDArray[np.int64]]] = []
    for tile, (layer, mask) in enumerate(zip(layers, masks, strict=True)):
        if layer is None or mask is None:
            continue
        rows, columns = np.nonzero(mask & (layer.coverage > 0))
        at = (rows + layer.y) * line_size + columns + layer.x
        own.append((tile, at, (rows, columns), _gain(layer.coverage[rows, columns])))
    if not any(at.size for _, at, _, _ in own):
        return None
    everywhere: Indices = np.unique(np.concatenate([at for _, at, _, _ in own]))
    bias = (base[np.divmod(everywhere, line_size)].astype(np.int64) << 16) + HALF
    parts = []
    for tile, at, of, gain in own:
        into = np.searchsorted(everywhere, at)
        bias[into] -= gain * black
        parts.append((tile, into, of, gain))
    return Shared(everywhere, bias, tuple(parts))


def _rectangles(own: Mask, others: Mask | None) -> list[tuple[int, int, int, int]]:
    """(top, bottom, left, right): rectangles with most of a tile and nothing of others in them."""
    found: list[tuple[int, int, int, int]] = []
    whole = _bounds(own)
    if whole is None or others is None:
        return [] if whole is None else [whole]
    todo = [whole]
    while todo:
        top, bottom, left, right = todo.pop()
        hole = _bounds(others[top:bottom, left:right])
        if hole is None:
            found.append((top, bottom, left, right))
            continue
        y0, y1, x0, x1 = top + hole[0], top + hole[1], left + hole[2], left + hole[3]
        around = [(top, y0, left, right), (y1, bottom, left, right)]
        around += [(y0, y1, left, x0), (y0, y1, x1, right)]
        found += [part for part in around if part[1] > part[0] and part[3] > part[2]]
        if np.count_nonzero(own[y0:y1, x0:x1]) >= SPLIT:
            todo += _halves(y0, y1, x0, x1)
    return found


def _bounds(mask: Mask) -> tuple[int, int, int, int] | None:
    rows = np.flatnonzero(mask.any(axis=1))
    columns = np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _halves(top: int, bottom: int, left: int, right: int) -> list[tuple[int, int, int, int]]:
    if bottom - top > right - left:
        middle = (top + bottom) // 2
        return [(top, middle, left, right), (middle, bottom, left, right)]
    middle = (left + right) // 2
    return [(top, bottom, left, middle), (top, bottom, middle, right)]


def _dense_areas(partial: Mask) -> list[Area]:
    """Rectangles in which so many pixels are partly covered that blending all is quicker."""
    found = []
    counts: NDArray[np.intp] = partial.sum(axis=1)
    for first, last in _runs(counts > MANY, gap=1):
        columns: Mask = np.logical_or.reduce(partial[first:last], axis=0)
        for left, right in _runs(columns, gap=GAP):
            area = (slice(first, last), slice(left, right))
            if partial[area].size > FEW and partial[area].mean() > DENSE:
                found.append(area)
    return found


def _runs(line: NDArray[np.bool_], gap: int) -> list[tuple[int, int]]:
    """(first, last + 1) of the runs of True that lie at least `gap` apart."""
    at = np.flatnonzero(line)
    if not at.size:
        return []
    breaks = np.flatnonzero(np.diff(at) > gap)
    firsts, lasts = at[np.r_[0, breaks + 1]], at[np.r_[breaks, at.size - 1]]
    return [(int(a), int(b) + 1) for a, b in zip(firsts, lasts, strict=True)]


def _moved(area: Area, rows: int, columns: int) -> Area:
    y, x = area
    return slice(y.start + rows, y.stop + rows), slice(x.start + columns, x.stop + columns)


def _gaps(covered: Sequence[Area], height: int, width: int) -> list[Area]:
    """Rectangles that fill what these do not cover."""
    edges = sorted({0, height, *(y.start for y, _ in covered), *(y.stop for y, _ in covered)})
    found: list[Area] = []
    for top, bottom in pairwise(edges):
        spans = sorted((x.start, x.stop) for y, x in covered if y.start <= top < y.stop)
        left = 0
        for start, stop in [*spans, (width, width)]:
            if start > left:
                found.append((slice(top, bottom), slice(left, start)))
            left = max(left, stop)
    return found


def _paint(out: Plane, picture: Plane | None, strokes: Strokes, base: Plane) -> None:
    if picture is None:
        for at, _ in strokes.copies:
            out[at] = base[at]
        return
    for at, of in strokes.copies:
        out[at] = picture[of]
    for blend in strokes.blends:
        blended = np.multiply(picture[blend.of], blend.gain, dtype=np.uint32)
        blended += blend.bias
        blended >>= 16
        out[blend.at] = blended
    points = strokes.points
    if points.at.size:
        blended = np.multiply(picture[points.of], points.gain, dtype=np.uint32)
        blended += points.bias
        blended >>= 16
        out.reshape(-1)[points.at] = blended


def _paint_shared(out: Plane, pictures: Sequence[Plane | None], shared: Shared, black: int) -> None:
    total = shared.bias.copy()
    for tile, into, of, gain in shared.parts:
        picture = pictures[tile]
        total[into] += gain * (np.int64(black) if picture is None else picture[of])
    out.reshape(-1)[shared.at] = np.clip(total >> 16, 0, 255)
