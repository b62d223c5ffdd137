"""One picture of a layout at one state, for previews and tests; videos show test pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mixer.layout.browser import BrowserSettings, launched
from mixer.layout.opening import opened
from mixer.layout.page import PageSettings
from mixer.layout.serving import find_site
from mixer.proxy import Reach

COLOURS = ("#3f6fb5", "#b5533f", "#3f9a5b", "#8a58b0", "#b08a2f", "#2f9ea8", "#a83f7f", "#6b7f2f")


async def still(
    layout: str,
    state: Mapping[str, Any],
    size: tuple[int, int] = (1920, 1080),
    *,
    fps: int = 30,
    seconds: float = 1.0,
    language: str = "en",
    browser: BrowserSettings | None = None,
) -> bytes:
    """PNG of a layout `seconds` of page time after it became ready. Videos are plain colours.

    Raises LayoutError when the page fails, EnvironmentMissing when there is no browser.
    """
    width, height = size
    settings = PageSettings(width, height, fps, wall_start=1_700_000_000.0, language=language)
    variables = {"width": width, "height": height, "fps": fps, "language": language}
    site = find_site(layout, variables)
    reach = Reach.from_environment().and_origin(layout)
    async with (
        launched(browser) as running,
        opened(running, site, settings, state, reach) as (page, look),
    ):
        start_ms = page.clock_ms
        for frame in range(max(1, round(seconds * fps))):
            await page.step(frame, start_ms + (frame + 1) * 1000 / fps)
            look, _ = await page.look()
        cards = {video.number: COLOURS[video.number % len(COLOURS)] for video in look.videos}
        return await page.still("#000000", cards)
