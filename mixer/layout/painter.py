"""Turns a stepped page into the matte track: mattes as long as that is right, else pixels.

The way changes to pixels at the frame where a matte is found to be wrong, and back at an event
after which the page can be told by a matte again. What was decided is remembered in the track, so
that a page pass that was killed decides the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

from mixer.layout import stills
from mixer.layout.chunks import Base
from mixer.layout.colour import Converter, decode_png
from mixer.layout.differences import Rgb
from mixer.layout.documents import Documents
from mixer.layout.look import Look
from mixer.layout.matte import Tile
from mixer.layout.matting import NotMatte
from mixer.layout.page import Page
from mixer.layout.pixels import PICTURE, PictureFeed
from mixer.layout.proof import saw
from mixer.layout.references import References
from mixer.layout.schedule import Rates
from mixer.layout.timeline import Timeline
from mixer.layout.track import MatteTrackWriter

log = structlog.get_logger()

# Key in the track's memory: {"pixels": reason or None, "tried": frame, "reads": frame or None}.
WAY = "way"


class PixelsRead(Exception):
    """The page has read a test card from a video in the step to `frame`: show it again, with
    pictures in its videos from there on."""

    def __init__(self, frame: int, reason: str) -> None:
        super().__init__(reason)
        self.frame = frame
        self.reason = reason


def _reading(look: Look) -> str:
    return f"the page reads pixels ({look.readers[0]})"


def decide_pixels(writer: MatteTrackWriter, frame: int, reason: str, *, reads: bool) -> None:
    """Notes in the track that from `frame` on pixels are rendered."""
    log.info("page.pixels", frame=frame, reason=reason)
    writer.note(frame, "page.pixels", {"reason": reason})
    writer.remember(WAY, {"pixels": reason, "tried": frame, "reads": frame if reads else None})


class Painter:
    """Paints the frames of one page, in order, from the first that is not final yet."""

    def __init__(
        self,
        page: Page,
        writer: MatteTrackWriter,
        timeline: Timeline,
        feed: PictureFeed,
        documents: Documents,
    ) -> None:
        self._page = page
        self._writer = writer
        self._timeline = timeline
        self._feed = feed
        self._rates = Rates(timeline.fps)
        way: Mapping[str, Any] = writer.seen.get(WAY) or {}
        self.pixels: str | None = way.get("pixels")  # why, if pixels are rendered
        self._tried: int = way.get("tried", 0)  # frame at which a matte was last tried
        self._reads: int | None = way.get("reads")  # frame from which the page reads pixels
        self._wish = False  # to try a matte again
        self._shown = writer.shown
        self._run: list[Base] = []  # pixel-rendered frames that are not written yet
        self._run_first = 0
        self._resting = False  # the page's videos show the pictures already
        self.stilled = False  # the last painting took a still
        self.posed = False  # … and more than one with the resting cards
        self._documents = documents
        self._references = References(writer)
        self._converter = Converter()

    async def prepare(self) -> None:
        await stills.prepare(self._page)

    @property
    def painted(self) -> int | None:
        """First frame that is painted but not written; None if none."""
        return self._run_first if self._run else None

    @property
    def draws(self) -> bool:
        """Whether each frame is to be drawn: what is shown may need no still."""
        return self.pixels is not None or self._documents.trusted

    # ---- before and after the page's step -----------------------------------------------------

    async def before(self, frame: int, look: Look, *, fresh: bool) -> None:
        """Lets a page that reads pixels find the right ones in its videos, also (not `fresh`) when
        it is run through a frame once more."""
        if fresh and look.readers and self.pixels is None:  # from the start, before it was shown
            self._to_pixels(frame, _reading(look), reads=True)
        if self.pixels is None or not (fresh or self._read_at(frame)):
            return
        if not self._resting:
            await self._page.host("rest", PICTURE)
            self._resting = True
            look, _ = await self._page.look()  # which tells of videos out of the document, too
        if await self._feed.give(look, self._timeline.time_ns(frame)):
            await self._page.look()

    def _read_at(self, frame: int) -> bool:
        return self._reads is not None and frame >= self._reads

    def heed(self, frame: int, look: Look) -> None:
        """After the step to a frame that is to be painted. Raises PixelsRead."""
        if not look.readers or self._reads is not None:
            return
        if self.pixels is None:
            raise PixelsRead(frame, _reading(look))
        self._reads = frame  # its videos show pictures already
        self._way(frame, self.pixels)

    async def paint(self, frame: int, look: Look, *, changed: bool, told: bool) -> bool:
        """Paints a frame whose look may have changed; `told`: events came with it.

        True if it did."""
        before = self._shown
        known = None if self.pixels is not None else await self._documents.matte_id(look)
        self.stilled = self.posed = known is None
        if known is not None:
            self._show(frame, known)
            return self._shown != before
        await self._page.freeze()
        if self.pixels is None:
            await self._try_matte(frame, look)
        else:
            self._wish |= told and changed
            if self._wish and not look.readers and frame >= self._tried + self._timeline.fps:
                await self._back(frame, look)
            else:
                await self._paint_pixels(frame, look)
        return self._shown is None or self._shown != before

    # ---- mattes -------------------------------------------------------------------------------

    async def _try_matte(self, frame: int, look: Look) -> None:
        try:
            matte_id = await self._matte(look)
        except NotMatte as error:
            reason = await stills.reason_in_page(self._page, error)
            self._to_pixels(frame, reason, reads=False)
            await self.before(frame, look, fresh=True)
            await self._paint_pixels(frame, look)
            return
        self._flush()
        self._documents.keep(matte_id)
        self._show(frame, matte_id)

    def _show(self, frame: int, matte_id: int) -> None:
        if matte_id != self._shown:
            self._writer.show(frame, matte_id)
            self._shown = matte_id

    async def _matte(self, look: Look) -> int:
        """Id of the matte of what the page shows now. Raises NotMatte, when it is sure that all
        videos were painted."""
        return await stills.surely(self._page, lambda: self._matte_once(look))

    async def _matte_once(self, look: Look) -> int:
        rest = await stills.resting(self._page, look)
        known = self._writer.seen.get(f"still {rest.key}")
        if known is not None:  # with all videos that were painted then
            if rest.unproven:
                await saw(self._page, rest.unproven)
            self.posed = False
            return int(known)
        like = self._references.matte_like(look, rest)
        if like is not None:
            self.posed = False
            return self._kept(rest, *like)
        unseen = await stills.Unseen.taken(self._page, look, rest)
        tiles = self._references.tiles_like(unseen)
        if tiles is not None:
            return self._kept(rest, unseen.black, tiles)
        tiles = tuple(await unseen.tiles(self._page))
        matte_id = self._kept(rest, unseen.black, tiles)
        self._references.keep(unseen, matte_id, tiles)
        return matte_id

    def _kept(self, rest: stills.Resting, black: Rgb, tiles: tuple[Tile, ...]) -> int:
        matte_id = self._writer.matte(stills.matte_of(black, tiles, self._converter))
        self._writer.remember(f"still {rest.key}", matte_id)
        return matte_id

    # ---- pixels -------------------------------------------------------------------------------

    def _to_pixels(self, frame: int, reason: str, *, reads: bool) -> None:
        decide_pixels(self._writer, frame, reason, reads=reads)
        self.pixels, self._tried, self._wish = reason, frame, False
        self._reads = frame if reads else None

    def _way(self, frame: int, reason: str | None) -> None:
        self.pixels, self._tried, self._wish = reason, frame, False
        self._writer.remember(WAY, {"pixels": reason, "tried": frame, "reads": self._reads})

    async def _paint_pixels(self, frame: int, look: Look) -> None:
        await self._feed.give(look, self._timeline.time_ns(frame))
        base = self._converter.planes(decode_png(await self._page.still(PICTURE)))
        if not self._run:
            self._run_first = frame
        self._run.append(base)
        if len(self._run) >= self._timeline.fps:
            self._flush()

    def _flush(self) -> None:
        if self._run:
            self._writer.pixels(self._run_first, self._run)
            self._run, self._shown = [], None

    async def _back(self, frame: int, look: Look) -> None:
        """Tries a matte again; goes on with pixels if it is still wrong."""
        try:
            matte_id = await self._matte(look)
        except NotMatte:
            self._way(frame, self.pixels)
            await self._paint_pixels(frame, look)
            return
        log.info("page.mattes-again", frame=frame)
        self._flush()
        self._writer.note(frame, "page.mattes", {})
        self._way(frame, None)
        await self._page.host("rest", "ramp")
        self._resting = False
        self._writer.show(frame, matte_id)
        self._shown = matte_id

    def finish(self) -> None:
        """Writes what is painted but not written yet."""
        self._flush()
