"""Finds the marks of synthetic publishers (pattern.py) in a picture, wherever a layout put them.

The first two columns of a mark (white black / black white / black black) are looked for at all
scales in a half-size picture; where the other cells are black or white too, the mark is read in
full and its box made exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from tests.instruments.pattern import (
    BOTTOM,
    COLUMNS,
    LEFT,
    MIN_CONTRAST,
    RIGHT,
    ROWS,
    TOP,
    Box,
    Luma,
    Mark,
    read_mark,
)

SMALLEST_CELL = 4.0  # pixels wide
SCALE_STEP = 1.025
LIKENESS = 0.8 * MIN_CONTRAST
MOST_CANDIDATES = 60  # of one scale
STEPS_IN_A_CELL = 8  # precision of a box


def find_marks(
    luma: Luma,
    aspect: float = 16 / 9,
    known: Mapping[int, Box] | None = None,
    least_width: float = 0.0,
) -> dict[int, Box]:
    """Place → box (of the whole picture, which may reach out of the array) of every mark.

    `aspect` is that of the publishers' pictures, `least_width` the width of the smallest picture
    that is looked for. Of two marks of one place the larger is given. Where marks are `known` to be
    nothing is looked for; they are part of the answer.
    """
    half = _half(luma)
    sums = np.pad(half.astype(np.int64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    width = 2.0 * luma.shape[1]
    found = dict(known or {})
    areas = list(found.values())
    least = max(least_width, SMALLEST_CELL * COLUMNS / (RIGHT - LEFT))
    while width >= least:
        for box in _candidates(sums, width / 2, width / 2 / aspect):
            whole = (box[0] * 2, box[1] * 2, box[2] * 2, box[3] * 2)
            if any(_is_within(whole, area) for area in areas):
                continue
            exact = _made_exact(luma, whole)
            mark = read_mark(luma, exact) if exact else None
            if exact and mark:
                areas.append(exact)
                found.setdefault(mark.place, exact)
        width /= SCALE_STEP
    return found


def _half(luma: Luma) -> NDArray[np.uint8]:
    height, width = luma.shape[0] // 2 * 2, luma.shape[1] // 2 * 2
    parts = luma[:height, :width].astype(np.uint16).reshape(height // 2, 2, width // 2, 2)
    quarters: NDArray[np.uint8] = (parts.sum((1, 3)) // 4).astype(np.uint8)
    return quarters


def _candidates(sums: NDArray[np.int64], width: float, height: float) -> Iterator[Box]:
    """Boxes of this size where the picture is like a mark, likest first."""
    cell = (width * (RIGHT - LEFT) / COLUMNS, height * (BOTTOM - TOP) / ROWS)
    rows, columns = sums.shape[0] - 1 - ROWS * cell[1], sums.shape[1] - 1 - COLUMNS * cell[0]
    if rows < 0 or columns < 0:
        return
    ys = np.arange(0, int(rows) + 1, max(1, int(cell[1] / 4)))
    xs = np.arange(0, int(columns) + 1, max(1, int(cell[0] / 4)))
    likeness = _likeness(sums, xs[None, :], ys[:, None], cell)
    found = np.argwhere(likeness > LIKENESS)
    found = found[np.argsort(-likeness[found[:, 0], found[:, 1]], kind="stable")]
    if len(found) == 0:
        return
    y, x = ys[found[:, 0]], xs[found[:, 1]]
    for index in np.flatnonzero(_is_mark(sums, x, y, cell))[:MOST_CANDIDATES]:
        yield (x[index] - LEFT * width, y[index] - TOP * height, width, height)


def _mean(
    sums: NDArray[np.int64],
    x: NDArray[np.int64],
    y: NDArray[np.int64],
    cell: tuple[float, float],
    place: tuple[int, int],
) -> NDArray[np.float64]:
    """Mean of the middle of a mark's cell (row, column), for marks that begin at x, y."""
    side_w, side_h = max(1, round(cell[0] / 3)), max(1, round(cell[1] / 3))
    y = y + int((place[0] + 1 / 3) * cell[1])
    x = x + int((place[1] + 1 / 3) * cell[0])
    total = sums[y + side_h, x + side_w] - sums[y, x + side_w] - sums[y + side_h, x] + sums[y, x]
    return np.asarray(total / (side_w * side_h))


