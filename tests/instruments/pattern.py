"""The machine-readable mark that synthetic publishers paint into every picture, and its reader.

The mark lies in the middle of the picture (half its width, 28 % of its height), where no layout
crops: `object-fit: cover` into anything between 1:2 and 3:1 keeps it whole. Three rows, in units
of the picture's width and height:

    row 0   | white | black | 16 cells: bits 31..16, most significant first |
    row 1   | black | white | 16 cells: bits 15..0                          |
    row 2   | black | black | 16 cells, all black; cell `place` is white while the flash is on |

The 32 bits are number (20 bits) << 12 | place (4 bits) << 8 | CRC-8 (polynomial 0x07) of the
upper 24 bits, starting from CRC_START so that an all-black or all-white area is no valid mark.
The first two cells of rows 0 and 1 give the levels that the others are compared with. Cells are
35 pixels wide at 1280x720 and 13 in a tile of 480x270; a cell is judged by the mean of its middle.

`number` counts pictures from the publisher's start, modulo the length of its clip (PERIOD). The
flash is on for the pictures whose number modulo the (rounded) rate is below FLASH_PICTURES; the
beep starts exactly when picture `number % fps == 0` is due (publisher.py).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Luma = NDArray[np.uint8]  # (height, width), limited range
Box = tuple[float, float, float, float]  # x, y, width, height in pixels of the array

LEFT, RIGHT = 0.25, 0.75  # of the picture's width
TOP, BOTTOM = 0.36, 0.64  # of the picture's height
ROWS = 3
COLUMNS = 18
REFERENCES = 2  # cells at the start of each row that carry no bit
NUMBER_BITS, PLACE_BITS, CRC_BITS = 20, 4, 8
PLACES = 1 << PLACE_BITS
CRC_START = 0x5A
BLACK, WHITE = 24, 225  # luma painted
PERIOD = 600  # pictures in a clip: numbers wrap here
FLASH_PICTURES = 3  # a flash lasts this many pictures
BEEP_SECONDS = 0.05  # a beep lasts this long
MIN_CONTRAST = 60  # between the reference cells, else it is no mark


class Mark(NamedTuple):
    """What one picture says of itself."""

    number: int
    place: int
    flash: bool


def draw(luma: Luma, number: int, flash: bool, place: int = 0) -> None:
    """Paint the mark into a whole picture's luma plane (height, width), in place."""
    height, width = luma.shape
    xs = np.rint(np.linspace(LEFT, RIGHT, COLUMNS + 1) * width).astype(int)
    ys = np.rint(np.linspace(TOP, BOTTOM, ROWS + 1) * height).astype(int)
    for row, cells in enumerate(_rows(number, place, flash)):
        levels = np.where(cells, WHITE, BLACK).astype(np.uint8)
        luma[ys[row] : ys[row + 1], xs[0] : xs[-1]] = np.repeat(levels, np.diff(xs))[None, :]


def read_mark(luma: Luma, box: Box | None = None) -> Mark | None:
    """Read the mark of the picture that lies at `box` of an array (height, width) of luma.

    `box` is where the *whole* picture lies, also if the array shows only a part of it
    (object-fit: cover gives negative x or y); None means that the array is the picture.
    None is returned if there is no valid mark. Errors of up to a third of a cell in the box, any
    scale that leaves cells of 4 pixels, and any change of brightness and contrast that leaves
    MIN_CONTRAST levels between black and white are tolerated.
    """
    means = _cell_means(luma, box or (0.0, 0.0, float(luma.shape[1]), float(luma.shape[0])))
    if means is None:
        return None
    white = (means[0, 0] + means[1, 1]) / 2
    black = (means[0, 1] + means[1, 0]) / 2
    if white - black < MIN_CONTRAST:
        return None
    cells = means > (white + black) / 2
    word = int("".join("1" if bit else "0" for bit in cells[:2, REFERENCES:].ravel()), 2)
    if _crc8(word >> CRC_BITS) != word & 0xFF:
        return None
    place = word >> CRC_BITS & (PLACES - 1)
    flash = bool(cells[2, REFERENCES + place])
    return Mark(word >> (CRC_BITS + PLACE_BITS), place, flash)


def read(luma: Luma, box: Box | None = None) -> tuple[int | None, bool]:
    """`read_mark` as (number or None, flash)."""
    mark = read_mark(luma, box)
    return (None, False) if mark is None else (mark.number, mark.flash)


def flash_on(number: int, fps: float) -> bool:
    """Whether the flash is on in this picture of a publisher of that rate."""
    return number % round(fps) < FLASH_PICTURES


def _rows(number: int, place: int, flash: bool) -> NDArray[np.bool_]:
    payload = (number & ((1 << NUMBER_BITS) - 1)) << PLACE_BITS | (place & (PLACES - 1))
    word = payload << CRC_BITS | _crc8(payload)
    bits = np.array([word >> (31 - i) & 1 for i in range(32)], dtype=bool).reshape(2, 16)
    cells = np.zeros((ROWS, COLUMNS), dtype=bool)
    cells[0, :2] = True, False
    cells[1, :2] = False, True
    cells[:2, REFERENCES:] = bits
    cells[2, REFERENCES + (place & (PLACES - 1))] = flash
    return cells


def _cell_means(luma: Luma, box: Box) -> NDArray[np.float64] | None:
    """Mean of the middle third of each cell, (ROWS, COLUMNS); None if one lies outside."""
    x, y, width, height = box
    cell_w, cell_h = width * (RIGHT - LEFT) / COLUMNS, height * (BOTTOM - TOP) / ROWS
    means = np.empty((ROWS, COLUMNS))
    for row in range(ROWS):
        top = y + height * TOP + (row + 1 / 3) * cell_h
        for column in range(COLUMNS):
            left = x + width * LEFT + (column + 1 / 3) * cell_w
            x0, y0 = round(left), round(top)
            x1, y1 = max(round(left + cell_w / 3), x0 + 1), max(round(top + cell_h / 3), y0 + 1)
            if x0 < 0 or y0 < 0 or x1 > luma.shape[1] or y1 > luma.shape[0]:
                return None
            means[row, column] = luma[y0:y1, x0:x1].mean()
    return means


def _crc8(value: int) -> int:
    crc = CRC_START
    for shift in (16, 8, 0):
        crc ^= value >> shift & 0xFF
        for _ in range(8):
            crc = (crc << 1 ^ 0x07 if crc & 0x80 else crc << 1) & 0xFF
    return crc
