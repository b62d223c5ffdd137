"""Betters a tile's placement by the verification still (Gauss-Newton on four edges).

The ramps tell a place as exactly as coverage is known; under opacity that is to half a level, which
moves the edges of a large, faint tile by a pixel. The verification card's squares do not depend on
levels: fitting them mends that. What does not fit afterwards is no matte (matting.py, `verify`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mixer.layout.cards import CARD_HEIGHT, CARD_WIDTH, Card, sampled
from mixer.layout.matte import Placement, Tile

ROUNDS = 4
NUDGE = 0.25  # card pixels by which an edge is moved to see what that changes
LIMIT = 3.0  # card pixels that an edge may be mended by in one round
Values = NDArray[np.float32]


def _edges(tile: Tile) -> NDArray[np.float64]:
    """Where the tile's left, right, upper and lower edge lie on the card, in its pixels."""
    place = tile.placement
    xs = np.array([tile.x, tile.x + tile.width]) * place.ax + place.bx
    ys = np.array([tile.y, tile.y + tile.height]) * place.ay + place.by
    return np.concatenate([xs * CARD_WIDTH, ys * CARD_HEIGHT])


def _moved(tile: Tile, edges: NDArray[np.float64]) -> Tile:
    left, right, top, bottom = (float(edge) for edge in edges)
    ax = (right - left) / CARD_WIDTH / tile.width
    ay = (bottom - top) / CARD_HEIGHT / tile.height
    bx, by = left / CARD_WIDTH - ax * tile.x, top / CARD_HEIGHT - ay * tile.y
    return replace(tile, placement=Placement(ax, bx, ay, by))


def refined(tile: Tile, card: Card, error: Values) -> Tile:
    """`error`: composed minus still in the tile's box, (height, width, 3)."""
    share = tile.coverage.astype(np.float32)[..., None] / np.float32(255)
    now = share * sampled(card, tile)
    rest = error - now
    for _ in range(ROUNDS):
        edges = _edges(tile)
        left = (rest + now)[::2, ::2].ravel()
        columns = []
        for index in range(4):
            nudged = edges.copy()
            nudged[index] += NUDGE
            change = share * sampled(card, _moved(tile, nudged)) - now
            columns.append(change[::2, ::2].ravel() / NUDGE)
        slopes = np.stack(columns, axis=1).astype(np.float64)
        normal = slopes.T @ slopes + 1e-6 * np.eye(4)
        step = np.linalg.solve(normal, slopes.T @ left.astype(np.float64))
        tile = _moved(tile, edges - np.clip(step, -LIMIT, LIMIT))
        now = share * sampled(card, tile)
        if np.abs(step).max() < 0.01:
            break
    return tile
