"""The worked examples of layouts, through the mixer's own page machinery."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from numpy.typing import NDArray
from PIL import Image
from playwright.async_api import Browser

from mixer.check.findings import judge, worst
from mixer.check.looks import look_at
from mixer.layout.browser import BrowserSettings, launched
from mixer.layout.page import Page
from mixer.layout.shipped import BUILT_IN
from tests.layout.support import participant, shown, state_of

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]
EXAMPLES = BUILT_IN / "examples"
SIZE = (960, 540)
MOST_LINES = 40


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with launched(BrowserSettings.from_environment()) as running:
        yield running


async def picture(page: Page, path: Path) -> NDArray[np.uint8]:
    """RGB of a still in which every video is white."""
    png = await page.still("#ffffff")
    path.write_bytes(png)
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


async def after(page: Page, frame: int, *events: dict[str, Any], frames: int = 5) -> Any:
    for number in range(frame, frame + frames):
        told = list(events) if number == frame else []
        await page.step(number, page.clock_ms + 1000 / 30, told)
        look, _ = await page.look()
    return look


@pytest.mark.parametrize("name", ["plain", "elements", "react"])
async def test_short(name: str) -> None:
    """A full layout is at most 40 lines."""
    assert len((EXAMPLES / name / "index.html").read_text("utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("name", ["plain", "elements", "react"])
async def test_everybody_has_a_picture(browser: Browser, tmp_path: Path, name: str) -> None:
    """Three cameras are bound and visible; one who leaves is gone, one who joins is there; nothing
    that the page did was an error."""
    async with shown(browser, str(EXAMPLES / name), state_of(3), SIZE) as (page, look):
        assert look.ready and not page.suppressed
        assert {video.stream for video in look.videos} == {"p0.camera", "p1.camera", "p2.camera"}
        white = (await picture(page, tmp_path / "three.png") > 250).all(axis=2)
        assert 0.3 < white.mean() < 1
        events = [
            {"type": "participant.removed", "data": {"id": "p1"}},
            {"type": "participant.added", "data": {"participant": participant(4)}},
        ]
        look = await after(page, 3, *events)
        assert {video.stream for video in look.videos} == {"p0.camera", "p2.camera", "p4.camera"}


@pytest.mark.parametrize("name", ["plain", "elements", "react"])
async def test_a_full_layout(browser: Browser, name: str) -> None:
    """`mixer check` finds nothing: what is shared is shown, whoever has no camera is, and long
    names do not cover small tiles."""
    page = str(EXAMPLES / name)
    looks = await look_at(browser, page, lambda _: None, sizes=[SIZE], counts=(9,))
    assert worst(judge(looks, None)) == "good", judge(looks, None)
    assert [one.kind for one in looks.pictures if one.shared] == ["share", "file", "video"]
    (avatar,) = [one for one in looks.pictures if one.kind == "avatar"]
    texts = {text.text for text in avatar.probed.texts}
    assert name == "plain" or texts & {"山", "山太"}  # there the style sheet has it
    names = [text.text for text in avatar.probed.texts if "Maximiliane" in text.text]
    assert names and avatar.videos == 3


async def test_the_speaker_is_large(browser: Browser, tmp_path: Path) -> None:
    """The plain example: who speaks takes over after a while, by a timer of the SDK."""
    async with shown(browser, str(EXAMPLES / "plain"), state_of(3), SIZE) as (page, _):
        speaks = {"type": "participant.speaking", "data": {"id": "p2", "speaking": True}}
        look = await after(page, 3, speaks, frames=15)
        boxes = {video.stream: video.box for video in look.videos}
        assert boxes["p0.camera"][2] > 900
        look = await after(page, 18, frames=45)
        boxes = {video.stream: video.box for video in look.videos}
        assert boxes["p2.camera"][2] > 900 and boxes["p0.camera"][2] < 300
        await picture(page, tmp_path / "speaker.png")


async def test_a_share_covers_the_page(browser: Browser, tmp_path: Path) -> None:
    """The example without script: a shared screen over the page, its presenter in the corner."""
    state = state_of(2)
    screen = {**participant(1)["streams"][0], "id": "p1.screen", "type": "ScreenShare"}
    state["participants"][1]["streams"].append(screen)
    async with shown(browser, str(EXAMPLES / "elements"), state, SIZE) as (page, look):
        boxes = {(video.stream, video.box) for video in look.videos}
        assert ("p1.screen", (0, 0, 960, 540)) in boxes
        shot = await picture(page, tmp_path / "share.png")
        assert (shot[5, 5] > 250).all()  # the screen is white, and all over the page
        corner = [box for stream, box in boxes if stream == "p1.camera" and box[0] > 800]
        assert corner and corner[0][2:] == pytest.approx((129.6, 129.6), abs=0.5)
