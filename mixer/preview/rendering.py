"""The mixer's own picture of a moment of the simulated conference, for the preview's right half.

A browser with an empty page is kept between pictures; each gets a page of its own, opened with the
state and let settle, so the same moment gives the same picture every time. A picture painted by the
browser comes first, as soon as the page is there; the mixer's own, with its mode, replaces it.
"""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import av
from playwright.async_api import Browser, BrowserContext

from mixer.conference.presentation import placed
from mixer.errors import MixerError
from mixer.layout import stills
from mixer.layout.browser import launched
from mixer.layout.look import Look, VideoElement
from mixer.layout.opening import confined, loaded
from mixer.layout.page import Page, PageFailure, PageSettings
from mixer.layout.serving import Site, find_site
from mixer.layout.timeline import OBJECTS_URL
from mixer.preview import faces
from mixer.preview.journaled import PRESENTED, Recorded
from mixer.preview.moment import Moment, Tiles, drafted, pictures_of, rendered, run_until_calm
from mixer.proxy import Reach

WALL_START = 1_700_000_000.0  # the page's clock begins here, so that a picture can be made again
BOOT_S = 0.2
READY_S = 10.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be rendered: a layout with its parameters, at one moment of a conference."""

    layout: str
    state: Mapping[str, Any]
    width: int
    height: int
    t_s: float
    language: str = "en"
    layout_type: str = "record"
    fps: int = 30


@dataclass(slots=True)
class Empty:
    """A page that waits for its site; of one size and language, with one reach."""

    fits: tuple[object, ...]
    page: Page
    context: BrowserContext
    stack: AsyncExitStack


class Renderer:
    """Renders one wish at a time. `async with` ends its browser."""

    def __init__(self, recorded: Recorded | None = None) -> None:
        self._recorded = recorded
        self._stack = AsyncExitStack()
        self._browser: Browser | None = None
        self._empty: Empty | None = None
        self._tiles = Tiles()
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Renderer:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._without_empty()
        await self._stack.aclose()

    async def warm_up(self) -> None:
        """Starts the browser. Raises EnvironmentMissing."""
        async with self._turn:
            await self._running()

    async def _running(self) -> Browser:
        if self._browser is None or not self._browser.is_connected():
            await self._without_empty()
            await self._stack.aclose()
            self._browser = await self._stack.enter_async_context(launched())
        return self._browser

    async def render(self, wish: Wish, draft: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """{png, mode, reason, ms: {page, picture}, told}, or {error} in one line; `draft` hears
        {png, ms} before, if the page gets that far."""
        async with self._turn:
            began = time.monotonic()
            try:
                return await self._rendered(wish, began, draft)
            except PageFailure as failure:
                return {"error": str(failure), "told": [list(one) for one in failure.told]}
            except MixerError as error:
                return {"error": str(error), "told": []}

    async def make_ready(self, wish: Wish) -> None:
        """Has an empty page wait for the next wish, if that is like this one."""
        async with self._turn:
            settings, reach = self._settings(wish, self._site(wish)), self._reach(wish)
            if self._empty is None and self._browser is not None:
                self._empty = await self._new_page(self._browser, settings, reach)

    async def _rendered(
        self, wish: Wish, began: float, draft: Callable[[dict[str, Any]], None]
    ) -> dict[str, Any]:
        def so_far() -> int:
            return round((time.monotonic() - began) * 1000)

        async with self._opened(wish) as (page, look):
            shown = pictures_of(look, lambda video: self._picture(wish, video))
            page_ms = so_far()
            draft({"png": await drafted(page, shown), "ms": {"page": page_ms, "total": so_far()}})
            await stills.prepare(page)
            moment = await rendered(page, look, shown, self._tiles)
            told = [list(one) for one in page.suppressed]
        return {
            "png": _png(moment),
            "mode": moment.mode,
            "reason": moment.reason,
            "ms": {"page": page_ms, "picture": so_far() - page_ms, "total": so_far()},
            "missing": moment.look.missing,
            "told": told,
        }

    @asynccontextmanager
    async def _opened(self, wish: Wish) -> AsyncIterator[tuple[Page, Look]]:
        """The page at the wish's moment."""
        browser = await self._running()
        site = self._site(wish)
        settings, reach = self._settings(wish, site), self._reach(wish)
        if self._empty is None or self._empty.fits != _fits(settings, reach):
            await self._without_empty()
            self._empty = await self._new_page(browser, settings, reach)
        empty, self._empty = self._empty, None
        async with empty.stack:
            empty.page.settings = settings
            async with loaded(empty.page, empty.context, site, _state(wish)):
                _, look = await run_until_calm(empty.page, 0, fps=wish.fps)
                yield empty.page, look

    async def _new_page(self, browser: Browser, settings: PageSettings, reach: Reach) -> Empty:
        async with AsyncExitStack() as stack:
            opening = confined(browser, settings, reach)
            page, context = await stack.enter_async_context(opening)
            return Empty(_fits(settings, reach), page, context, stack.pop_all())

    async def _without_empty(self) -> None:
        empty, self._empty = self._empty, None
        if empty is not None:
            await empty.stack.aclose()

    def _site(self, wish: Wish) -> Site:
        variables = {
            "width": wish.width,
            "height": wish.height,
            "fps": wish.fps,
            "language": wish.language,
        }
        site = find_site(wish.layout, variables)
        site.objects = self._recorded.objects if self._recorded is not None else None
        return site

    def _settings(self, wish: Wish, site: Site) -> PageSettings:
        return PageSettings(
            wish.width,
            wish.height,
            wish.fps,
            wall_start=WALL_START,
            language=wish.language,
            layout_type=wish.layout_type,
            parameters=site.parameters,
            boot_media_s=BOOT_S,
            ready_wall_s=READY_S,
        )

    def _reach(self, wish: Wish) -> Reach:
        return Reach.from_environment().and_origin(wish.layout)

    def _picture(self, wish: Wish, video: VideoElement) -> av.VideoFrame | None:
        if self._recorded is not None and self._recorded.has(video.stream):
            return self._recorded.frame(video.stream, wish.t_s)
        speaking = any(
            one.get("speaking") and stream["id"] == video.stream
            for one in wish.state.get("participants", ())
            for stream in one.get("streams", ())
        )
        size = (video.width, video.height)
        return faces.as_frame(faces.drawn(video.stream, wish.t_s, size, speaking=bool(speaking)))


def _fits(settings: PageSettings, reach: Reach) -> tuple[object, ...]:
    return settings.width, settings.height, settings.fps, settings.language, reach


def _png(moment: Moment) -> bytes:
    png = io.BytesIO()
    moment.image.save(png, "PNG", compress_level=1)
    return png.getvalue()


def _state(wish: Wish) -> Mapping[str, Any]:
    """The state as the mixer's page gets it: pages of files are the journal's."""
    shown = wish.state.get("presentation")
    if not isinstance(shown, Mapping) or shown.get("kind") != "file":
        return wish.state
    return {**wish.state, "presentation": placed(shown, OBJECTS_URL, PRESENTED)}
