"""Composes output frames: journal (participants' video) + matte track (the page) -> VideoFrames.

Only what changed since the output frame before is done again: streams that show a new picture are
scaled, and a frame in which nothing changed is copied.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from fractions import Fraction
from typing import Protocol

import av

from ..edit import EditList
from ..errors import RenderError
from ..journal import Journal, Note
from ..layout.matte import Matte, Placement, Tile
from .colour import BT709, LIMITED_RANGE, Converter
from .coverage import Extent
from .decode import Shown, StreamPictures
from .paint import PaintPlan
from .planes import Planes, rows_of
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
        edits: EditList,
    ) -> None:
        self.edits = edits  # may be put in the place of one that knew less of the end
        self._mattes = mattes
        self._size = (width, height)
        like = av.VideoFrame(width, height, "yuv420p")
        self._line_sizes = [plane.line_size for plane in like.planes]
        self._pictures = StreamPictures(journal)
        self._plans: OrderedDict[int, PaintPlan] = OrderedDict()
        self._scalers = _Scalers()
        self._next = -1
        self._scene: _Scene | None = None

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
            self._scene = None
        self._pictures.look_ahead(self.edits.frame_ns(first + count))
        for number in range(first, first + count):
            self._next = -1  # if the work is broken off, start anew
            frame = self._compose(number)
            self._next = number + 1
            yield frame

    def _compose(self, number: int) -> av.VideoFrame:
        id_, matte = self._mattes.at(number)
        if self._scene is None or self._scene.matte_id != id_:
            self._scene = _Scene(id_, self._plan(id_, matte), self._scalers)
        shown = self._pictures.at(self._scene.streams, self.edits.frame_ns(number))
        self._scene.update(shown)
        return self._scene.frame(number, self.edits.fps)

    def _plan(self, id_: int, matte: Matte) -> PaintPlan:
        if (matte.width, matte.height) != self._size:
            raise RenderError(
                f"the page was rendered at {matte.width}x{matte.height}, not at "
                f"{self._size[0]}x{self._size[1]}; render the page again at that size"
            )
        plan = self._plans.pop(id_, None) or self._like_the_last(matte)
        plan = plan or PaintPlan(matte, self._line_sizes)
        if matte.tiles:  # without tiles: one of many pixel-rendered frames, not to come back
            self._plans[id_] = plan
        if len(self._plans) > MAX_PLANS:
            self._plans.popitem(last=False)
        return plan

    def _like_the_last(self, matte: Matte) -> PaintPlan | None:
        """A plan made of that of the last matte, where only the base has changed."""
        last = next(reversed(self._plans.values()), None)
        return last.on(matte) if last is not None else None


class _Scalers:
    """Scalers by what they depend on, so that they outlive a change of a border or a label."""

    def __init__(self) -> None:
        self._converter = Converter()
        self._known: OrderedDict[tuple[str, Placement, tuple[int, int], Extent], PictureScaler] = (
            OrderedDict()
        )

    def get(
        self, stream: str, placement: Placement, size: tuple[int, int], extent: Extent
    ) -> PictureScaler:
        key = (stream, placement, size, extent)
        scaler = self._known.pop(key, None)
        scaler = scaler or PictureScaler(placement, size, extent, self._converter)
        self._known[key] = scaler
        if len(self._known) > MAX_SCALERS:
            self._known.popitem(last=False)
        return scaler


class _Scene:
    """One matte with the pictures that its tiles show."""

    def __init__(self, matte_id: int, plan: PaintPlan, scalers: _Scalers) -> None:
        self.matte_id = matte_id
        self._plan = plan
        self._scalers = scalers
        self._tiles = list(zip(plan.matte.tiles, plan.extents, strict=True))
        self._shown: list[Shown | None] = [None] * len(self._tiles)
        self._scaled: list[Planes | None] = [None] * len(self._tiles)
        self._latest: av.VideoFrame | None = None
        self.streams = sorted({tile.stream for tile, extent in self._tiles if extent is not None})

    def update(self, shown: dict[str, Shown | None]) -> None:
        """Scales the pictures that have changed."""
        for index, (tile, extent) in enumerate(self._tiles):
            picture = shown.get(tile.stream)
            if extent is None or picture is self._shown[index]:
                continue
            self._shown[index] = picture
            self._scaled[index] = self._scale(tile, extent, picture)
            self._latest = None

    def _scale(self, tile: Tile, extent: Extent, picture: Shown | None) -> Planes | None:
        if picture is None:
            return None
        size = (picture.frame.width, picture.frame.height)
        scaler = self._scalers.get(tile.stream, tile.placement, size, extent)
        return scaler.scale(picture.frame)

    def frame(self, number: int, fps: int) -> av.VideoFrame:
        """A new frame, painted, or copied from the one before if nothing has changed since."""
        frame = av.VideoFrame(self._plan.matte.width, self._plan.matte.height, "yuv420p")
        if self._latest is None:
            self._plan.paint(rows_of(frame), self._scaled)
        else:
            for into, plane in zip(rows_of(frame), rows_of(self._latest), strict=True):
                into[...] = plane
        self._latest = frame
        frame.colorspace = frame.color_primaries = frame.color_trc = BT709
        frame.color_range = LIMITED_RANGE
        frame.pts = number
        frame.time_base = Fraction(1, fps)
        return frame
