"""One page from the first frame at which it is shown: stepped, painted, its progress kept.

The page pass (page_pass.py) opens the page, gives it to a `Showing`, and sees to failures.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from mixer.layout.levels import Levels
from mixer.layout.look import Look
from mixer.layout.notebook import MISSING, Act, Notebook
from mixer.layout.page import Page, PageFailure
from mixer.layout.painter import Painter
from mixer.layout.schedule import Rates, Waiting
from mixer.layout.timeline import Timeline
from mixer.layout.track import MatteTrackWriter


class ClockFreed(Exception):
    """The page's clock had to be freed in the step to `frame`: show it again, freed from there."""

    def __init__(self, frame: int) -> None:
        super().__init__(f"the page held its clock up at frame {frame}")
        self.frame = frame


class Owner(Protocol):
    """What a page pass has that outlives its pages."""

    @property
    def timeline(self) -> Timeline: ...
    @property
    def writer(self) -> MatteTrackWriter: ...
    @property
    def notebook(self) -> Notebook: ...
    async def idle(self) -> bool:
        """Waits for the journal; False when told to stop."""
        ...


class Showing:
    """Runs an act's page; `page` has been opened and `painter` is prepared for it."""

    def __init__(
        self,
        owner: Owner,
        act: Act,
        page: Page,
        painter: Painter,
        look: Look,
        levels: Levels,
    ) -> None:
        self._owner = owner
        self._levels = levels
        self._act = act
        self._page = page
        self._painter = painter
        self._timeline = owner.timeline
        self._writer = owner.writer
        self._rates = Rates(owner.timeline.fps)
        self._start_ms = page.clock_ms
        alert = self._rates.watched_until(act.first)
        self._waiting = Waiting(act.first - 1, look, 0, True, alert=alert)
        self._lively = False  # it moves by scripts, and its last still was another than that before
        self._eventful = False  # the last events changed its look
        self._unrested = False

    async def run(self) -> None:
        """Until the track is finished, the act is over, or the pass is told to stop. Raises
        PageFailure; ClockFreed or PixelsRead before the frame concerned is painted."""
        while True:
            frame = self._next()
            known, until = self._timeline.known, self._act.until
            over = until is not None and known > until
            known = min(known, until) if until is not None else known
            if frame < known:
                await self._step(frame)
                if (ended := self._owner.notebook.end()) is not None:
                    self._end(ended)
                    return
                self._progress(frame + 1, more=True)
            else:
                self._progress(known)
                if over:
                    self._painter.finish()
                    self._progress(known)
                    return
                total = self._timeline.total
                if total is not None and known >= total:
                    self._end(total)
                    return
                if not await self._owner.idle():
                    return

    def _end(self, total: int) -> None:
        """The track has so many frames."""
        self._painter.finish()
        self._progress(total)
        self._writer.finish(total)

    def _next(self) -> int:
        last = self._waiting.frame
        if last < self._act.first:
            return self._act.first
        frame = self._waiting.next_step(self._rates)
        if self._painter.pixels is not None:
            frame = last + 1
        return min([frame, *self._told_after(last)])

    def _told_after(self, frame: int) -> list[int]:
        """The next frames at which the page is told something, as far as they are known."""
        told = [self._timeline.next_event_after(frame), self._timeline.next_resuming_after(frame)]
        if self._waiting.look.levels:
            told.append(self._levels.next_after(frame))
        return [at for at in told if at is not None]

    def _ahead(self, frame: int, *, events: bool, changed: bool, due: bool) -> int | None:
        """The frame after `frame`, if that is where the page is stepped next and nothing comes
        between: provided that it waits for nothing else than at its last step."""
        last, then = self._waiting, frame + 1
        known, until = self._timeline.known, self._act.until
        known = known if until is None else min(known, until)
        if frame == self._act.first or self._painter.pixels is not None or last.look.readers:
            return None
        if then >= known or then in self._told_after(frame):
            return None
        same = replace(last.look, due_ms=None)
        if last.ended(same):
            return None
        now = last.then(frame, same, self._rates, changed=changed, told=events)
        if now.takes_still(self._rates, told=due) or now.next_step(self._rates) != then:
            return None
        rests = self._unrested and now.drawn(then, self._rates, lively=self._lively)
        return None if rests else then

    def _progress(self, frames: int, *, more: bool = False) -> None:
        """Frames before that are final; `more` are known, so that this may be told later."""
        painted = self._painter.painted
        frames = frames if painted is None else min(frames, painted)
        if frames > self._writer.frames:
            self._writer.progress(frames)
        self._owner.notebook.progress(more=more)

    def _time_ms(self, frame: int) -> float:
        """Page time: that of the output and of the recording's pauses: pages live through them."""
        first = self._act.first
        shown_ms = (frame - first + 1) * 1000 / self._rates.fps
        return self._start_ms + shown_ms + self._timeline.skipped_ms(first, frame)

    async def _step(self, frame: int) -> None:
        """The page at one output frame; painted if it is not final yet and has changed."""
        last, fresh = self._waiting, frame >= self._writer.frames
        events = [] if frame == self._act.first else self._timeline.events_at(frame)
        if self._act.freed_at is not None and frame >= self._act.freed_at:
            self._page.stalled = True
        await self._painter.before(frame, last.look, fresh=fresh)
        heard = None
        if last.look.levels:
            heard = self._levels.new_at(frame, self._timeline.time_ns(frame))
        told = bool(events) or frame == self._act.first or self._timeline.resumes(frame)
        due = told or heard is not None
        moves = await self._between(frame, due=due)
        drawn = self._drawn(frame, events=bool(events), due=due)
        if drawn:
            await self._rest()
        damage = await self._page.step(
            frame, self._time_ms(frame), events, heard, moves=moves, drawn=drawn
        )
        supposed = not drawn and (due or self._rates.on_grid(frame))
        ahead = self._ahead(frame, events=bool(events), changed=damage or supposed, due=due)
        still = self._lively and fresh and self._rates.on_grid(frame) and not drawn
        look, settled = await self._page.look(ahead, still=still)
        if last.ended(look) and not drawn:
            await self._page.frame()
        if fresh:
            self._painter.heed(frame, look)
        self._heed(frame, look)
        if frame > 0 and self._owner.notebook.end() is not None:  # not to be seen any more
            return
        changed = damage or settled or supposed or last.ended(look)
        now = last.then(frame, look, self._rates, changed=changed, told=bool(events))
        if self._painter.pixels is not None or now.takes_still(self._rates, told=due):
            if fresh:
                new = await self._painter.paint(frame, look, changed=changed, told=told)
                self._lively = new and look.drawing
                self._eventful = new if events else self._eventful
                await self._stilled()
            now = replace(now, dirty=False)
        self._waiting = now

    async def _between(self, frame: int, *, due: bool) -> list[tuple[int, float]]:
        """What comes between the last step and this one; the frames, with their times, in which the
        page still has to move by its scripts on its way."""
        last = self._waiting
        skipped = [(number, self._time_ms(number)) for number in range(last.frame + 1, frame)]
        if not skipped or (last.alone and not due):
            return skipped
        if last.alone:
            await self._page.move(skipped)
        await self._page.advance(self._time_ms(frame - 1))
        return []

    def _drawn(self, frame: int, *, events: bool, due: bool) -> bool:
        """Whether the step's frame is drawn: not where nobody looks, nor where a still will be
        taken anyway. What is supposed of that decides nothing but how much is done."""
        last = self._waiting
        if frame == self._act.first or self._painter.draws:
            return True
        if due:
            known = events and not self._timeline.resumes(frame) and frame >= self._writer.frames
            return not (known and self._eventful)
        return last.drawn(frame, self._rates, lively=self._lively)

    async def _stilled(self) -> None:
        """After a frame was painted."""
        self._unrested |= self._painter.stilled
        if self._painter.posed or not self._lively:
            await self._rest()

    async def _rest(self) -> None:
        """After stills, before the browser is asked once more what has changed."""
        if self._unrested:
            self._unrested = False
            if self._painter.posed:
                await self._page.rest()
            else:  # the still itself counts as a change
                await self._page.frame()

    def _heed(self, frame: int, look: Look) -> None:
        """Notes what the page did or was not let do; raises if it gave up or held its clock up."""
        if look.failed is not None:
            raise PageFailure(f"the page gave up: {look.failed}")
        told = [*look.notes, *self._page.suppressed]
        self._page.suppressed.clear()
        if frame < self._writer.frames:
            return
        if self._page.stalled and self._act.freed_at is None:
            raise ClockFreed(frame)
        notebook = self._owner.notebook
        for kind, detail in told:
            notebook.suppressed(frame, kind, detail)
        if found := "".join(sorted(set(look.missing) - notebook.missing())):
            notebook.note(frame, MISSING, characters=found, count=len(found))
        if look.finished:
            notebook.finished(frame)
