"""One page under the mixer's clock: virtual time, frames issued one by one, stills.

The page's time is media time. `advance` moves it, `frame` paints, `look` asks the injected script
(inject/) what the page waits for. Every step has a deadline (patience.py); a page that holds the
clock up (open EventSource, hanging fetch) is freed from then on. It is opened by `opening.py`.
"""

from __future__ import annotations

import asyncio
import base64
import json
import math
import re
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib import resources
from typing import Any, TypeVar

import structlog
from playwright.async_api import CDPSession
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page as BrowserPage

from mixer.errors import LayoutError
from mixer.layout.appetite import Allowance
from mixer.layout.cards import RAMP
from mixer.layout.look import Look
from mixer.layout.patience import Patience
from mixer.layout.proof import numbers_of, see
from mixer.layout.sdk import page_scripts

log = structlog.get_logger()
T = TypeVar("T")

# Pages see times of frames in steps of 0.1 ms, jittered per process (Chromium's time clamper), but
# exact where a frame's time is a whole step. So the first frame of an instant is that; the others,
# as little later as is possible, are for stills, in which animations are frozen.
STEP_MS = 0.1
TICK_US = 1
MAX_TICKS = 30  # frames of one instant that are issued at once; from then on TICK_S apart
TICK_S = 0.01
TICKS_WALL_S = 2.0  # limit of waiting for what happens within an instant (patience.py)
LONGEST_RUN_MS = 5_000  # page time that is let run at once; a longer stretch could pass for a stall
SETTLE_MS = 0.01  # page time given to elements that start; taken from the next step
GONE_WAIT_S = 1.0
MAX_SUPPRESSED, MAX_DETAIL = 100, 300
MAX_THROWN = 20
# What Chromium makes of our proxy's finding nobody there, or of a connection that is cut.
UNANSWERED = re.compile(r"net::ERR_(FAILED|EMPTY_RESPONSE|CONNECTION_\w+|TUNNEL_CONNECTION_FAILED)")
# Scripts that share one scope, in this order: before any script of the page, in every frame of it.
INJECTED = ("world", "time", "videos", "obstacles", "glyphs", "host")


class PageFailure(LayoutError):
    """The page cannot be shown: what it did, in one line; `told`: what it was not let do before."""

    told: tuple[tuple[str, str], ...] = ()


class NoAnswer(PageFailure):
    """The page's process is busy with something else, or stands."""


class PageCrashed(PageFailure):
    """The browser or the page's process is gone."""


class BrowserGone(PageCrashed):
    """The whole browser is gone: killed, or out of memory. No fault of the page."""


@dataclass(frozen=True, slots=True)
class PageSettings:
    """How a page is shown. Times in seconds; `wall_start` is unix time of the first frame.

    `stall_wall_s`, `answer_wall_s`: only time in which the browser had the CPU counts
    (patience.py).
    `ready_wall_s`: on the wall, and of page time.
    """

    width: int
    height: int
    fps: int
    wall_start: float
    language: str = "en"
    layout_type: str = "record"  # "replay" for a remix, "stream" for a broadcast
    seed: int = 1
    parameters: Mapping[str, Any] = field(default_factory=dict)
    boot_media_s: float = 1.0  # page time before the first frame, for loading
    ready_wall_s: float = 10.0
    stall_wall_s: float = 5.0
    answer_wall_s: float = 20.0
    allowance: Allowance = field(default_factory=Allowance)  # of memory and CPU time
    stalled: bool = False  # its clock does not wait for the network from the start


def injected_script(settings: PageSettings, state: Mapping[str, Any]) -> str:
    """SDKs and inject/ with their configuration, as run before any script of the page."""
    parameters = {
        "language": settings.language,  # the address may ask for another
        **settings.parameters,
        "width": settings.width,
        "height": settings.height,
        "fps": settings.fps,
        "layoutType": settings.layout_type,
    }
    config = {"seed": settings.seed, "state": state, "parameters": parameters, "layout": True}
    folder = resources.files("mixer.layout").joinpath("inject")
    parts = [folder.joinpath(f"{name}.js").read_text("utf-8") for name in INJECTED]
    ours = "\n".join(["((config) => {", "'use strict';", *parts, f"}})({json.dumps(config)});"])
    return f"{page_scripts()}\n{ours}"


