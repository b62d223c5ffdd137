"""Test cards: what the page's videos show while stills are taken, and how to read them back.

A ramp's red is the column, its green the row of a CARD_WIDTH x CARD_HEIGHT card, exact in 8 bits;
its blue is 16 * (number of the tile modulo 15 + 1). The opposite ramp falls from 255: the two
together tell the place whichever way the browser rounds. The verification card is pseudo-random.
The browser scales cards bilinearly, in sixteenths of a pixel or exactly; `sampled` does both here.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mixer.layout.matte import Placement, Tile

CARD_WIDTH = 256
CARD_HEIGHT = 144
DIGITS = 15  # tiles that one ramp still can tell apart
STEP = 16  # levels of blue between two of them
RAMP = "ramp"
OPPOSITE = "pmar"
GROUP = "group"  # the tile number's other digit: 16 * (number // 15 + 1)
BLACK = "#000000"
WHITE = "#ffffff"
SOLO = ("#ff0000", "#00ff00", "#0000ff")  # one tile a colour channel
SKIA_STEPS = 16  # the browser interpolates in sixteenths, rounded down, at whole positions
BLOCKS = (1, 2, 4, 8, 16, 32)  # sizes of the verification cards' squares

Card = NDArray[np.uint8]  # (CARD_HEIGHT, CARD_WIDTH, 3)
Values = NDArray[np.float32]


def verification_name(block: int) -> str:
    return f"verify{block}"


@lru_cache(maxsize=len(BLOCKS))
def verification_card(block: int) -> Card:
    """Pseudo-random colours in squares of `block` card pixels; the same on every machine."""
    rows, columns = -(-CARD_HEIGHT // block), -(-CARD_WIDTH // block)
    squares = np.random.Generator(np.random.PCG64(block)).integers(
        0, 256, (rows, columns, 3), dtype=np.uint8
    )
    return squares.repeat(block, axis=0).repeat(block, axis=1)[:CARD_HEIGHT, :CARD_WIDTH]


def rgbx(card: Card) -> bytes:
    """The card as the page's VideoFrame takes it."""
    opaque = np.full((*card.shape[:2], 1), 255, np.uint8)
    return np.concatenate([card, opaque], axis=2).tobytes()


def block_for(placement: Placement) -> int:
    """Squares that are eight output pixels or more: a layer at half a pixel is softened by the
    browser, which is no reason to distrust it."""
    densest = max(abs(placement.ax) * CARD_WIDTH, abs(placement.ay) * CARD_HEIGHT)
    return next((block for block in BLOCKS if block >= 8 * densest), BLOCKS[-1])


def _taps(scale: float, offset: float, first: int, count: int, size: int, steps: int) -> tuple[
    NDArray[np.intp], NDArray[np.intp], Values
]:  # fmt: skip
    centres = np.arange(first, first + count, dtype=np.float64) + 0.5
    at = (centres * scale + offset) * size - 0.5
    low = np.floor(at)
    exact = at - low
    if steps:
        exact = np.floor(exact * steps) / steps
    weight: Values = exact.astype(np.float32)
    below = np.clip(low, 0, size - 1).astype(np.intp)
    above = np.clip(low + 1, 0, size - 1).astype(np.intp)
    return below, above, weight


def sampled(card: Card, tile: Tile, steps: int = 0) -> Values:
    """The card as it lies in the tile's box: (height, width, 3), before coverage.

    `steps`: bilinear weights in that many steps a pixel, rounded down; 0: exact."""
    place = tile.placement
    left, right, across = _taps(place.ax, place.bx, tile.x, tile.width, card.shape[1], steps)
    upper, lower, down = _taps(place.ay, place.by, tile.y, tile.height, card.shape[0], steps)
    values = card.astype(np.float32)
    wide = values[:, left]
    wide += (values[:, right] - wide) * across[None, :, None]
    picture = wide[upper]
    picture += (wide[lower] - picture) * down[:, None, None]
    return picture
