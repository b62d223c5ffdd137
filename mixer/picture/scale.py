"""Scales a participant's picture onto the output's pixel grid, as a tile's placement says.

Each plane is resampled on its own (`resample.py`): crop and position are then free of 4:2:0's even
numbers, and chroma siting is exact. Colours are converted last, when there are fewest samples.
"""

from __future__ import annotations

import av

from ..layout.matte import Placement
from . import window
from .colour import BT709, LIMITED_RANGE, Converter, known_colour
from .coverage import Extent
from .planes import Planes, planes_of
from .resample import PlanePlan, PlaneResampler

STAGE_STEP = 32  # stages have whole multiples of it as width and height: fewer filter graphs


class PictureScaler:
    """Scales pictures of one size onto the output pixels that a tile touches.

    The arrays that `scale` gives are overwritten by its next call.
    """

    def __init__(
        self,
        placement: Placement,
        size: tuple[int, int],
        extent: Extent,
        converter: Converter,
    ) -> None:
        (x, y, width, height), (left, top, luma_width, luma_height) = extent
        self._converter = converter
        self._shape = (height, width)
        placement = window.snapped(placement, extent.luma)
        luma_x, luma_y = window.luma_axes(placement, *size)
        chroma_x, chroma_y = window.chroma_axes(placement, *size)
        half = (x // 2, (x + width) // 2), (y // 2, (y + height) // 2)
        luma = PlanePlan.of(luma_x, luma_y, (left, left + luma_width), (top, top + luma_height))
        chroma = PlanePlan.of(chroma_x, chroma_y, *half)
        self._resamplers = [PlaneResampler(plan) for plan in (luma, chroma, chroma)]
        self._stage = av.VideoFrame(_rounded(width), _rounded(height), "yuv420p")
        for plane in planes_of(self._stage):
            plane[...] = 128
        self._made = _cropped(planes_of(self._stage), height, width)
        inner = slice(top - y, top - y + luma_height), slice(left - x, left - x + luma_width)
        self._into = (self._made[0][inner], self._made[1], self._made[2])
        self._latest: tuple[av.VideoFrame, Planes] | None = None

    @property
    def quick(self) -> bool:
        """Whether every plane takes the quick way."""
        return all(resampler.plan.quick for resampler in self._resamplers)

    def scale(self, frame: av.VideoFrame) -> Planes:
        """The picture's pixels in the extent's box, BT.709 limited range."""
        if self._latest is None or self._latest[0] is not frame:
            self._latest = (frame, self._scale(frame))
        return self._latest[1]

    def _scale(self, frame: av.VideoFrame) -> Planes:
        if frame.format.name not in ("yuv420p", "yuvj420p"):
            frame = frame.reformat(format="yuv420p", threads=1)
        for resampler, source, into in zip(
            self._resamplers, planes_of(frame), self._into, strict=True
        ):
            resampler.into(source, into)
        matrix, range_ = known_colour(frame.colorspace, frame.color_range)
        if (matrix, range_) == (BT709, LIMITED_RANGE):
            return self._made
        converted = self._converter.convert(self._stage, matrix, range_)
        return _cropped(planes_of(converted), *self._shape)


def _rounded(length: int) -> int:
    return -(-length // STAGE_STEP) * STAGE_STEP


def _cropped(planes: Planes, height: int, width: int) -> Planes:
    luma, cb, cr = planes
    half = (slice(height // 2), slice(width // 2))
    return luma[:height, :width], cb[half], cr[half]
