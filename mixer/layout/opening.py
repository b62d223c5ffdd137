"""Opens a site's page in a browser and lets it load under the mixer's clock, up to frame 0.

The page from then on is `page.py`'s; who serves its requests is `serving.py`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import psutil
from playwright.async_api import Browser, BrowserContext, CDPSession
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page as BrowserPage

from mixer.layout.appetite import Appetite
from mixer.layout.browser import closed_in_time
from mixer.layout.guard import Guard
from mixer.layout.look import Look
from mixer.layout.page import (
    BrowserGone,
    Page,
    PageCrashed,
    PageFailure,
    PageSettings,
    Suppressed,
    injected_script,
)
from mixer.layout.patience import Patience
from mixer.layout.profile import driver_of_browser
from mixer.layout.schedule import Rates
from mixer.layout.serving import Site
from mixer.proxy import Proxy, Reach

LOAD_POLL_S = 0.02


async def boot(page: Page, url: str) -> Look:
    """Loads the page and lets it get ready; its clock then stands right before frame 0.

    Time begins when the page is there, and runs in output frames until `boot_media_s` are over and
    it is ready (in longer steps while it wants no frames of its own): nothing that the page can see
    depends on how long loading took. It has `ready_wall_s` for that, of its own time and on the
    wall: a busy machine is not its fault.
    """
    settings = page.settings
    began_s = time.monotonic()
    try:
        await _arrive(page, url, Patience(settings.ready_wall_s))
    except PageFailure as failure:
        refused = [detail for kind, detail in page.suppressed if kind == "refused"]
        raise PageFailure("; ".join([str(failure), *refused[:1]])) from None
    frames = round(settings.boot_media_s * settings.fps)
    stride = Rates(settings.fps).still_frames
    errors: list[str] = []
    loaded, wide = 0, 1
    while True:
        loaded = min(loaded + wide, max(frames, loaded + 1))
        await page.step(loaded - frames, loaded * 1000 / settings.fps)
        for text in page.threw():
            await page.host("threw", text)
        look, _ = await page.look()
        wide = 1 if look.moving else stride
        errors += [detail for kind, detail in look.notes if kind == "error"]
        page.suppressed += look.notes
        if look.failed is not None:
            raise PageFailure(f"the page gave up: {look.failed}")
        if look.ready and loaded >= frames:
            return look
        over = look.due_ms is None and not look.moving  # nothing more is to come
        if loaded >= frames and over and (ended := _end(look, errors)):
            raise PageFailure(f"the page {ended}")
        late = time.monotonic() - began_s > settings.ready_wall_s
        if late and loaded >= settings.ready_wall_s * settings.fps:
            ended = "" if look.dead else _end(look, errors)  # which it awaits
            why = "; it ".join(text for text in (look.awaits, ended) if text)
            told = f"the page was not ready within {settings.ready_wall_s:g} s"
            raise PageFailure(": ".join(text for text in (told, why) if text))


def _end(look: Look, errors: Sequence[str]) -> str:
    """How the page's script ended, as far as is known; errors need not have ended it."""
    return look.dead or (f"threw before it was ready: {errors[0]}" if errors else "")


async def _arrive(page: Page, url: str, patience: Patience) -> None:
    """Goes to the page; its clock does not move meanwhile."""
    loading = asyncio.ensure_future(page.go(url))
    try:
        while not loading.done():
            await page.frame()
            await asyncio.wait({loading}, timeout=LOAD_POLL_S)
            if patience.over():
                raise PageFailure(f"{url} was not loaded in time")
        await loading
    finally:
        loading.cancel()
        with suppress(asyncio.CancelledError, PlaywrightError, PageFailure):
            await loading


async def _contexts(session: CDPSession) -> set[str]:
    return set((await session.send("Target.getBrowserContexts"))["browserContextIds"])


async def _new_target(
    session: CDPSession, context: BrowserContext, context_id: str, settings: PageSettings
) -> BrowserPage:
    async with context.expect_page() as opening:
        await session.send(
            "Target.createTarget",
            {
                "url": "about:blank",
                "width": settings.width,
                "height": settings.height,
                "browserContextId": context_id,
                "enableBeginFrameControl": True,
            },
        )
    return await opening.value


