"""Videos that are presented in a room: who may do what, and that all see the same moment."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest
from playwright.async_api import Page, async_playwright, expect

from mixer.conference.playing import brought_to, in_step, journal_position_ns, journalled_video
from mixer.conference.session import join
from mixer.conference.state import empty
from tests.instruments.film import make_film, served
from tests.room.serving import Server, until
from tests.room.test_join_page import ARGUMENTS, CHROMIUM
from tests.room.test_presentations import Presenter, client, image

__all__ = ["client"]

URL = "https://example.org/films/a%20film.mp4?token=1"
SHOWN = {
    "kind": "video", "id": "v", "ownerId": "a", "name": "film", "url": URL, "playing": True,
    "positionMs": 2000, "updatedAt": 10_000,
}  # fmt: skip


def test_a_state_is_told_as_of_now() -> None:
    """Who comes later is told where the video is by then; one that stands is told as it is."""
    state = {**empty("c"), "presentation": SHOWN}
    told = brought_to(state, 13_500)["presentation"]  # type: ignore[arg-type]
    assert (told["positionMs"], told["updatedAt"]) == (5500, 13_500)  # type: ignore[typeddict-item]
    still = {**state, "presentation": {**SHOWN, "playing": False}}
    assert brought_to(still, 13_500) is still  # type: ignore[arg-type]
    assert brought_to(empty(), 5) == empty()


def test_journals_have_a_time_of_their_own() -> None:
    """Of the server's clock nothing is journalled; small differences are none."""
    shown = journalled_video(SHOWN, 7_000_000_000)
    assert "updatedAt" not in shown and shown["streamId"] == "a.v"
    assert journal_position_ns(shown, 8_000_000_000) == 3_000_000_000
    assert in_step(shown, {"positionMs": 3010}, 8_000_000_000)
    assert not in_step(shown, {"positionMs": 3200}, 8_000_000_000)
    assert not in_step(shown, {"playing": False, "positionMs": 3000}, 8_000_000_000)


@pytest.mark.system
@pytest.mark.asyncio(loop_scope="session")
async def test_play_pause_seek_stop(server: Server, client: httpx2.AsyncClient) -> None:
    url = server.room("watching")
    async with await join(url, "Ada") as a, await join(url, "Grace") as b:
        ada, grace = Presenter(a, client), Presenter(b, client)
        answer = await ada.ask("POST", "", json={"url": URL})
        assert answer.status_code == 201, answer.text
        shown = answer.json()
        assert (shown["kind"], shown["name"], shown["playing"]) == ("video", "a film.mp4", True)
        path = f"/{shown['id']}"

        async def position() -> int:
            return int((await ada.state())["presentation"]["positionMs"])

        first = await position()
        while await position() < first + 50:
            pass
        assert (await ada.ask("PATCH", path, json={"playing": False})).status_code == 200
        stands = await position()
        assert stands >= first + 50 and await position() == stands
        await ada.ask("PATCH", path, json={"positionMs": 60_000})
        assert await position() == 60_000
        assert not (await ada.state())["presentation"]["playing"]
        for wrong in ({}, {"page": 1}, {"playing": 1}, {"positionMs": -1}, {"positionMs": "1"}):
            assert (await ada.ask("PATCH", path, json=wrong)).status_code == 400
        assert (await grace.ask("PATCH", path, json={"playing": True})).status_code == 403
        assert (await grace.ask("POST", "", json={"url": URL})).status_code == 409
        assert (await grace.upload(image("PNG"), "image/png")).status_code == 409
        assert (await ada.upload(image("PNG"), "image/png")).status_code == 201  # in its place
        assert (await ada.state())["presentation"]["kind"] == "file"
        assert (await ada.ask("DELETE", path)).status_code == 404


@pytest.mark.system
@pytest.mark.asyncio(loop_scope="session")
async def test_addresses(server: Server, client: httpx2.AsyncClient) -> None:
    """Only http and https, and nobody's password."""
    async with await join(server.room("addresses"), "Ada") as a:
        ada = Presenter(a, client)
        wrong = ["", "film.mp4", "file:///etc/passwd", "https://a:b@example.org/", "http://", 5]
        wrong += ["https://example.org/ x", "javascript:alert(1)", f"http://e.org/{'x' * 2000}"]
        for url in [*wrong, None]:
            answer = await ada.ask("POST", "", json={"url": url})
            assert answer.status_code == 400, url
        assert "presentation" not in await ada.state()


SEEN = """() => { const film = document.querySelector('.tile video.film');
  return film && {at: film.currentTime, paused: film.paused, ready: film.readyState}; }"""


async def _until(page: Page, condition: str) -> None:
    await until(lambda: page.evaluate(condition), condition)


async def _entered(page: Page, url: str, name: str) -> None:
    await page.goto(f"{url}?name={name}&autojoin=1&audio=0&video=0")
    await _until(page, "globalThis.conference?.status === 'connected'")


@pytest.mark.system
@pytest.mark.asyncio(loop_scope="session")
async def test_at_the_join_page(server: Server, tmp_path: Path) -> None:
    """One steers, both see the same moment, also who comes in the middle."""
    make_film(tmp_path / "film.mp4", 20)
    url = server.room("cinema")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        with served(tmp_path) as films:
            size = {"width": 1000, "height": 640}
            ada, grace = [await browser.new_page(viewport=size) for _ in range(2)]  # type: ignore[arg-type]
            await _entered(ada, url, "Ada")
            await ada.locator("#video").click()
            await ada.locator("#video-url").fill(f"{films}/film.mp4")
            await ada.screenshot(path=tmp_path / "dialog.png")
            await ada.locator("#video-dialog .primary").click()
            await expect(ada.locator("#player")).to_be_visible(timeout=30_000)
            await _until(ada, f"({SEEN})()?.at > 1")
            await _entered(grace, url, "Grace")
            await _until(grace, f"({SEEN})()?.at > 1")
            await expect(grace.locator("#player")).to_be_hidden()
            await expect(grace.locator("#video")).to_be_disabled()
            await ada.screenshot(path=tmp_path / "playing.png")

            await ada.locator('[data-player="play"]').click()
            for page in (ada, grace):
                await _until(page, f"({SEEN})().paused")
            await ada.evaluate("conference.screening.seek(7300)")
            for page in (ada, grace):
                there = f"Math.abs(({SEEN})().at - 7.3) < 0.05 && ({SEEN})().ready > 1"
                await _until(page, there)
            await ada.locator("#video").click()
            await _until(grace, "!document.querySelector('.film')")
            await expect(ada.locator("#player")).to_be_hidden()
        await browser.close()
