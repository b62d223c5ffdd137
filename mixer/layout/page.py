"""One page under the mixer's clock: virtual time, frames issued one by one, stills.

The page's time is media time. `advance` moves it, `frame` paints, `look` asks the injected script
(inject/) what the page waits for. Every step has a deadline on the wall clock; a page that holds
the clock up (open EventSource, hanging fetch) is freed from then on. Only this module and
`browser.py` know Playwright; who serves the page's requests is `serving.py`.
"""

from __future__ import annotations

import asyncio
import base64
import json
import math
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, TypeVar

import structlog
from playwright.async_api import Browser, BrowserContext, CDPSession
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page as BrowserPage

from mixer.errors import LayoutError
from mixer.layout.look import Look
from mixer.layout.serving import Site
from mixer.layout.shipped import shipped_layouts

log = structlog.get_logger()
T = TypeVar("T")

# Pages see times of frames in steps of 0.1 ms, jittered per process (Chromium's time clamper), but
# exact where a frame's time is a whole step. So the first frame of an instant is that; the others,
# as little later as is possible, are for stills, in which animations are frozen.
STEP_MS = 0.1
TICK_US = 1
MAX_TICKS = 30  # frames of one instant, at most
LONGEST_RUN_MS = 5_000  # page time that is let run at once; a longer stretch could pass for a stall
SETTLE_MS = 0.01  # page time given to elements that start; taken from the next step
COMMAND_TIMEOUT_S = 20.0
GONE_WAIT_S = 1.0
LOAD_POLL_S = 0.02
# Scripts that share one scope, in this order: before any script of the page, in every frame of it.
INJECTED = ("world", "time", "videos", "obstacles", "glyphs", "host")
SDK = shipped_layouts() / "sdk" / "mixer-layout.js"


class PageFailure(LayoutError):
    """The page cannot be shown: what it did, in one line."""


class PageCrashed(PageFailure):
    """The browser or the page's process is gone."""


class BrowserGone(PageCrashed):
    """The whole browser is gone: killed, or out of memory. No fault of the page."""


@dataclass(frozen=True, slots=True)
class PageSettings:
    """How a page is shown. Times in seconds; `wall_start` is unix time of the first frame."""

    width: int
    height: int
    fps: int
    wall_start: float
    language: str = "en"
    seed: int = 1
    parameters: Mapping[str, Any] = field(default_factory=dict)
    boot_media_s: float = 1.0  # page time before the first frame, for loading
    ready_wall_s: float = 10.0
    stall_wall_s: float = 5.0


def injected_script(settings: PageSettings, state: Mapping[str, Any]) -> str:
    """SDK and inject/ with their configuration, as run before any script of the page."""
    parameters = {
        "width": settings.width,
        "height": settings.height,
        "fps": settings.fps,
        "layoutType": "record",
        "language": settings.language,
        **settings.parameters,
    }
    config = {"seed": settings.seed, "state": state, "parameters": parameters, "layout": True}
    sdk = SDK.read_text("utf-8")
    folder = resources.files("mixer.layout").joinpath("inject")
    parts = [folder.joinpath(f"{name}.js").read_text("utf-8") for name in INJECTED]
    ours = "\n".join(["((config) => {", "'use strict';", *parts, f"}})({json.dumps(config)});"])
    return f"{sdk}\n{ours}"


