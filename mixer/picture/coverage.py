"""Which tile has how much of which pixel: net coverages, luma and chroma, in boxes of even corners.

Where two tiles claim the same pixel, the upper one has it, and the lower one what is left.
`paint.py` paints by them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..layout.matte import Matte, Tile
from .planes import Plane

Box = tuple[int, int, int, int]  # x, y, width, height
Mask = NDArray[np.bool_]


class Extent(NamedTuple):
    """The pixels that a tile touches. `box` is even, and holds all chroma samples that it touches;
    luma is needed in `luma` only, which keeps within the tile."""

    box: Box
    luma: Box


@dataclass(frozen=True, slots=True)
class Layer:
    """Net coverage (height, width) of one tile on one plane; its corner lies at (x, y)."""

    x: int
    y: int
    coverage: Plane

    @property
    def width(self) -> int:
        return int(self.coverage.shape[1])

    @property
    def height(self) -> int:
        return int(self.coverage.shape[0])


def luma_layers(matte: Matte) -> list[Layer | None]:
    """For each tile what is to be seen of it; None: nothing. x, y are even; width and height too,
    except where the canvas ends."""
    found: list[Layer | None] = []
    for tile in reversed(matte.tiles):
        layer = _on_canvas(tile, matte)
        if layer is not None:
            uppers = [upper for upper in found if upper is not None]
            layer = _trimmed(_below(layer, uppers), matte)
        found.append(layer)
    return found[::-1]


def chroma_layer(luma: Layer) -> Layer:
    """Coverage of 4:2:0 chroma samples sited left: two rows, columns weighted 1:2:1."""
    height, width = luma.coverage.shape
    left = luma.coverage[:, :1] if luma.x == 0 else np.zeros((height, 1), np.uint8)
    padded = np.hstack([left, luma.coverage])
    padded = np.pad(padded, ((0, height % 2), (0, width % 2)), mode="edge")
    rows = np.add(padded[0::2], padded[1::2], dtype=np.uint16)
    total = rows[:, 1::2] * np.uint16(2)
    total += rows[:, 0:-1:2]
    total += rows[:, 2::2]
    total += 4
    total >>= 3
    return Layer(luma.x // 2, luma.y // 2, total.astype(np.uint8))


def extent_of(luma: Layer) -> Extent:
    """What of a tile's picture is needed."""
    width, height = luma.width + luma.width % 2, luma.height + luma.height % 2
    rows = np.flatnonzero(luma.coverage.any(axis=1))
    columns = np.flatnonzero(luma.coverage.any(axis=0))
    left, top = int(columns[0]), int(rows[0])
    shown = (luma.x + left, luma.y + top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top)
    return Extent((luma.x, luma.y, width, height), shown)


def meeting(a: Layer, b: Layer) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
    """Where two layers' boxes meet, as slices of each; None: nowhere."""
    left, right = max(a.x, b.x), min(a.x + a.width, b.x + b.width)
    top, bottom = max(a.y, b.y), min(a.y + a.height, b.y + b.height)
    if left >= right or top >= bottom:
        return None
    return (
        (slice(top - a.y, bottom - a.y), slice(left - a.x, right - a.x)),
        (slice(top - b.y, bottom - b.y), slice(left - b.x, right - b.x)),
    )


def others_mask(layer: Layer, others: list[Layer]) -> Mask | None:
    """Pixels of a layer's box that another layer shows too; None if there are none."""
    mask: Mask | None = None
    for other in others:
        where = meeting(layer, other)
        if where is None or not (shows := other.coverage[where[1]] > 0).any():
            continue
        mask = np.zeros(layer.coverage.shape, bool) if mask is None else mask
        mask[where[0]] |= shows
    return mask


def _on_canvas(tile: Tile, matte: Matte) -> Layer | None:
    x0, y0 = max(0, tile.x), max(0, tile.y)
    x1, y1 = min(matte.width, tile.x + tile.width), min(matte.height, tile.y + tile.height)
    if x1 <= x0 or y1 <= y0:
        return None
    coverage = tile.coverage[y0 - tile.y : y1 - tile.y, x0 - tile.x : x1 - tile.x]
    return Layer(x0, y0, coverage)


def _below(lower: Layer, uppers: list[Layer]) -> Layer:
    """The lower layer with what upper ones take away; their net sums never exceed 255."""
    taken = np.zeros(0, np.uint8)
    for upper in uppers:
        where = meeting(lower, upper)
        if where is not None and upper.coverage[where[1]].any():
            taken = taken if taken.size else np.zeros(lower.coverage.shape, np.uint8)
            taken[where[0]] += upper.coverage[where[1]]
    if not taken.size:
        return lower
    return Layer(lower.x, lower.y, np.minimum(lower.coverage, 255 - taken))


def _trimmed(layer: Layer, matte: Matte) -> Layer | None:
    """Cut to what is covered, with even corners, and room for the chroma that reaches beyond."""
    rows = np.flatnonzero(layer.coverage.any(axis=1))
    columns = np.flatnonzero(layer.coverage.any(axis=0))
    if not rows.size:
        return None
    x0, x1 = layer.x + int(columns[0]), layer.x + int(columns[-1]) + 1
    y0, y1 = layer.y + int(rows[0]), layer.y + int(rows[-1]) + 1
    left, top = x0 // 2 * 2, y0 // 2 * 2
    # An odd last column x1 - 1 is a neighbour of the chroma sample of the next pair.
    right = min(x1 // 2 * 2 + 2 if x1 % 2 == 0 else x1 + 1, matte.width)
    bottom = min(y1 + y1 % 2, matte.height)
    coverage = np.zeros((bottom - top, right - left), np.uint8)
    inside = layer.coverage[y0 - layer.y : y1 - layer.y, x0 - layer.x : x1 - layer.x]
    coverage[y0 - top : y1 - top, x0 - left : x1 - left] = inside
    return Layer(left, top, coverage)
