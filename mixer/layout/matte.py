"""What a matte is: a page's look with holes where videos lie (values only; rendering.md).

The layout stage makes mattes, the matte track (`mixer/layout/track.py`) keeps them on disk, the
picture stage puts the videos in. A composed pixel is, in BT.709 limited-range Y'CbCr:

    Y = base.Y + A * (Yv - 16) / 255,   C = base.C + A * (Cv - 128) / 255

where A is the tile's coverage there (0..255) and v the tile's scaled video, itself converted to
BT.709 limited range.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Placement:
    """Axis-aligned map from output to picture: the centre of output pixel (x, y) shows the point
    u = ax * (x + 0.5) + bx, v = ay * (y + 0.5) + by of the picture, both in units of the picture's
    width and height (0..1). Negative ax or ay: mirrored."""

    ax: float
    bx: float
    ay: float
    by: float


@dataclass(frozen=True, slots=True)
class Tile:
    """One `<video>` on the page, or rather the pixels that show it."""

    stream: str  # conference stream id whose video lies here
    x: int  # box of output pixels that it touches
    y: int
    width: int
    height: int
    placement: Placement
    coverage: Plane  # (height, width) uint8; 255: only this video, 0: nothing of it


@dataclass(frozen=True, slots=True)
class Matte:
    """A page's look at one moment. Tiles are in painting order, bottom first; a tile's coverage is
    its own share of each pixel after what lies over it, so where tiles overlap shares add up.

    `base` is the page with every video black, 4:2:0: Y (height, width), Cb and Cr
    (ceil(height/2), ceil(width/2)), uint8, BT.709 limited, chroma sited left (MPEG-2).
    A pixel-rendered moment is a matte without tiles.
    """

    width: int
    height: int
    base: tuple[Plane, Plane, Plane]
    tiles: tuple[Tile, ...] = ()
