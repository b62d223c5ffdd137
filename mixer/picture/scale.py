"""Scales a participant's picture onto the output's pixel grid, as a tile's placement says.

Each plane is scaled on its own, as a gray picture, by swscale: crop and position are then free of
4:2:0's even numbers, and chroma siting is exact. `window.py` finds the whole-numbered windows;
where none is near enough, Pillow's slower resampling with a real-valued box does it.
"""

from __future__ import annotations

import math

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray
from PIL import Image

from ..layout.matte import Placement
from . import window
from .colour import BT709, LIMITED_RANGE, Converter, known_colour
from .planes import Plane, Planes, gray_plane, planes_of

FLAGS = Interpolation.BICUBIC | Interpolation.BITEXACT | Interpolation.ACCURATE_RND
MAX_REDUCTION = 32.0  # swscale's filters end near 64 times; Pillow's do not
MIN_SLOPE = 1e-3
STAGE_STEP = 32  # stages have whole multiples of it as width and height: fewer filter graphs
OVERREAD = 64  # bytes that SIMD code may read beyond the last sample of a plane
MAX_BEYOND = 4096  # samples beyond the source's edge that are still made by repeating it


class PictureScaler:
    """Scales pictures of one size into one box of output pixels (even x, y, width and height).

    The arrays that `scale` gives are overwritten by its next call.
    """

    def __init__(
        self,
        placement: Placement,
        size: tuple[int, int],
        box: tuple[int, int, int, int],
        converter: Converter,
    ) -> None:
        x, y, width, height = box
        self._converter = converter
        self._shape = (height, width)
        luma_x, luma_y = window.luma_axes(placement, *size)
        chroma_x, chroma_y = window.chroma_axes(placement, *size)
        luma = PlaneScaler(luma_x, luma_y, (x, x + width), (y, y + height))
        half = (x // 2, (x + width) // 2), (y // 2, (y + height) // 2)
        self._scalers = (
            luma,
            PlaneScaler(chroma_x, chroma_y, *half),
            PlaneScaler(chroma_x, chroma_y, *half),
        )
        self._stage = av.VideoFrame(_rounded(width), _rounded(height), "yuv420p")
        self._into = _cropped(planes_of(self._stage), height, width)
        for plane in planes_of(self._stage):
            plane[...] = 128
        self._latest: tuple[av.VideoFrame, Planes] | None = None

    @property
    def exact(self) -> bool:
        """Whether any plane takes the slow path."""
        return any(scaler.exact for scaler in self._scalers)

    def scale(self, frame: av.VideoFrame) -> Planes:
        """The picture's pixels in the box, BT.709 limited range."""
        if self._latest is None or self._latest[0] is not frame:
            self._latest = (frame, self._scale(frame))
        return self._latest[1]

    def _scale(self, frame: av.VideoFrame) -> Planes:
        if frame.format.name not in ("yuv420p", "yuvj420p"):
            frame = frame.reformat(format="yuv420p", threads=1)
        for scaler, source, into in zip(self._scalers, planes_of(frame), self._into, strict=True):
            scaler.scale(source, into)
        matrix, range_ = known_colour(frame.colorspace, frame.color_range)
        if (matrix, range_) == (BT709, LIMITED_RANGE):
            return self._into
        converted = self._converter.convert(self._stage, matrix, range_)
        return _cropped(planes_of(converted), *self._shape)


class PlaneScaler:
    """Scales planes of one size onto output samples [x0, x1) × [y0, y1)."""

    def __init__(
        self,
        x: window.Axis,
        y: window.Axis,
        columns: tuple[int, int],
        rows: tuple[int, int],
    ) -> None:
        self._flip = (slice(None, None, _direction(y)), slice(None, None, _direction(x)))
        self._x = x.flipped(*columns) if x.slope < 0 else x
        self._y = y.flipped(*rows) if y.slope < 0 else y
        self._columns, self._rows = columns, rows
        slopes = (self._x.slope, self._y.slope)
        self._degenerate = not (_sound(self._x, columns) and _sound(self._y, rows))
        self.exact = self._degenerate or max(slopes) > MAX_REDUCTION
        if not self.exact:
            self._across = window.choose(self._x, *columns)
            self._down = window.choose(self._y, *rows)
            self.exact = not (self._across.good and self._down.good)
        self._reformatter = VideoReformatter()
        self._padded: Plane | None = None

    def scale(self, source: Plane, into: Plane) -> None:
        """Fills `into` (rows, columns) from the whole source plane."""
        if self._degenerate:
            into[...] = self._nearest(source)[self._flip]
        elif self.exact:
            into[...] = self._resample(source)[self._flip]
        else:
            into[...] = self._windowed(source)[self._flip]

    def _windowed(self, source: Plane) -> Plane:
        across, down = self._across, self._down
        frame = av.VideoFrame.from_numpy_buffer(self._cut(source), "gray")
        scaled = gray_plane(
            self._reformatter.reformat(
                frame,
                width=across.out_length,
                height=down.out_length,
                format="gray",
                interpolation=FLAGS,
                threads=1,
            )
        )
        width = self._columns[1] - self._columns[0]
        height = self._rows[1] - self._rows[0]
        return scaled[down.skip : down.skip + height, across.skip : across.skip + width]

    def _cut(self, source: Plane) -> Plane:
        """The source window; beyond the plane its edge samples are repeated."""
        left, top = self._across.source, self._down.source
        right, bottom = left + self._across.source_length, top + self._down.source_length
        height, width = source.shape
        if left >= 0 and top >= 0 and right <= width and bottom <= height:
            return source[top:bottom, left:right]
        if self._padded is None:
            self._padded = _with_overread(bottom - top, right - left)
        _pad(source, left, top, self._padded)
        return self._padded

    def _resample(self, source: Plane) -> Plane:
        """Pillow's bicubic with antialiasing; its box may not reach beyond the picture."""
        left, right = (self._x.slope * edge + self._x.offset for edge in self._columns)
        top, bottom = (self._y.slope * edge + self._y.offset for edge in self._rows)
        pad_x, pad_y = _beyond(left, right, self._x.size), _beyond(top, bottom, self._y.size)
        if pad_x or pad_y:
            source = np.pad(source, ((pad_y, pad_y), (pad_x, pad_x)), mode="edge")
        size = (self._columns[1] - self._columns[0], self._rows[1] - self._rows[0])
        box = (left + pad_x, top + pad_y, right + pad_x, bottom + pad_y)
        return np.asarray(Image.fromarray(source).resize(size, Image.Resampling.BICUBIC, box=box))

    def _nearest(self, source: Plane) -> Plane:
        """For placements that are none: a tile of no width, or far beside its picture."""
        x = _samples(self._x, self._columns)
        y = _samples(self._y, self._rows)
        nearest: Plane = source[np.ix_(y, x)]
        return nearest


def _rounded(length: int) -> int:
    return -(-length // STAGE_STEP) * STAGE_STEP


def _cropped(planes: Planes, height: int, width: int) -> Planes:
    luma, cb, cr = planes
    half = (slice(height // 2), slice(width // 2))
    return luma[:height, :width], cb[half], cr[half]


def _direction(axis: window.Axis) -> int:
    return -1 if axis.slope < 0 else 1


def _sound(axis: window.Axis, span: tuple[int, int]) -> bool:
    """Whether an axis is a scaling that shows something of the source."""
    low, high = (axis.slope * edge + axis.offset for edge in span)
    if not (math.isfinite(low) and math.isfinite(high) and axis.slope >= MIN_SLOPE):
        return False
    return low < axis.size - 1 and high > 1 and max(-low, high - axis.size) < MAX_BEYOND


def _beyond(low: float, high: float, size: int) -> int:
    return max(0, int(np.ceil(-low)), int(np.ceil(high - size)))


def _samples(axis: window.Axis, span: tuple[int, int]) -> NDArray[np.intp]:
    exact = np.nan_to_num(axis.slope * (np.arange(*span) + 0.5) + axis.offset)
    samples: NDArray[np.intp] = np.clip(np.floor(exact), 0, axis.size - 1).astype(np.intp)
    return samples


def _with_overread(height: int, width: int) -> Plane:
    flat = np.zeros(height * width + OVERREAD, np.uint8)
    return flat[: height * width].reshape(height, width)


def _pad(source: Plane, left: int, top: int, into: Plane) -> None:
    """Copies the window at (left, top) of the source's size `into.shape`, edges repeated."""
    height, width = into.shape
    y0, y1 = max(0, -top), min(height, source.shape[0] - top)
    x0, x1 = max(0, -left), min(width, source.shape[1] - left)
    into[y0:y1, x0:x1] = source[top + y0 : top + y1, left + x0 : left + x1]
    into[y0:y1, :x0] = into[y0:y1, x0 : x0 + 1]
    into[y0:y1, x1:] = into[y0:y1, x1 - 1 : x1]
    into[:y0] = into[y0]
    into[y1:] = into[y1 - 1]
