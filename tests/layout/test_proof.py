"""No still is taken before the videos that have come into view are painted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from playwright.async_api import Browser

from mixer.layout import cards, proof, stills
from mixer.layout.colour import decode_png
from mixer.layout.page import Page
from tests.layout.support import page_of, shown, state_of

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]
FRAME_MS = 1000 / 30
SHOWN = (slice(125, 295), slice(205, 515))  # where the new video lies
# A new video when it is asked for, under a box; another one is always covered.
PAGE = (
    "<style>video, div { position: absolute } div { background: #345; z-index: 1 }</style>"
    "<video id=a style='left:0;top:0;width:160px;height:90px'></video>"
    "<div id=always style='left:0;top:0;width:180px;height:100px'></div>"
    "<div id=cover style='left:190px;top:110px;width:340px;height:200px'></div>"
    "<script>a.srcObject = mixerLayout.mediaStream('p0.camera'); mixerLayout.ready();"
    "window.add = () => { const v = document.createElement('video');"
    " v.style = 'left:200px;top:120px;width:320px;height:180px';"
    " v.srcObject = mixerLayout.mediaStream('p1.camera'); document.body.append(v); };</script>"
)
# The video is painted only when cards have been asked for a number of times, as where the
# browser's painter gets the CPU late.
LATE = (
    "(() => { const { show } = __mixerHost; let times = 0; __mixerHost.show = (...what) => {"
    " times += 1; if (times > {LATE}) window.cover?.remove(); return show(...what); }; })()"
)


async def add(page: Page) -> None:
    """The new video says that it shows its card."""
    await page.call("add()")
    await page.step(3, page.clock_ms + FRAME_MS)
    await page.look()
    await page.freeze()


@pytest.mark.parametrize("late", [0, 3, 12])
async def test_what_is_painted_late_is_in_the_still(
    browser: Browser, tmp_path: Path, late: int
) -> None:
    """The first still of a new video waits for it, however late it comes."""
    async with shown(browser, page_of(tmp_path, PAGE), state_of(2)) as (page, _):
        await add(page)
        await page.call("always.remove()")
        await page.call(LATE.replace("{LATE}", str(late)))
        white = decode_png(await page.still(cards.WHITE))
        assert np.all(white[SHOWN] == 255)


async def test_each_video_is_waited_for_once(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that came into view are told; one that something covers holds nothing up for long, and
    is not waited for again; where a still is doubted all are looked at once more."""
    monkeypatch.setattr(proof, "SEEN_WALL_S", 0.05)
    async with shown(browser, page_of(tmp_path, PAGE), state_of(2)) as (page, _):
        await add(page)
        await page.call("cover.remove()")
        assert await page.host("show", {}, cards.RAMP) == [0, 1]
        assert await proof._not_painted(page, [0, 1]) == [0]
        await page.still(cards.WHITE)
        assert await page.host("show", {}, cards.WHITE) == []
        await proof.doubt(page)
        assert await page.host("show", {}, cards.WHITE) == [0, 1]


@pytest.mark.parametrize(("late", "stills_most"), [(0, 5), (6, 14)])
async def test_the_ramp_itself_proves_most_new_videos(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late: int, stills_most: int
) -> None:
    """Ramp, black, white, opposite ramp, verification: five stills for a new video that is painted
    in time; more only for one that is not."""
    taken = []
    screenshot = Page.screenshot

    async def counted(page: Page) -> bytes:
        taken.append(page)
        return await screenshot(page)

    monkeypatch.setattr(Page, "screenshot", counted)
    async with shown(browser, page_of(tmp_path, PAGE), state_of(2)) as (page, _):
        await stills.prepare(page)
        await add(page)
        await page.call("always.remove()" if late else "always.remove(), cover.remove()")
        look, _ = await page.look()
        await page.call(LATE.replace("{LATE}", str(late)))

        async def once() -> list[str]:
            unseen = await stills.Unseen.taken(page, look, await stills.resting(page, look))
            return [tile.stream for tile in await unseen.tiles(page)]

        assert sorted(await stills.surely(page, once)) == ["p0.camera", "p1.camera"]
        assert len(taken) <= stills_most
        assert await page.host("show", {}, cards.RAMP) == []


async def test_what_pages_tell_is_not_believed() -> None:
    """Only numbers are numbers."""
    told: list[object] = [None, [], [1, "a", {}, 2], 7, "many", {"0": 1}]
    assert [proof.numbers_of(one) for one in told] == [None, [], [1, 2], [], [], []]
