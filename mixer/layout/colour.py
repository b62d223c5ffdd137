"""Stills into numbers: PNG to RGB, RGB to BT.709 limited-range 4:2:0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from mixer.layout.differences import Differences, Rgb
from mixer.layout.matte import Plane

BAND, BLOCK = 32, 32  # rows and columns in which changes are looked for
MANY = 64  # rectangles, from which on all is converted
AT_ONCE = 1 << 16  # pixels converted at once: what they need stays in the processor's cache

# ITU-R BT.709-6, section 3: luma and colour difference of R'G'B' (0..255) in 8-bit limited range.
_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
_BLUE = (np.array([0, 0, 1], np.float32) - _LUMA) / np.float32(1.8556)
_RED = (np.array([1, 0, 0], np.float32) - _LUMA) / np.float32(1.5748)
_Y = _LUMA * np.float32(219 / 255)
_CHROMA = np.stack([_BLUE, _RED], axis=1) * np.float32(224 / 255)


def decode_png(data: bytes) -> Rgb:
    """(height, width, 3); the stills are opaque."""
    codec: Any = av.CodecContext.create("png", "r")
    frames = [*codec.decode(av.Packet(data)), *codec.decode(None)]
    pixels: Rgb = frames[0].to_ndarray()
    return pixels[..., :3]


def to_planes(rgb: Rgb) -> tuple[Plane, Plane, Plane]:
    """Y, Cb, Cr of an RGB picture (sRGB values taken as R'G'B'). Chroma is sited left (MPEG-2):
    on even columns, between two rows; filtered (1 2 1)/4 across and (1 1)/2 down."""
    height, width, _ = rgb.shape
    half = (height + 1) // 2, (width + 1) // 2
    y, cb, cr = (
        np.empty((height, width), np.uint8),
        np.empty(half, np.uint8),
        np.empty(half, np.uint8),
    )
    step = max(2, AT_ONCE // width // 2 * 2)
    for top in range(0, height, step):
        band = rgb[top : top + step]
        rows, halves = slice(top, top + step), slice(top // 2, (top + step) // 2)
        y[rows] = _weighed([band[..., c] for c in range(3)], _Y, 16)
        even = band if len(band) % 2 == 0 else np.concatenate([band, band[-1:]])
        sums = [_filtered(even[..., c]) for c in range(3)]
        cb[halves] = _weighed(sums, _CHROMA[:, 0] / np.float32(8), 128)
        cr[halves] = _weighed(sums, _CHROMA[:, 1] / np.float32(8), 128)
    return y, cb, cr


def _weighed(
    channels: Sequence[NDArray[Any]], weights: NDArray[np.float32], offset: float
) -> NDArray[np.float32]:
    """Sums that are right when their fraction is cut off."""
    total: NDArray[np.float32] = np.multiply(channels[0], weights[0], dtype=np.float32)
    for channel, weight in zip(channels[1:], weights[1:], strict=True):
        total += np.multiply(channel, weight, dtype=np.float32)
    total += np.float32(offset + 0.5)
    return total


def _filtered(channel: Plane) -> NDArray[np.uint16]:
    """Two rows and 1:2:1 columns of a channel, summed up at each place of a chroma sample."""
    rows = np.add(channel[0::2], channel[1::2], dtype=np.uint16)
    even, odd = rows[:, 0::2], rows[:, 1::2]
    sums: NDArray[np.uint16] = even * np.uint16(2)
    sums[:, 0] += rows[:, 0]
    sums[:, 1:] += odd[:, : sums.shape[1] - 1]
    sums[:, : odd.shape[1]] += odd
    if odd.shape[1] < sums.shape[1]:
        sums[:, -1] += even[:, -1]
    return sums


def _changed(rgb: Rgb, before: Rgb) -> list[tuple[slice, slice]]:
    """Rectangles (rows, columns) outside of which neither a pixel nor a chroma sample differs: of
    whole bands of rows, from even columns on."""
    height, width, _ = rgb.shape
    blocks = Differences(rgb, before).blocks(BAND, BLOCK)
    found: list[tuple[slice, slice]] = []
    first = 0
    for band in range(1, len(blocks) + 1):
        if band == len(blocks) or (blocks[band] != blocks[first]).any():
            rows = slice(first * BAND, min(band * BAND, height))
            edges = np.flatnonzero(np.diff(blocks[first], prepend=False, append=False))
            found += [
                (rows, slice(int(start) * BLOCK, min(int(stop) * BLOCK, width)))
                for start, stop in edges.reshape(-1, 2)
            ]
            first = band
    return found


class Converter:
    """`to_planes` for pictures that mostly are like the one before: only what changed."""

    def __init__(self) -> None:
        self._rgb: Rgb | None = None
        self._planes: tuple[Plane, Plane, Plane] | None = None

    def planes(self, rgb: Rgb) -> tuple[Plane, Plane, Plane]:
        if self._rgb is None or self._planes is None or self._rgb.shape != rgb.shape:
            made = to_planes(rgb)
        else:
            made = self._mended(rgb, self._rgb, self._planes)
        self._rgb, self._planes = rgb, made
        return made

    @staticmethod
    def _mended(
        rgb: Rgb, before: Rgb, planes: tuple[Plane, Plane, Plane]
    ) -> tuple[Plane, Plane, Plane]:
        changed = _changed(rgb, before)
        if not changed:
            return planes
        if len(changed) > MANY:
            return to_planes(rgb)
        y, cb, cr = (plane.copy() for plane in planes)
        for rows, columns in changed:
            more = min(columns.start, 2)  # the first chroma sample has a share of what lies before
            band = to_planes(rgb[rows, columns.start - more : columns.stop])
            y[rows, columns] = band[0][:, more:]
            half = (
                slice(rows.start // 2, (rows.stop + 1) // 2),
                slice(columns.start // 2, (columns.stop + 1) // 2),
            )
            cb[half], cr[half] = band[1][:, more // 2 :], band[2][:, more // 2 :]
        return y, cb, cr
