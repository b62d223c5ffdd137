"""The page pass: runs a layout's page over the journal's events and writes the matte track.

In media time, in order, at most up to the journal's watermark; a page is stepped only at frames
where something can happen (schedule.py). A page or browser that fails is started again once, run
silently to where it was; when it fails again the default layout takes over from that frame on,
which the track's notes say, and a restarted page pass does the same at the same frame.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import structlog

from mixer.errors import EnvironmentMissing, LayoutError
from mixer.journal import Journal
from mixer.layout.browser import BrowserSettings, launched
from mixer.layout.look import Look
from mixer.layout.page import BrowserGone, Page, PageFailure, PageSettings, opened
from mixer.layout.painter import WAY, Painter
from mixer.layout.pixels import PictureFeed
from mixer.layout.schedule import Rates, Waiting
from mixer.layout.serving import find_site
from mixer.layout.timeline import Timeline
from mixer.layout.track import MatteTrackWriter

log = structlog.get_logger()

DEFAULT = "default"
POLL_S = 0.05
PAGE_ATTEMPTS = 2
BROWSER_ATTEMPTS = 6
MAX_NOTES = 200
REPLACED, STALLED, SUPPRESSED = "page.replaced", "page.stalled", "page.suppressed"
MISSING = "missing-glyphs"
TOLD = (REPLACED, STALLED, SUPPRESSED, MISSING)
Tell = Callable[[str, dict[str, Any]], None]


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
    ready_wall_s: float = 10.0
    stall_wall_s: float = 5.0
    browser: BrowserSettings | None = None
    cache: Path | None = None


class PagePass:
    """One layout over one journal, from first frame to last. `tell` hears how it goes."""

    def __init__(
        self, journal: Journal, directory: Path, settings: PassSettings, tell: Tell
    ) -> None:
        self._settings = settings
        self._tell = tell
        self._journal = journal
        self._timeline = Timeline(
            journal, start_ns=settings.start_ns, stop_ns=settings.stop_ns, fps=settings.fps
        )
        self._writer = MatteTrackWriter.create(
            directory,
            width=settings.width,
            height=settings.height,
            fps=settings.fps,
            start_ns=settings.start_ns,
        )
        self._rates = Rates(settings.fps)
        self._stopping = asyncio.Event()
        self._ready = False
        self._failures = 0
        self._failed_at = -1

    def stop(self) -> None:
        """Leaves as soon as possible; the track can be gone on with."""
        self._stopping.set()

    def stop_at(self, stop_ns: int) -> None:
        self._timeline.stop_at(stop_ns)

    async def run(self) -> int:
        """Runs to the end; the number of frames. Raises LayoutError, StorageError, …"""
        self._tell_again()
        try:
            while not self._stopping.is_set() and not self._writer.finished:
                layout, first = self._current()
                try:
                    await self._show(layout, first)
                except PageFailure as failure:
                    self._weigh(layout, failure)
            return self._writer.frames
        finally:
            self._writer.close()

    def _tell_again(self) -> None:
        """What an earlier pass has made and noted: who it was told to may be gone, too."""
        for note in self._writer.notes:
            if note.type in TOLD:
                self._tell("note", {"type": note.type, "frame": note.frame, **note.data})
        if self._writer.frames:
            self._tell("progress", {"frames": self._writer.frames})

    def _current(self) -> tuple[str, int]:
        """The layout that is to be shown now, and the frame at which it began."""
        for note in self._writer.notes:
            if note.type == REPLACED:
                return DEFAULT, note.frame
        return self._settings.layout, 0

    def _weigh(self, layout: str, failure: PageFailure) -> None:
        """After a failure: again, or the default layout from here on, or no way at all."""
        at = self._writer.frames
        self._failures = self._failures + 1 if at <= self._failed_at + self._settings.fps else 1
        self._failed_at = at
        gone = isinstance(failure, BrowserGone)
        log.warning("page.failed", layout=layout, frame=at, reason=str(failure))
        self._tell("note", {"type": "page.failed", "frame": at, "reason": str(failure)})
        if self._failures < (BROWSER_ATTEMPTS if gone else PAGE_ATTEMPTS):
            return
        if gone:
            raise EnvironmentMissing(f"the browser does not stay alive: {failure}")
        if layout == DEFAULT:
            raise LayoutError(f"the default layout fails: {failure}")
        self._failures = 0
        self._note(at, REPLACED, {"reason": str(failure), "by": DEFAULT})
        self._writer.remember(WAY, None)
        self._writer.progress(at)

    def _note(self, frame: int, type: str, data: dict[str, Any]) -> None:
        if len(self._writer.notes) < MAX_NOTES:
            self._writer.note(frame, type, data)
            self._tell("note", {"type": type, "frame": frame, **data})

    # ---- one page -----------------------------------------------------------------------------

    def _page_settings(self, first: int) -> PageSettings:
        settings, time_ns = self._settings, self._timeline.time_ns(first)
        return PageSettings(
            settings.width,
            settings.height,
            settings.fps,
            wall_start=self._journal.started_wall + time_ns / 1e9,
            language=settings.language,
            ready_wall_s=settings.ready_wall_s,
            stall_wall_s=settings.stall_wall_s,
        )

    async def _show(self, layout: str, first: int) -> None:
        """Shows a layout from the frame at which it began; frames that are final are run through
        without being painted again."""
        if not await self._wait_for(first):
            return
        settings = self._page_settings(first)
        variables = {
            "width": settings.width,
            "height": settings.height,
            "fps": settings.fps,
            "language": settings.language,
        }
        site = find_site(layout, variables, self._settings.cache)
        settings = replace(settings, parameters=site.parameters)
        state = self._timeline.state_at(first)
        start = self._settings.browser or BrowserSettings.from_environment()
        start = replace(start, local_network=site.folder is not None)
        async with AsyncExitStack() as stack:
            browser = await stack.enter_async_context(launched(start))
            page, look = await stack.enter_async_context(opened(browser, site, settings, state))
            feed = PictureFeed(self._journal, page)
            painter = Painter(page, self._writer, self._timeline, feed)
            await painter.prepare()
            if not self._ready:
                self._ready = True
                self._tell("ready", {"layout": layout})
            await _Showing(self, page, painter, first, look).run()

    async def _wait_for(self, frame: int) -> bool:
        """Waits until the journal is known up to a frame; False if that will never be."""
        while frame >= self._timeline.known:
            if self.at_end(frame) or not await self._idle():
                return False
        return True

    async def _idle(self) -> bool:
        """Waits for the journal; False when told to stop."""
        if not self._timeline.refresh():
            try:
                await asyncio.wait_for(self._stopping.wait(), POLL_S)
            except TimeoutError:
                self._timeline.refresh()
        return not self._stopping.is_set()

    def at_end(self, frame: int) -> bool:
        """Finishes the track if `frame` is beyond the last one."""
        total = self._timeline.total
        if total is None or frame < total or self._timeline.known < total:
            return False
        self._writer.finish(total)
        return True


class _Showing:
    """One page from its first frame on: steps, paints, keeps the track's progress."""

    def __init__(
        self, owner: PagePass, page: Page, painter: Painter, first: int, look: Look
    ) -> None:
        self._owner = owner
        self._page = page
        self._painter = painter
        self._first = first
        self._timeline = owner._timeline
        self._writer = owner._writer
        self._rates = owner._rates
        self._start_ms = page.clock_ms
        self._waiting = Waiting(first - 1, look, 0, True)
        self._stalled_at = next((n.frame for n in self._writer.notes if n.type == STALLED), None)

    async def run(self) -> None:
        while True:
            frame = self._next()
            known = self._timeline.known
            if frame < known:
                await self._step(frame)
                self._progress(frame + 1)
            else:
                self._progress(known)
                total = self._timeline.total
                if total is not None and known >= total:
                    self._painter.finish()
                    self._progress(total)
                    self._owner.at_end(total)
                    return
                if not await self._owner._idle():
                    return

    def _next(self) -> int:
        last = self._waiting.frame
        if last < self._first:
            return self._first
        frame = self._waiting.next_step(self._rates)
        if self._painter.pixels is not None:
            frame = last + 1
        event = self._timeline.next_event_after(last)
        return frame if event is None else min(frame, event)

    def _progress(self, frames: int) -> None:
        painted = self._painter.painted
        frames = frames if painted is None else min(frames, painted)
        if frames > self._writer.frames:
            self._writer.progress(frames)
            self._owner._tell("progress", {"frames": frames})

    def _time_ms(self, frame: int) -> float:
        """Page time: that of the output and of the recording's pauses: pages live through them."""
        shown_ms = (frame - self._first + 1) * 1000 / self._rates.fps
        return self._start_ms + shown_ms + self._timeline.skipped_ms(self._first, frame)

    async def _step(self, frame: int) -> None:
        """The page at one output frame; painted if it is not final yet and has changed."""
        last, fresh = self._waiting, frame >= self._writer.frames
        events = [] if frame == self._first else self._timeline.events_at(frame)
        if self._stalled_at is not None and frame >= self._stalled_at:
            self._page.stalled = True
        if fresh:
            await self._painter.before(frame, last.look)
        if frame > last.frame + 1:
            await self._page.advance(self._time_ms(frame - 1))
        damage = await self._page.step(frame, self._time_ms(frame), events)
        look, settled = await self._page.look()
        self._heed(frame, look)
        changed = damage or settled
        dirty = last.dirty or changed
        told = bool(events) or frame == self._first
        due = told or self._rates.on_grid(frame)
        if self._painter.pixels is not None or look.readers or (dirty and due):
            if fresh:
                await self._painter.paint(frame, look, changed=changed, told=told)
                await self._page.rest()
            dirty = False
        calm = 0 if changed or events else last.calm + 1
        self._waiting = Waiting(frame, look, calm, dirty)

    def _heed(self, frame: int, look: Look) -> None:
        """Notes what the page did or was not let do; raises if it gave up."""
        if look.failed is not None:
            raise PageFailure(f"the page gave up: {look.failed}")
        told = [*look.notes, *self._page.suppressed]
        self._page.suppressed.clear()
        if frame < self._writer.frames:
            return
        if self._page.stalled and self._stalled_at is None:
            self._stalled_at = frame
            self._owner._note(frame, STALLED, {})
        for kind, detail in told:
            self._owner._note(frame, SUPPRESSED, {"kind": kind, "detail": detail})
        noted = {c for n in self._writer.notes if n.type == MISSING for c in n.data["characters"]}
        if found := "".join(sorted(set(look.missing) - noted)):
            self._owner._note(frame, MISSING, {"characters": found, "count": len(found)})
        if look.finished:
            self._owner._tell("finished-by-page", {"frame": frame})