class Suppressed(list[tuple[str, str]]):
    """(kind, detail) of what a page was not let do, until somebody has taken note."""

    def tell(self, kind: str, detail: str) -> None:
        if len(self) < MAX_SUPPRESSED:
            self.append((kind, detail[:MAX_DETAIL]))


class Page:
    """A page whose clock stands still unless `advance` is called. Made by `opened`."""

    def __init__(
        self,
        page: BrowserPage,
        cdp: CDPSession,
        settings: PageSettings,
        suppressed: Suppressed | None = None,
    ) -> None:
        self.settings = settings
        self.stalled = settings.stalled  # its clock does not wait for the network
        self.suppressed = Suppressed() if suppressed is None else suppressed
        self._page = page
        self._cdp = cdp
        self._expired = asyncio.Event()
        self._gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ticks_ms = 0.0  # virtual time at which the page's clock started
        self._clock_ms = 0.0  # page time since then
        self._frame_us = 0  # absolute time of the last frame
        self._freezing = False
        self._last: Look | None = None  # what it told last
        self._ahead: int | None = None  # the output frame to which its step has begun already
        self._shown: list[int] | None = None  # the answer to `shows`, if it is known ahead
        self._thrown: list[str] = []
        self._resigned = False  # a video of its does not show: it is not waited for any more
        cdp.on("Emulation.virtualTimeBudgetExpired", lambda _: self._expired.set())
        page.on("pageerror", lambda error: self._take_thrown(error.message))
        page.on("crash", lambda _: self.lost(PageCrashed("the page's process crashed")))

    def lost(self, failure: PageFailure) -> None:
        """Whoever waits for the page now or later gets this failure."""
        if not self._gone.done():
            self._gone.set_exception(failure)
            self._gone.exception()  # whoever waits next is told

    async def guarded(self, work: Awaitable[T], timeout_s: float | None = None) -> T:
        """`work`, unless the page goes or the browser does not do it in the time it had."""
        timeout_s = timeout_s or self.settings.answer_wall_s
        task = asyncio.ensure_future(work)
        watched: set[asyncio.Future[Any]] = {task, self._gone}
        await Patience(timeout_s).wait(watched)
        if task.done():
            try:
                return task.result()
            except PlaywrightError as error:
                await Patience(GONE_WAIT_S).wait({self._gone})  # which of the two is it?
                if self._gone.done():
                    self._gone.result()
                raise PageCrashed(str(error).splitlines()[0]) from None
        task.cancel()
        with suppress(asyncio.CancelledError, PlaywrightError):
            await asyncio.wait({task}, timeout=1)
        if self._gone.done():
            self._gone.result()
        raise NoAnswer(f"the page does not answer within {timeout_s:g} s")

    async def _send(self, method: str, **params: Any) -> dict[str, Any]:
        return await self.guarded(self._cdp.send(method, params))

    async def call(self, expression: str) -> Any:
        """The JSON value of an expression in the page. Raises PageFailure when it throws."""
        answer = await self._send("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            text = details.get("exception", {}).get("description") or details.get("text", "")
            raise PageFailure(f"the injected script failed: {text.splitlines()[0]}")
        return answer["result"].get("value")

    async def host(self, method: str, *values: Any) -> Any:
        told = ", ".join(json.dumps(value) for value in values)
        return await self.call(f"__mixerHost.{method}({told})")

    def threw(self) -> list[str]:
        """What was not caught in the page since this was asked for last, as the browser says: also
        what a page is not told itself, in scripts of other origins."""
        thrown, self._thrown = self._thrown, []
        return thrown

    def _take_thrown(self, text: str) -> None:
        if len(self._thrown) < MAX_THROWN:
            self._thrown.append(text)

    async def go(self, url: str) -> None:
        """Opens an address. Raises PageFailure when it cannot be had."""
        try:
            response = await self._page.goto(url, wait_until="commit", timeout=0)
        except PlaywrightError as error:
            told = str(error).splitlines()[0].removeprefix("Page.goto: ")
            why = f"nothing answers at {url}" if UNANSWERED.search(told) else told
            raise PageFailure(f"the page cannot be loaded: {why}") from None
        if response is not None and response.status >= 400:
            raise PageFailure(f"the page's address answers {response.status}")

    # ---- clock ------------------------------------------------------------------------------

    async def start_clock(self) -> None:
        """Stops the page's time at `boot_media_s` before the first frame's."""
        answer = await self._send(
            "Emulation.setVirtualTimePolicy",
            policy="pause",
            initialVirtualTime=self.settings.wall_start - self.settings.boot_media_s,
        )
        self._ticks_ms = answer["virtualTimeTicksBase"]

    @property
    def clock_ms(self) -> float:
        """Page time since its clock was started."""
        return self._clock_ms

    async def advance(self, to_ms: float) -> None:
        """Runs the page's timers up to page time `to_ms` (since the clock's start), rounded to
        a millisecond: as finely as pages are told the time."""
        while self._clock_ms + LONGEST_RUN_MS < to_ms:  # over a pause of the recording
            await self._run(round(self._clock_ms + LONGEST_RUN_MS))
        await self._run(round(to_ms))

    async def _run(self, to_ms: float) -> None:
        budget = round(to_ms - self._clock_ms, 3)
        if budget <= 0:
            return
        self._expired.clear()
        policy = "advance" if self.stalled else "pauseIfNetworkFetchesPending"
        await self._send("Emulation.setVirtualTimePolicy", policy=policy, budget=budget)
        try:
            await self.guarded(self._expired.wait(), self.settings.stall_wall_s)
        except NoAnswer:
            await self._free(to_ms)
        self._clock_ms += budget

    async def _free(self, to_ms: float) -> None:
        """Lets page time run to `to_ms` without waiting for the network, now and from now on.

        This one step may end up to 1 ms off: a page pass does it over (page_pass.py).
        """
        if self.stalled:
            raise PageFailure("the page's clock stands still")
        self.stalled = True
        log.warning("page.stalled", clock_ms=self._clock_ms)
        began_ms = (self.settings.wall_start - self.settings.boot_media_s) * 1000
        at_ms = float(await self.call("Date.now()")) - began_ms
        budget = max(1.0, round(to_ms - at_ms, 3))
        await self._send("Emulation.setVirtualTimePolicy", policy="advance", budget=budget)
        await self.guarded(self._expired.wait(), self.settings.stall_wall_s)

    async def _begin_frame(self, **more: Any) -> dict[str, Any]:
        self._shown = None
        if self._freezing:
            self._freezing = False
            await self.host("freeze")
        whole_us = math.ceil((self._ticks_ms + self._clock_ms) / STEP_MS - 1e-4) * 100
        self._frame_us = max(whole_us, self._frame_us + TICK_US)
        return await self._send(
            "HeadlessExperimental.beginFrame",
            frameTimeTicks=(self._frame_us + 0.25) / 1000,  # cut off to whole microseconds there
            interval=1000 / self.settings.fps,
            **more,
        )

    async def frame(self, *, drawn: bool = True) -> bool:
        """Issues a frame of this instant; True if the page's look changed. One that is not drawn
        lets the page move alone."""
        hidden = {} if drawn else {"noDisplayUpdates": True}
        return bool((await self._begin_frame(**hidden))["hasDamage"])

    async def screenshot(self) -> bytes:
        """PNG of this instant."""
        shot: dict[str, Any] = {"format": "png", "optimizeForSpeed": True}
        for _ in range(3):
            answer = await self._begin_frame(screenshot=shot)
            if "screenshotData" in answer:
                return base64.b64decode(answer["screenshotData"])
        raise PageFailure("the browser takes no stills of the page")

    # ---- contract with inject/ -----------------------------------------------------------------

    async def step(
        self,
        frame: int,
        to_ms: float,
        events: Sequence[Mapping[str, Any]] = (),
        levels: Mapping[str, int] | None = None,
        *,
        moves: Sequence[tuple[int, float]] = (),
        drawn: bool = True,
    ) -> bool:
        """One output frame: events are told, and levels if there are any (levels.py), page time
        runs to `to_ms`, a frame is issued. True if the page's look changed: also in frames that
        were not `drawn` before this one, of which nothing is known.

        `moves`: output frames on the way, and their page times, in which the page moves once by its
        scripts; nothing else is done for them.
        """
        ahead, self._ahead = self._ahead, None
        if ahead != frame:
            told = {"frame": frame, "events": list(events), "levels": levels}
            await self.host("step", {**told, "moves": self._waits(moves)})
        await self.advance(to_ms)
        return await self.frame(drawn=drawn)

    async def move(self, frames: Sequence[tuple[int, float]]) -> None:
        """As the `moves` of a step, before what is done ahead of that one."""
        await self.host("move", self._waits(frames))

    def _waits(self, frames: Sequence[tuple[int, float]]) -> list[tuple[int, int]]:
        return [(frame, round(at_ms) - round(self._clock_ms)) for frame, at_ms in frames]

    async def _ticks(self, limit_s: float = TICKS_WALL_S) -> AsyncIterator[int]:
        """Counts frames of an instant, as long as it is worth waiting for what they bring: videos
        come by threads of the browser's that may get the CPU late."""
        patience, tick = Patience(limit_s), 0
        while tick < MAX_TICKS or not patience.over():
            if tick >= MAX_TICKS:
                await asyncio.sleep(TICK_S)
            yield tick
            tick += 1

    async def look(self, ahead: int | None = None, *, still: bool = False) -> tuple[Look, bool]:
        """What the page waits for, once its videos show the resting card; True if it changed.

        That a video had to be given its card is a change, whenever it is painted. `ahead`: where
        nothing but time has changed, the step to that output frame begins at once, without events.
        `still`: one with the resting cards will be taken, most probably.
        """
        told = await (self.host("look", still) if ahead is None else self._turn(ahead))
        look = self._parsed(told)
        self._shown = numbers_of(told.get("shown"))
        notes, changed = look.notes, not look.settled  # each look tells only what is new
        async for tick in self._ticks(0 if self._resigned else TICKS_WALL_S):
            if look.settled:
                break
            if tick < MAX_TICKS:
                await self._run(self._clock_ms + SETTLE_MS)
            changed |= await self.frame()
            look = self._parsed(await self.host("look"))
            notes += look.notes
        if not look.settled:
            self._resigned = True
            log.warning("page.video-does-not-show", clock_ms=self._clock_ms)
        return replace(look, notes=notes), changed

    async def _turn(self, ahead: int) -> Any:
        told = await self.host("turn", ahead)
        if isinstance(told, Mapping) and told.get("same") is True and self._last is not None:
            self._ahead = ahead
        return told

    def _parsed(self, told: Any) -> Look:
        try:
            if self._ahead is not None and self._last is not None:
                self._last = self._last.later(told)
            else:
                self._last = Look.parse(told)
            return self._last
        except ValueError as error:
            raise PageFailure(f"the page spoils what the mixer asks it ({error})") from None

    async def still(self, otherwise: str, names: Mapping[int, str] | None = None) -> bytes:
        """PNG with every video showing card `otherwise`, those in `names` (by number) theirs."""
        await self.sees(otherwise, names)
        return await self.shot(otherwise, names)

    async def shot(self, otherwise: str, names: Mapping[int, str] | None = None) -> bytes:
        """As `still`, but new videos may not be painted yet."""
        await self.shows(otherwise, names)
        return await self.screenshot()

    async def sees(self, otherwise: str, names: Mapping[int, str] | None = None) -> bool:
        """Waits until all videos are painted; False if it was known already that they are."""
        if unseen := await self.shows(otherwise, names):
            await see(self, unseen)
        return bool(unseen)

    async def shows(self, otherwise: str, names: Mapping[int, str] | None = None) -> list[int]:
        """Waits until every video says that it shows its card; those that may not be painted."""
        shown, self._shown = self._shown, None
        if shown is not None and otherwise == RAMP and not names:
            self._freezing = False
            return shown
        told = {str(number): name for number, name in (names or {}).items()}
        async for _ in self._ticks():
            freezing, self._freezing = self._freezing, False
            unseen = numbers_of(await self.host("show", told, otherwise, freezing))
            if unseen is not None:
                return unseen
            await self.frame()
        raise PageFailure("a video of the page does not show its test card")

    async def freeze(self) -> None:
        """Animations stand where the step's frame showed them, until the next step."""
        self._freezing = True  # together with what is asked of the page next, or before a frame

    async def rest(self) -> None:
        """After stills: videos show the resting card again, and no change of ours is left that
        would be taken for one of the page (a still itself counts as one)."""
        async for _ in self._ticks():
            settled = await self.host("settle")
            if not await self.frame() and settled:
                return
        raise PageFailure("the page changes while its clock stands still")
