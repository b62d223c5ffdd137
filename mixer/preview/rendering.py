"""The mixer's own picture of a moment of the simulated conference, for the preview's right half.

A browser is kept running between pictures; each gets a page of its own, opened with the state and
let settle, so the same moment gives the same picture every time.
"""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import av
from playwright.async_api import Browser

from mixer.conference.presentation import placed
from mixer.errors import MixerError
from mixer.layout import stills
from mixer.layout.browser import launched
from mixer.layout.look import VideoElement
from mixer.layout.opening import opened
from mixer.layout.page import PageFailure, PageSettings
from mixer.layout.serving import find_site
from mixer.layout.timeline import OBJECTS_URL
from mixer.preview import faces
from mixer.preview.journaled import PRESENTED, Recorded
from mixer.preview.moment import Moment, rendered, run_until_calm
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


class Renderer:
    """Renders one wish at a time. `async with` ends its browser."""

    def __init__(self, recorded: Recorded | None = None) -> None:
        self._recorded = recorded
        self._stack = AsyncExitStack()
        self._browser: Browser | None = None
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Renderer:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def warm_up(self) -> None:
        """Starts the browser. Raises EnvironmentMissing."""
        async with self._turn:
            await self._running()

    async def _running(self) -> Browser:
        if self._browser is None or not self._browser.is_connected():
            await self._stack.aclose()
            self._browser = await self._stack.enter_async_context(launched())
        return self._browser

    async def render(self, wish: Wish) -> dict[str, Any]:
        """{png, mode, reason, ms: {page, picture}, told}, or {error} in one line."""
        async with self._turn:
            began = time.monotonic()
            try:
                moment, told, opened_ms = await self._rendered(wish)
            except PageFailure as failure:
                return {"error": str(failure), "told": [list(one) for one in failure.told]}
            except MixerError as error:
                return {"error": str(error), "told": []}
            png = io.BytesIO()
            moment.image.save(png, "PNG", compress_level=1)
            return {
                "png": png.getvalue(),
                "mode": moment.mode,
                "reason": moment.reason,
                "ms": {
                    "page": round(opened_ms),
                    "picture": round(moment.ms),
                    "total": round((time.monotonic() - began) * 1000),
                },
                "missing": moment.look.missing,
                "told": told,
            }

    async def _rendered(self, wish: Wish) -> tuple[Moment, list[list[str]], float]:
        browser = await self._running()
        variables = {
            "width": wish.width,
            "height": wish.height,
            "fps": wish.fps,
            "language": wish.language,
        }
        site = find_site(wish.layout, variables)
        site.objects = self._recorded.objects if self._recorded is not None else None
        settings = PageSettings(
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
        began = time.monotonic()
        reach = Reach.from_environment().and_origin(wish.layout)
        async with opened(browser, site, settings, _state(wish), reach) as (page, _):
            await stills.prepare(page)
            _, look = await run_until_calm(page, 0, fps=wish.fps)
            opened_ms = (time.monotonic() - began) * 1000
            moment = await rendered(page, look, lambda video: self._picture(wish, video))
            return moment, [list(one) for one in page.suppressed], opened_ms

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


def _state(wish: Wish) -> Mapping[str, Any]:
    """The state as the mixer's page gets it: pages of files are the journal's."""
    shown = wish.state.get("presentation")
    if not isinstance(shown, Mapping) or shown.get("kind") != "file":
        return wish.state
    return {**wish.state, "presentation": placed(shown, OBJECTS_URL, PRESENTED)}