def _likeness(
    sums: NDArray[np.int64],
    x: NDArray[np.int64],
    y: NDArray[np.int64],
    cell: tuple[float, float],
) -> NDArray[np.float64]:
    """By how much the darker white cell of the first columns is brighter than the black ones."""
    white = np.minimum(_mean(sums, x, y, cell, (0, 0)), _mean(sums, x, y, cell, (1, 1)))
    black = [_mean(sums, x, y, cell, place) for place in ((0, 1), (1, 0), (2, 0), (2, 1))]
    return np.asarray(white - np.maximum.reduce(black))


def _is_mark(
    sums: NDArray[np.int64],
    x: NDArray[np.int64],
    y: NDArray[np.int64],
    cell: tuple[float, float],
) -> NDArray[np.bool_]:
    """Whether all cells are clearly black or white, and the last row black but for one at most."""
    means = np.array(
        [[_mean(sums, x, y, cell, (row, c)) for c in range(COLUMNS)] for row in range(ROWS)]
    )
    white, black = (means[0, 0] + means[1, 1]) / 2, (means[0, 1] + means[1, 0]) / 2
    level = (means - black) / np.maximum(white - black, 1)
    unclear = ((level > 1 / 3) & (level < 2 / 3)).sum((0, 1))
    return np.asarray((unclear == 0) & ((level[2] > 1 / 2).sum(0) <= 1))


def _is_within(box: Box, area: Box) -> bool:
    """Whether the mark of `box` starts inside of the mark of `area`."""
    x, y = box[0] + LEFT * box[2], box[1] + TOP * box[3]
    slack = area[2] * (RIGHT - LEFT) / COLUMNS
    return (
        area[0] + LEFT * area[2] - slack <= x <= area[0] + RIGHT * area[2]
        and area[1] + TOP * area[3] - slack <= y <= area[1] + BOTTOM * area[3]
    )


def _made_exact(luma: Luma, box: Box) -> Box | None:
    """The middle of all boxes near `box` by which the same mark is read; None if there are few."""
    mark = read_mark(luma, box)
    if mark is None:
        return None
    for _ in range(2):
        for change in (_moved_x, _moved_y, _widened):
            below, above = (_reach(luma, box, mark, change, sign) for sign in (-1, 1))
            if below + above < 2:
                return None
            box = change(box, (above - below) / 2)
    return box


def _reach(luma: Luma, box: Box, mark: Mark, change: object, sign: int) -> int:
    """How many steps of a change the mark is read on."""
    steps = 0
    while steps < STEPS_IN_A_CELL:
        if read_mark(luma, change(box, sign * (steps + 1))) != mark:  # type: ignore[operator]
            break
        steps += 1
    return steps


def _moved_x(box: Box, steps: float) -> Box:
    step = box[2] * (RIGHT - LEFT) / COLUMNS / STEPS_IN_A_CELL
    return (box[0] + steps * step, box[1], box[2], box[3])


def _moved_y(box: Box, steps: float) -> Box:
    step = box[3] * (BOTTOM - TOP) / ROWS / STEPS_IN_A_CELL
    return (box[0], box[1] + steps * step, box[2], box[3])


def _widened(box: Box, steps: float) -> Box:
    """About the middle; a step moves the outermost cells by half a step of `_moved_x`."""
    scale = 1 + steps / STEPS_IN_A_CELL / COLUMNS
    width, height = box[2] * scale, box[3] * scale
    return (box[0] - (width - box[2]) / 2, box[1] - (height - box[3]) / 2, width, height)