class Page:
    """A page whose clock stands still unless `advance` is called. Made by `opened`."""

    def __init__(self, page: BrowserPage, cdp: CDPSession, settings: PageSettings) -> None:
        self.settings = settings
        self.stalled = False  # its clock had to be freed
        self.suppressed: list[tuple[str, str]] = []  # (type, detail) of what it was not let do
        self._page = page
        self._cdp = cdp
        self._expired = asyncio.Event()
        self._gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ticks_ms = 0.0  # virtual time at which the page's clock started
        self._clock_ms = 0.0  # page time since then
        self._frame_us = 0  # absolute time of the last frame
        cdp.on("Emulation.virtualTimeBudgetExpired", lambda _: self._expired.set())
        page.on("crash", lambda _: self.lost(PageCrashed("the page's process crashed")))

    def lost(self, failure: PageCrashed) -> None:
        """Whoever waits for the page now or later gets this failure."""
        if not self._gone.done():
            self._gone.set_exception(failure)
            self._gone.exception()  # whoever waits next is told

    async def _guarded(self, work: Awaitable[T], timeout_s: float = COMMAND_TIMEOUT_S) -> T:
        """`work`, unless the page goes or the deadline passes."""
        task = asyncio.ensure_future(work)
        watched: set[asyncio.Future[Any]] = {task, self._gone}
        done, _ = await asyncio.wait(
            watched, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED
        )
        if task in done:
            try:
                return task.result()
            except PlaywrightError as error:
                await asyncio.wait({self._gone}, timeout=GONE_WAIT_S)  # which of the two is it?
                if self._gone.done():
                    self._gone.result()
                raise PageCrashed(str(error).splitlines()[0]) from None
        task.cancel()
        with suppress(asyncio.CancelledError, PlaywrightError):
            await asyncio.wait({task}, timeout=1)
        if self._gone.done():
            self._gone.result()
        raise PageFailure(f"the page does not answer within {timeout_s:g} s")

    async def _send(self, method: str, **params: Any) -> dict[str, Any]:
        return await self._guarded(self._cdp.send(method, params))

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

    async def go(self, url: str) -> None:
        """Opens an address. Raises PageFailure when it cannot be had."""
        try:
            response = await self._page.goto(url, wait_until="commit", timeout=0)
        except PlaywrightError as error:
            raise PageFailure(f"the page cannot be loaded: {str(error).splitlines()[0]}") from None
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
            await self._guarded(self._expired.wait(), self.settings.stall_wall_s)
        except PageCrashed:
            raise
        except PageFailure:
            await self._free(to_ms)
        self._clock_ms += budget

    async def _free(self, to_ms: float) -> None:
        """Lets page time run to `to_ms` without waiting for the network, now and from now on."""
        if self.stalled:
            raise PageFailure("the page's clock stands still")
        self.stalled = True
        log.warning("page.stalled", clock_ms=self._clock_ms)
        began_ms = (self.settings.wall_start - self.settings.boot_media_s) * 1000
        at_ms = float(await self.call("Date.now()")) - began_ms
        budget = max(1.0, round(to_ms - at_ms, 3))
        await self._send("Emulation.setVirtualTimePolicy", policy="advance", budget=budget)
        await self._guarded(self._expired.wait(), self.settings.stall_wall_s)

    async def _begin_frame(self, **more: Any) -> dict[str, Any]:
        whole_us = math.ceil((self._ticks_ms + self._clock_ms) / STEP_MS - 1e-4) * 100
        self._frame_us = max(whole_us, self._frame_us + TICK_US)
        return await self._send(
            "HeadlessExperimental.beginFrame",
            frameTimeTicks=(self._frame_us + 0.25) / 1000,  # cut off to whole microseconds there
            interval=1000 / self.settings.fps,
            **more,
        )

    async def frame(self) -> bool:
        """Issues a frame of this instant; True if the page's look changed."""
        return bool((await self._begin_frame())["hasDamage"])

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
        self, frame: int, to_ms: float, events: Sequence[Mapping[str, Any]] = ()
    ) -> bool:
        """One output frame: events are told, page time runs to `to_ms`, a frame is issued."""
        await self.host("step", {"frame": frame, "events": list(events)})
        await self.advance(to_ms)
        return await self.frame()

    async def look(self) -> tuple[Look, bool]:
        """What the page waits for, once its videos show the resting card; True if it changed."""
        damage = False
        for _ in range(MAX_TICKS):
            look = Look.parse(await self.host("look"))
            if look.settled:
                return look, damage
            await self._run(self._clock_ms + SETTLE_MS)
            damage |= await self.frame()
        log.warning("page.video-does-not-show", clock_ms=self._clock_ms)
        return look, damage

    async def still(self, otherwise: str, names: Mapping[int, str] | None = None) -> bytes:
        """PNG with every video showing card `otherwise`, those in `names` (by number) theirs."""
        told = {str(number): name for number, name in (names or {}).items()}
        for _ in range(MAX_TICKS):
            if await self.host("show", told, otherwise):
                return await self.screenshot()
            await self.frame()
        raise PageFailure("a video of the page does not show its test card")

    async def freeze(self) -> None:
        """Animations stand where the step's frame showed them, until the next step."""
        await self.host("freeze")

    async def rest(self) -> None:
        """After stills: videos show the resting card again, and no change of ours is left that
        would be taken for one of the page (a still itself counts as one)."""
        for _ in range(MAX_TICKS):
            settled = await self.host("settle")
            if not await self.frame() and settled:
                return
        raise PageFailure("the page changes while its clock stands still")


