"""The page pass: runs a layout's page over the journal's events and writes the matte track.

In media time, in order, at most up to the journal's watermark; a page is stepped only at frames
where something can happen (schedule.py). A page or browser that fails is started again once, run
silently to where it was; when it fails again the default layout takes over from that frame on, and
the page is tried again later, a few times (notebook.py). A page that holds its clock up, or reads a
test card, is started again, too: freed, or with pictures in its videos, from that frame
on, which then is done as every later pass will do it. A page that has nothing more to show ends the
track. The track says all that, and a restarted page pass does the same at the same frames. What
happens at the frames is in `showing.py`.
"""

from __future__ import annotations

import asyncio
import ctypes
import time
import zlib
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import structlog

from mixer.conference.presentation import OBJECTS
from mixer.errors import EnvironmentMissing, LayoutError
from mixer.journal import Journal
from mixer.layout.appetite import Allowance
from mixer.layout.browser import BrowserSettings, launched
from mixer.layout.documents import Documents
from mixer.layout.levels import Levels
from mixer.layout.notebook import DEFAULT, LOADING, REPLACED, STALLED, TRIED, Act, Notebook, Tell
from mixer.layout.opening import opened
from mixer.layout.page import BrowserGone, PageFailure, PageSettings
from mixer.layout.painter import WAY, Painter, PixelsRead, decide_pixels
from mixer.layout.pixels import PictureFeed
from mixer.layout.serving import find_site
from mixer.layout.showing import ClockFreed, Showing
from mixer.layout.timeline import Timeline
from mixer.layout.track import MatteTrackWriter
from mixer.proxy import Reach

log = structlog.get_logger()

POLL_S = 0.05
TIDY_EVERY_S = 10.0
PAGE_ATTEMPTS = 2
BROWSER_ATTEMPTS = 6
# What a page answers is checked; where that was forgotten it is the page that fails, nothing else.
NONSENSE = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError)


@dataclass(frozen=True, slots=True)
class PassSettings:
    """What to render. `stop_ns` None: until the journal ends or `stop_at` says when."""

    layout: str
    width: int
    height: int
    fps: int
    start_ns: int
    stop_ns: int | None = None
    language: str = "en"
    layout_type: str = "record"  # what pages are told they are shown for
    ready_wall_s: float = 10.0
    stall_wall_s: float = 5.0
    answer_wall_s: float = 20.0
    browser: BrowserSettings | None = None
    cache: Path | None = None
    reach: Reach | None = None  # what pages may load from; None: what the environment says
    allow_layout_origin: bool = True  # an address given as layout may be a private one
    conference: str = ""  # its address; layouts of our own may load from there
    allowance: Allowance | None = None


def _seed(conference: str, url: str, settings: PageSettings) -> int:
    """Of a page's chance: the same whenever this is rendered again, another one in every other
    recording and mix, as pages make ids of it that must not be given twice."""
    size = f"{settings.width}x{settings.height}"
    known = (conference, url, settings.language, size, f"{settings.wall_start:.3f}")
    return zlib.crc32("\0".join(known).encode()) or 1


