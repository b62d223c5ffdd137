"""Composes output frames: journal (participants' video) + matte track (the page) -> VideoFrames.

A canvas is kept from one output frame to the next, and only what changed is done again: a tile
whose stream shows a new picture is scaled and painted, a new matte starts a new canvas.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from fractions import Fraction
from typing import Protocol

import av
import numpy as np

from ..clock import frame_time_ns
from ..errors import RenderError
from ..journal import Journal, Note
from ..layout.matte import Matte, Placement
from .colour import BT709, LIMITED_RANGE, Converter
from .decode import Shown, StreamPictures
from .paint import Box, PaintPlan
from .planes import Planes, planes_of
from .scale import PictureScaler

MAX_PLANS = 8  # mattes that come back (a speaker's border going on and off) find theirs again
MAX_SCALERS = 64


class Mattes(Protocol):
    """What a composer needs of a matte track."""

    def at(self, frame: int) -> tuple[int, Matte]:
        """(id, matte) that output frame `frame` shows; equal ids mean equal mattes."""
        ...


class Composer:
    """Gives output frames of one mix. Not thread-safe."""

    def __init__(
        self,
        journal: Journal,
        mattes: Mattes,
        *,
        width: int,
        height: int,
        fps: int,
        start_ns: int,
    ) -> None:
        self._mattes = mattes
        self._size = (width, height)
        self._fps, self._start_ns = fps, start_ns
        self._pictures = StreamPictures(journal)
        self._plans: OrderedDict[int, PaintPlan] = OrderedDict()
        self._scalers = _Scalers()
        self._next = -1
        self._canvas: _Canvas | None = None

    @property
    def notes(self) -> list[Note]:
        """Irregularities met in decoding, each once."""
        return self._pictures.notes

    def frames(self, first: int, count: int) -> Iterator[av.VideoFrame]:
        """Output frames first … first + count − 1: yuv420p, BT.709 limited, pts = frame number.

        They do not depend on what was asked before; asking in order is quickest. The journal's
        watermark must have passed what they show. Raises RenderError if a matte does not fit.
        """
        if first != self._next:
            self._canvas = None
        end_ns = frame_time_ns(self._start_ns, first + count, self._fps)
        self._pictures.look_ahead(end_ns)
        for number in range(first, first + count):
            self._next = -1  # if the work is broken off, start anew
            frame = self._compose(number)
            self._next = number + 1
            yield frame

    def _compose(self, number: int) -> av.VideoFrame:
        id_, matte = self._mattes.at(number)
        if self._canvas is None or self._canvas.matte_id != id_:
            self._canvas = _Canvas(id_, self._plan(id_, matte), self._scalers)
        t_ns = frame_time_ns(self._start_ns, number, self._fps)
        shown = self._pictures.at(self._canvas.streams, t_ns)
        self._canvas.update(shown)
        return self._canvas.frame(number, self._fps)

    def _plan(self, id_: int, matte: Matte) -> PaintPlan:
        if (matte.width, matte.height) != self._size:
            raise RenderError(
                f"the page was rendered at {matte.width}x{matte.height}, not at "
                f"{self._size[0]}x{self._size[1]}; render the page again at that size"
            )
        plan = self._plans.pop(id_, None) or PaintPlan(matte)
        self._plans[id_] = plan
        if len(self._plans) > MAX_PLANS:
            self._plans.popitem(last=False)
        return plan


class _Scalers:
    """Scalers by what they depend on, so that they outlive a change of a border or a label."""

    def __init__(self) -> None:
        self._converter = Converter()
        self._known: OrderedDict[tuple[str, Placement, tuple[int, int], Box], PictureScaler] = (
            OrderedDict()
        )

    def get(
        self, stream: str, placement: Placement, size: tuple[int, int], box: Box
    ) -> PictureScaler:
        key = (stream, placement, size, box)
        scaler = self._known.pop(key, None)
        scaler = scaler or PictureScaler(placement, size, box, self._converter)
        self._known[key] = scaler
        if len(self._known) > MAX_SCALERS:
            self._known.popitem(last=False)
        return scaler


class _Canvas:
    """The output picture as one matte's, with the tiles painted that have been shown so far."""

    def __init__(self, matte_id: int, plan: PaintPlan, scalers: _Scalers) -> None:
        self.matte_id = matte_id
        self._plan = plan
        self._scalers = scalers
        y, cb, cr = plan.matte.base
        self._planes: Planes = (y.copy(), cb.copy(), cr.copy())
        tiles = len(plan.matte.tiles)
        self._shown: list[Shown | None] = [None] * tiles
        self._scaled: list[Planes | None] = [None] * tiles
        visible = zip(plan.matte.tiles, plan.boxes, strict=True)
        self.streams = sorted({tile.stream for tile, box in visible if box is not None})
        plan.paint_shared(self._planes, self._scaled)

    def update(self, shown: dict[str, Shown | None]) -> None:
        """Paints the tiles whose picture has changed."""
        changed = False
        tiles = zip(self._plan.matte.tiles, self._plan.boxes, strict=True)
        for index, (tile, box) in enumerate(tiles):
            picture = shown.get(tile.stream)
            if box is None or picture is self._shown[index]:
                continue
            self._shown[index] = picture
            self._scaled[index] = self._scale(tile.stream, tile.placement, box, picture)
            self._plan.paint(self._planes, index, self._scaled[index])
            changed = True
        if changed:
            self._plan.paint_shared(self._planes, self._scaled)

    def _scale(
        self, stream: str, placement: Placement, box: Box, picture: Shown | None
    ) -> Planes | None:
        if picture is None:
            return None
        size = (picture.frame.width, picture.frame.height)
        return self._scalers.get(stream, placement, size, box).scale(picture.frame)

    def frame(self, number: int, fps: int) -> av.VideoFrame:
        """A copy of the canvas as it is now."""
        width, height = self._plan.matte.width, self._plan.matte.height
        frame = av.VideoFrame(width, height, "yuv420p")
        for into, plane in zip(planes_of(frame), self._planes, strict=True):
            np.copyto(into, plane)
        frame.colorspace = frame.color_primaries = frame.color_trc = BT709
        frame.color_range = LIMITED_RANGE
        frame.pts = number
        frame.time_base = Fraction(1, fps)
        return frame