async def boot(page: Page, url: str) -> Look:
    """Loads the page and lets it get ready; its clock then stands right before frame 0.

    Time begins when the page is there, and runs in output frames until `boot_media_s` are over and
    it is ready: nothing that the page can see depends on how long loading took.
    """
    settings = page.settings
    deadline = asyncio.get_running_loop().time() + settings.ready_wall_s
    await _arrive(page, url, deadline)
    frames = round(settings.boot_media_s * settings.fps)
    errors: list[str] = []
    loaded = 0
    while True:
        loaded += 1
        await page.step(loaded - frames, loaded * 1000 / settings.fps)
        look, _ = await page.look()
        errors += [detail for kind, detail in look.notes if kind == "error"]
        page.suppressed += look.notes
        if look.failed is not None:
            raise PageFailure(f"the page gave up: {look.failed}")
        if look.ready and loaded >= frames:
            return look
        if errors and not look.ready and loaded >= frames:
            raise PageFailure(f"the page threw before it was ready: {errors[0]}")
        if asyncio.get_running_loop().time() > deadline:
            raise PageFailure(f"the page was not ready within {settings.ready_wall_s:g} s")


async def _arrive(page: Page, url: str, deadline: float) -> None:
    """Goes to the page; its clock does not move meanwhile."""
    loading = asyncio.ensure_future(page.go(url))
    try:
        while not loading.done():
            await page.frame()
            await asyncio.wait({loading}, timeout=LOAD_POLL_S)
            if asyncio.get_running_loop().time() > deadline:
                raise PageFailure(f"{url} was not loaded in time")
        await loading
    finally:
        loading.cancel()
        with suppress(asyncio.CancelledError, PlaywrightError, PageFailure):
            await loading


async def _new_target(
    browser: Browser, context: BrowserContext, settings: PageSettings
) -> BrowserPage:
    session = await browser.new_browser_cdp_session()
    known = (await session.send("Target.getBrowserContexts"))["browserContextIds"]
    async with context.expect_page() as opening:
        await session.send(
            "Target.createTarget",
            {
                "url": "about:blank",
                "width": settings.width,
                "height": settings.height,
                "browserContextId": known[-1],
                "enableBeginFrameControl": True,
            },
        )
    return await opening.value


@asynccontextmanager
async def opened(
    browser: Browser, site: Site, settings: PageSettings, state: Mapping[str, Any]
) -> AsyncIterator[tuple[Page, Look]]:
    """The site's page, booted with `state` and ready for frame 0. Raises PageFailure."""
    try:
        context = await browser.new_context(
            viewport={"width": settings.width, "height": settings.height},
            locale=settings.language,
            timezone_id="UTC",
            accept_downloads=False,
            service_workers="block",
            reduced_motion="no-preference",
        )
        bare = await _new_target(browser, context, settings)
        cdp = await context.new_cdp_session(bare)
    except PlaywrightError as error:
        raise BrowserGone(str(error).splitlines()[0]) from None
    page = Page(bare, cdp, settings)
    try:
        browser.on("disconnected", lambda _: page.lost(BrowserGone("the browser is gone")))
        bare.on("dialog", lambda dialog: asyncio.ensure_future(dialog.dismiss()))
        await context.add_init_script(injected_script(settings, state))
        await site.serve(context, page.suppressed)
        await page.start_clock()
        look = await boot(page, site.url)
        yield page, look
    except PlaywrightError as error:
        raise PageCrashed(str(error).splitlines()[0]) from None
    finally:
        with suppress(PlaywrightError, TimeoutError):
            await asyncio.wait_for(context.close(), 10)
