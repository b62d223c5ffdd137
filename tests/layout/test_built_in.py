"""The built-in layouts as the mixer shows them: by name, under its clock, over its proxy."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from tests.layout.support import shown, speaking, state_of

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]
FRAME_MS = 1000 / 30


@pytest.mark.parametrize(
    ("layout", "videos"),
    [
        ("default", 3),
        ("speaker", 3),
        ("presentation", 3),
        ("grid", 3),
        ("vertical", 3),
        ("audio", 0),
    ],
)
async def test_by_name_with_parameters(browser: Browser, layout: str, videos: int) -> None:
    """Each gets ready with its query, shows every video (the audio one: none), and stands still."""
    asked = f"{layout}?background=#204060&accent=gold&names=off&title=Weekly planning"
    async with shown(browser, asked, state_of(3)) as (page, look):
        assert len(look.videos) == videos
        assert not [note for note in look.notes if note[0] == "error"]
        assert await page.call("getComputedStyle(stage).backgroundColor") == "rgb(32, 64, 96)"
        assert not look.moving
        assert look.due_ms is None


async def test_the_speaker_changes_at_the_same_frame_every_time(browser: Browser) -> None:
    """Who is large follows from the recording's time alone: twice the same frame, and not the one
    in which they began to speak."""
    changed: list[list[int]] = []
    for _ in range(2):
        async with shown(browser, "speaker", state_of(3)) as (page, _):
            began, large = page.clock_ms, []
            for frame in range(150):
                event = speaking(0, 2)
                events = [{"type": event.type, "data": event.data}] if frame == 100 else []
                await page.step(frame, began + (frame + 1) * FRAME_MS, events)
                large.append(await page.call("document.querySelector('.large').dataset.key"))
                await page.look()
            turns = [n for n in range(1, 150) if large[n] != large[n - 1]]
            assert large[-1] == "participant p2"
            changed.append(turns)
    assert changed[0] == changed[1]
    assert len(changed[0]) == 1
    assert changed[0][0] > 103