class PagePass:
    """One layout over one journal, from first frame to last. `tell` hears how it goes."""

    def __init__(
        self, journal: Journal, directory: Path, settings: PassSettings, tell: Tell
    ) -> None:
        self._settings = settings
        self._journal = journal
        self.timeline = Timeline(
            journal, start_ns=settings.start_ns, stop_ns=settings.stop_ns, fps=settings.fps
        )
        self.writer = MatteTrackWriter.create(
            directory,
            width=settings.width,
            height=settings.height,
            fps=settings.fps,
            start_ns=settings.start_ns,
        )
        self.notebook = Notebook(self.writer, tell)
        self._stopping = asyncio.Event()
        self._ready = False
        self._failures = 0
        self._failed_at = -1
        self._tidied = time.monotonic()

    def stop(self) -> None:
        """Leaves as soon as possible; the track can be gone on with."""
        self._stopping.set()

    def stop_at(self, stop_ns: int) -> None:
        self.timeline.stop_at(stop_ns)

    async def run(self) -> int:
        """Runs to the end; the number of frames. Raises LayoutError, StorageError, …"""
        self.notebook.tell_again()
        try:
            while not self._stopping.is_set() and not self.writer.finished:
                act = self.notebook.act(self._settings.layout, self._settings.fps)
                try:
                    if act.until is not None and self._is_over(act.until):
                        self._try_again(act.until)
                    else:
                        await self._show(act)
                except ClockFreed as freed:
                    self.writer.drop()
                    loading = {"loading": True} if freed.frame == LOADING else {}
                    self._decide(max(freed.frame, act.first), STALLED, **loading)
                except PixelsRead as read:
                    self.writer.drop()
                    decide_pixels(self.writer, read.frame, read.reason, reads=True)
                    self.writer.progress(self.writer.frames)
                except PageFailure as failure:
                    self.writer.drop()
                    self._weigh(act, failure)
                except NONSENSE as error:
                    log.exception("page.nonsense", layout=act.layout)
                    self.writer.drop()
                    self._weigh(act, PageFailure(f"the page cannot be followed: {error!r}"))
            return self.writer.frames
        finally:
            self.writer.close()

    def _decide(self, frame: int, type: str, **data: Any) -> None:
        """Notes and commits what holds from `frame` on, which is not final yet."""
        self.notebook.note(frame, type, **data)
        self.writer.progress(self.writer.frames)

    def _is_over(self, until: int) -> bool:
        """Whether all frames before `until` are final, and more are to come."""
        return self.writer.frames >= until and self.timeline.known > until

    def _try_again(self, frame: int) -> None:
        """From `frame` on it is the layout that was asked for."""
        log.info("page.tried", layout=self._settings.layout, frame=frame)
        self._failures = 0
        self.writer.remember(WAY, None)
        self._decide(frame, TRIED)

    def _weigh(self, act: Act, failure: PageFailure) -> None:
        """After a failure: again, or the default layout from here on, or no way at all. A page that
        is tried again and shows nothing at all is not started twice."""
        at, layout = self.writer.frames, act.layout
        self._failures = self._failures + 1 if at <= self._failed_at + self._settings.fps else 1
        self._failed_at = at
        gone = isinstance(failure, BrowserGone)
        log.warning("page.failed", layout=layout, frame=at, reason=str(failure))
        self.notebook.tell("note", type="page.failed", frame=at, reason=str(failure))
        for kind, detail in failure.told:
            if kind != "error":  # the reason tells of that
                self.notebook.suppressed(at, kind, detail)
        attempts = 1 if act.tries and at <= act.first else PAGE_ATTEMPTS
        if gone or layout == DEFAULT:  # there is nothing to take its place
            attempts = BROWSER_ATTEMPTS
        if self._failures < attempts:
            return
        if layout == DEFAULT:
            if gone:
                raise EnvironmentMissing(f"the browser does not stay alive: {failure}")
            raise LayoutError(f"the default layout fails: {failure}")
        self._failures = 0
        self.writer.remember(WAY, None)
        self._decide(at, REPLACED, reason=str(failure), by=DEFAULT)

    # ---- one page -----------------------------------------------------------------------------

    def _page_settings(self, act: Act) -> PageSettings:
        settings, time_ns = self._settings, self.timeline.time_ns(act.first)
        return PageSettings(
            settings.width,
            settings.height,
            settings.fps,
            wall_start=self._journal.started_wall + time_ns / 1e9,
            language=settings.language,
            layout_type=settings.layout_type,
            ready_wall_s=settings.ready_wall_s,
            stall_wall_s=settings.stall_wall_s,
            answer_wall_s=settings.answer_wall_s,
            allowance=settings.allowance or Allowance.from_environment(),
            stalled=act.freed_at == LOADING,
        )

    async def _show(self, act: Act) -> None:
        """Shows a layout from the frame at which it began; frames that are final are run through
        without being painted again."""
        if not await self._wait_for(act.first):
            return
        settings = self._page_settings(act)
        variables = {
            "width": settings.width,
            "height": settings.height,
            "fps": settings.fps,
            "language": settings.language,
        }
        site = find_site(act.layout, variables, self._settings.cache)
        site.objects, site.tries = self._journal.directory / OBJECTS, act.tries
        seed = _seed(self._journal.conference, site.url, settings)
        settings = replace(settings, parameters=site.parameters, seed=seed)
        state = self.timeline.state_at(act.first)
        reach = self._settings.reach or Reach.from_environment()
        if site.folder is not None:  # a layout of our own: the conference's avatars
            reach = reach.and_origin(self._settings.conference)
        elif self._settings.allow_layout_origin:
            reach = reach.and_origin(act.layout)
        async with AsyncExitStack() as stack:
            browser = await stack.enter_async_context(launched(self._settings.browser))
            opening = opened(browser, site, settings, state, reach)
            page, look = await stack.enter_async_context(opening)
            if page.stalled and act.freed_at is None and self.writer.frames <= act.first:
                raise ClockFreed(LOADING)
            feed = PictureFeed(self._journal, page)
            documents = Documents(page, self.writer, alone=site.is_built_in)
            painter = Painter(page, self.writer, self.timeline, feed, documents)
            await painter.prepare()
            if not self._ready:
                self._ready = True
                self.notebook.tell("ready", layout=act.layout)
            levels = Levels(self._journal, self._settings.fps)
            await Showing(self, act, page, painter, look, levels).run()

    async def _wait_for(self, frame: int) -> bool:
        """Waits until the journal is known up to a frame; False if that will never be."""
        while frame >= self.timeline.known:
            total = self.timeline.total
            if total is not None and frame >= total and self.timeline.known >= total:
                self.writer.finish(total)
                return False
            if not await self.idle():
                return False
        return True

    async def idle(self) -> bool:
        """Waits for the journal; False when told to stop."""
        if not self.timeline.refresh():
            self._tidy()
            try:
                async with asyncio.timeout(POLL_S):
                    await self._stopping.wait()
            except TimeoutError:
                self.timeline.refresh()
        return not self._stopping.is_set()

    def _tidy(self) -> None:
        """Now and then gives back what stills have taken: most pages rest for long."""
        if time.monotonic() > self._tidied + TIDY_EVERY_S:
            self._tidied = time.monotonic()
            with suppress(OSError, AttributeError):  # another C library than glibc
                ctypes.CDLL(None).malloc_trim(0)
