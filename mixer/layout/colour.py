"""Stills into numbers: PNG to RGB, RGB to BT.709 limited-range 4:2:0."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from mixer.layout.matte import Plane

Rgb = NDArray[np.uint8]  # (height, width, 3)

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


def _rounded(values: NDArray[np.float32], offset: float) -> Plane:
    values += np.float32(offset + 0.5)
    return values.astype(np.uint8)


def to_planes(rgb: Rgb) -> tuple[Plane, Plane, Plane]:
    """Y, Cb, Cr of an RGB picture (sRGB values taken as R'G'B'). Chroma is sited left (MPEG-2):
    on even columns, between two rows; filtered (1 2 1)/4 across and (1 1)/2 down."""
    height, width, _ = rgb.shape
    luma = rgb.reshape(-1, 3).astype(np.float32) @ _Y
    y = _rounded(luma, 16).reshape(height, width)
    tall = rgb if height % 2 == 0 else np.concatenate([rgb, rgb[-1:]])
    rows = tall[0::2].astype(np.uint16)
    rows += tall[1::2]
    sums = rows[:, 0::2] * np.uint16(2)
    sums[:, 1:] += rows[:, 1:-1:2][:, : sums.shape[1] - 1]
    sums[:, :1] += rows[:, :1]
    right = rows[:, 1::2]
    sums[:, : right.shape[1]] += right
    if right.shape[1] < sums.shape[1]:
        sums[:, -1:] += rows[:, -1:]
    chroma = sums.reshape(-1, 3).astype(np.float32) @ (_CHROMA / np.float32(8))
    cb = _rounded(chroma[:, 0], 128).reshape(sums.shape[:2])
    cr = _rounded(chroma[:, 1], 128).reshape(sums.shape[:2])
    return y, cb, cr


class Converter:
    """`to_planes` for pictures that mostly are like the one before: only rows that changed."""

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
        rows = np.flatnonzero((rgb != before).any(axis=(1, 2)))
        if rows.size == 0:
            return planes
        top, bottom = int(rows[0]) // 2 * 2, int(rows[-1]) // 2 * 2 + 2
        band = to_planes(rgb[top:bottom])
        y, cb, cr = (plane.copy() for plane in planes)
        y[top:bottom] = band[0]
        for plane, part in ((cb, band[1]), (cr, band[2])):
            plane[top // 2 : bottom // 2] = part
        return y, cb, cr
