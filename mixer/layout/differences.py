"""Where two stills differ: compared by words of up to eight bytes, as most of them is the same."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]  # (height, width, 3)
Area = tuple[slice, slice]  # rows, columns
Indices = NDArray[np.intp]
CHANNELS = 3
NONE = np.empty(0, np.intp), np.empty(0, np.intp)


def _words(picture: Rgb) -> NDArray[Any]:
    """Rows as the largest words that they are whole numbers of."""
    rows = np.ascontiguousarray(picture).reshape(len(picture), -1)
    return rows.view(f"u{math.gcd(rows.shape[1], 8)}")


class Differences:
    """Of two pictures of one shape."""

    def __init__(self, one: Rgb, other: Rgb) -> None:
        self._one, self._other = _words(one), _words(other)
        self._different = self._one != self._other

    def channels(self, area: Area, most: int) -> tuple[Indices, Indices] | None:
        """Rows and channels (3 to a pixel) of an area in which they differ, counted from its upper
        left corner and in that order; None if there are more than `most`."""
        rows, columns = area
        left, right = columns.start * CHANNELS, columns.stop * CHANNELS
        if right <= left:
            return NONE
        size = self._one.itemsize
        words = slice(left // size, -(-right // size))
        different = self._different[rows, words]
        if np.count_nonzero(different) > most:
            return None
        y, word = np.divmod(np.flatnonzero(different), different.shape[1])
        change = self._one[rows, words][y, word] ^ self._other[rows, words][y, word]
        which, byte = np.divmod(np.flatnonzero(change.view(np.uint8)), size)
        channel = (word[which] + words.start) * size + byte - left
        inside = np.flatnonzero((channel >= 0) & (channel < right - left))
        return None if len(inside) > most else (y[which[inside]], channel[inside])

    def blocks(self, height: int, width: int) -> NDArray[np.bool_]:
        """(rows, columns) of blocks of that many pixels: True where any pixel differs, or one to
        the left of any."""
        rows, words = self._different.shape
        size = self._one.itemsize
        bands = [
            np.logical_or.reduce(self._different[top : top + height])
            for top in range(0, rows, height)
        ]
        band, word = np.nonzero(bands)
        last = words * size // CHANNELS - 1
        found = np.zeros((len(bands), last // width + 1), np.bool_)
        for byte in (0, size - 1 + CHANNELS):
            column = np.minimum((word * size + byte) // CHANNELS, last)
            found[band, column // width] = True
        return found