async def _watched(session: CDPSession) -> psutil.Process:
    """The browser's parent, Playwright's driver, which a page can make grow, too; or the browser
    alone. Raises BrowserGone."""
    told = await session.send("SystemInfo.getProcessInfo")
    pid = next(int(p["id"]) for p in told["processInfo"] if p["type"] == "browser")
    try:
        return driver_of_browser(pid) or psutil.Process(pid)
    except psutil.Error:
        raise BrowserGone("the browser is gone") from None


@asynccontextmanager
async def confined(
    browser: Browser, settings: PageSettings, reach: Reach
) -> AsyncIterator[tuple[Page, BrowserContext]]:
    """An empty page whose only way out is a proxy of its own, guarded and watched.

    Of `settings`, those of its size and language are for good.
    """
    told = Suppressed()
    proxy = Proxy(reach, on_refusal=lambda refusal: told.tell("refused", str(refusal)))
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(proxy)
        making = asyncio.ensure_future(_made(browser, settings, proxy.url, told, stack))
        stack.callback(making.cancel)
        if not await Patience(settings.answer_wall_s).wait({making}):
            raise BrowserGone("the browser makes no page")  # whose process died while it was made
        try:
            page, context, watched = making.result()
        except PlaywrightError as error:
            raise BrowserGone(str(error).splitlines()[0]) from None
        browser.on("disconnected", lambda _: page.lost(BrowserGone("the browser is gone")))
        appetite = Appetite(
            watched,
            settings.allowance,
            lambda: page.clock_ms / 1000,
            lambda reason: page.lost(PageFailure(reason)),
        )
        watching = asyncio.create_task(appetite.watch())
        stack.callback(watching.cancel)
        yield page, context


async def _made(
    browser: Browser,
    settings: PageSettings,
    proxy_url: str,
    told: Suppressed,
    stack: AsyncExitStack,
) -> tuple[Page, BrowserContext, psutil.Process]:
    """An empty page in a context of its own, and the process that the browser belongs to."""
    session = await browser.new_browser_cdp_session()
    before = await _contexts(session)
    context = await browser.new_context(
        viewport={"width": settings.width, "height": settings.height},
        locale=settings.language,
        timezone_id="UTC",
        accept_downloads=False,
        service_workers="block",
        reduced_motion="no-preference",
        proxy={"server": proxy_url},
    )
    stack.push_async_callback(_close, context)
    (context_id,) = await _contexts(session) - before
    bare = await _new_target(session, context, context_id, settings)
    cdp = await context.new_cdp_session(bare)
    page = Page(bare, cdp, settings, told)
    await page.guarded(Guard(page, bare).stand(context, cdp))
    watched = await _watched(session)
    await session.detach()
    return page, context, watched


async def _close(context: BrowserContext) -> None:
    await closed_in_time(context.close())


@asynccontextmanager
async def opened(
    browser: Browser,
    site: Site,
    settings: PageSettings,
    state: Mapping[str, Any],
    reach: Reach | None = None,
) -> AsyncIterator[tuple[Page, Look]]:
    """The site's page, booted with `state` and ready for frame 0. Raises PageFailure.

    `reach`: what it may load from; by default what the environment says.
    """
    reach = Reach.from_environment() if reach is None else reach
    async with (
        confined(browser, settings, reach) as (page, context),
        loaded(page, context, site, state) as look,
    ):
        yield page, look


@asynccontextmanager
async def loaded(
    page: Page, context: BrowserContext, site: Site, state: Mapping[str, Any]
) -> AsyncIterator[Look]:
    """The site in an empty page (`confined`), booted and ready for frame 0. Raises PageFailure."""
    try:
        await page.guarded(context.add_init_script(injected_script(page.settings, state)))
        await page.guarded(site.serve(context, page.suppressed.tell))
        await page.start_clock()
        yield await boot(page, site.url)
    except PlaywrightError as error:
        raise PageCrashed(str(error).splitlines()[0]) from None
    except PageFailure as failure:
        failure.told = tuple(page.suppressed)
        raise
