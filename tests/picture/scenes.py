"""Instruments for the picture tests: band-limited pictures known at every point, placements as CSS
makes them, coverages, and a compositor in floating point to compare with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixer.layout.matte import Matte, Placement, Tile

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]

BLACK = (16.0, 128.0, 128.0)


def matrix(kr: float, kb: float, *, full: bool = False) -> Floats:
    """R'G'B' (0..1) -> Y'CbCr levels without their offsets (ITU-R BT.601, BT.709)."""
    kg = 1 - kr - kb
    y = np.array([kr, kg, kb])
    rows = np.array([y, ([0, 0, 1] - y) / (2 * (1 - kb)), ([1, 0, 0] - y) / (2 * (1 - kr))])
    scale = (255, 255, 255) if full else (219, 224, 224)
    out: Floats = rows * np.array(scale)[:, None]
    return out


BT601 = matrix(0.299, 0.114)
BT601_FULL = matrix(0.299, 0.114, full=True)
BT709 = matrix(0.2126, 0.0722)


def to_bt709(source: Floats, from_matrix: Floats = BT601, black: float = 16) -> Floats:
    """Y'CbCr levels (3, …) of the other matrix as BT.709 limited levels."""
    offset = np.array([black, 128, 128]).reshape(3, *[1] * (source.ndim - 1))
    rgb = np.tensordot(np.linalg.inv(from_matrix), source - offset, 1)
    out: Floats = np.tensordot(BT709, rgb, 1) + np.array(BLACK).reshape(offset.shape)
    return out


@dataclass(frozen=True)
class Waves:
    """A BT.601 picture made of a few waves: known at every point, not only at its samples."""

    width: int
    height: int
    seed: int = 0
    finest: float = 12.0  # samples in the shortest wave

    def at(self, x: Floats, y: Floats) -> Floats:
        """Y', Cb, Cr (3, …) at luma coordinates (sample (i, j) has its centre at i+½, j+½)."""
        random = np.random.default_rng(self.seed)
        planes = []
        for level, swing, coarser in ((120, 60, 1), (128, 40, 2), (128, 40, 2)):
            value = np.full(np.broadcast_shapes(x.shape, y.shape), float(level))
            for _ in range(4):
                length = self.finest * coarser * random.uniform(1, 4)
                angle, phase = random.uniform(0, 2 * np.pi, 2)
                along = x * np.cos(angle) + y * np.sin(angle)
                value += swing / 4 * np.cos(2 * np.pi * along / length + phase)
            planes.append(value)
        return np.stack(planes)

    def planes(self) -> tuple[Bytes, Bytes, Bytes]:
        """The picture as 8-bit 4:2:0, chroma sited left."""
        luma = self.at(*_grid(self.width, self.height, 1, 0.5, 0.5))[0]
        chroma = self.at(*_grid((self.width + 1) // 2, (self.height + 1) // 2, 2, 0.5, 1.0))
        y, cb, cr = (np.rint(plane).astype(np.uint8) for plane in (luma, chroma[1], chroma[2]))
        return y, cb, cr


def _grid(width: int, height: int, step: int, x0: float, y0: float) -> tuple[Floats, Floats]:
    x, y = np.arange(width, dtype=np.float64), np.arange(height, dtype=np.float64)
    return x[None, :] * step + x0, y[:, None] * step + y0


def fit(
    box: tuple[float, float, float, float],
    size: tuple[int, int],
    *,
    contain: bool = False,
    mirrored: bool = False,
) -> Placement:
    """Where CSS's object-fit puts a picture of `size` in a box (x, y, width, height)."""
    x, y, width, height = box
    choose = min if contain else max
    scale = choose(width / size[0], height / size[1])
    shown_w, shown_h = size[0] * scale, size[1] * scale
    left, top = x + (width - shown_w) / 2, y + (height - shown_h) / 2
    return filled((left, top, shown_w, shown_h), mirrored=mirrored)


def filled(box: tuple[float, float, float, float], *, mirrored: bool = False) -> Placement:
    """A whole picture in a box (x, y, width, height)."""
    x, y, width, height = box
    ax, bx = 1 / width, -x / width
    if mirrored:
        ax, bx = -ax, 1 - bx
    return Placement(ax, bx, 1 / height, -y / height)


def rounded(width: int, height: int, radius: float) -> Bytes:
    """Coverage of a box with rounded, antialiased corners."""
    x, y = np.arange(width)[None, :] + 0.5, np.arange(height)[:, None] + 0.5
    dx = np.maximum(np.maximum(radius - x, x - (width - radius)), 0)
    dy = np.maximum(np.maximum(radius - y, y - (height - radius)), 0)
    levels: Floats = np.rint(255 * np.clip(radius + 0.5 - np.hypot(dx, dy), 0, 1))
    return levels.astype(np.uint8)


def chroma_coverage(luma: Floats) -> Floats:
    """4:2:0, sited left: means of two rows, columns weighted 1:2:1."""
    padded = np.pad(luma, ((0, luma.shape[0] % 2), (1, 1 + luma.shape[1] % 2)), mode="edge")
    rows = (padded[0::2] + padded[1::2]) / 2
    smooth: Floats = (rows[:, 0:-2:2] + 2 * rows[:, 1:-1:2] + rows[:, 2::2]) / 4
    return smooth


def canvas_coverage(tile: Tile, width: int, height: int) -> Floats:
    whole = np.zeros((height, width))
    part = whole[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width]
    part[...] = tile.coverage[: part.shape[0], : part.shape[1]] / 255
    return whole


def page(width: int, height: int, tiles: tuple[Tile, ...]) -> Matte:
    """A matte of these tiles (net coverages) on a page of soft colours."""
    total = sum((canvas_coverage(tile, width, height) for tile in tiles), np.zeros((height, width)))
    half = (width + 1) // 2, (height + 1) // 2
    x, y = _grid(width, height, 1, 0, 0)
    cx, cy = _grid(*half, 1, 0, 0)
    colours = (
        60 + 40 * np.sin(x / 90) + 0 * y,
        128 + 20 * np.cos(cy / 60) + 0 * cx,
        120 + 25 * np.sin(cx / 40) + 0 * cy,
    )
    planes = []
    for plane, colour in enumerate(colours):
        covered = total if plane == 0 else chroma_coverage(total)
        planes.append(np.rint(colour * (1 - covered) + BLACK[plane] * covered).astype(np.uint8))
    return Matte(width, height, (planes[0], planes[1], planes[2]), tiles)


def reference(matte: Matte, pictures: dict[str, Waves]) -> tuple[Floats, Floats, Floats]:
    """What the composed planes should be, by the formula of matte.py, in floating point."""
    out = [plane.astype(np.float64) for plane in matte.base]
    for tile in matte.tiles:
        picture, p = pictures[tile.stream], tile.placement
        covered = canvas_coverage(tile, matte.width, matte.height)
        half = (matte.width + 1) // 2, (matte.height + 1) // 2
        for planes, grid, coverage in (
            ((0,), _grid(matte.width, matte.height, 1, 0.5, 0.5), covered),
            ((1, 2), _grid(*half, 2, 0.5, 1.0), chroma_coverage(covered)),
        ):
            x, y = (p.ax * grid[0] + p.bx) * picture.width, (p.ay * grid[1] + p.by) * picture.height
            shown = to_bt709(picture.at(x, y))
            for plane in planes:
                out[plane] += coverage * (shown[plane] - BLACK[plane])
    return out[0], out[1], out[2]


def psnr(a: NDArray[np.generic], b: NDArray[np.generic]) -> float:
    error = np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))
