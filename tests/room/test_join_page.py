"""The join page in real Chromium, with a real server and Janus: people see each other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, Route, async_playwright

from mixer.conference.session import RoomSession, join
from mixer.conference.state import State
from tests.room.serving import Server, free_port, serving, until

pytestmark = pytest.mark.system

CHROMIUM = "/usr/bin/chromium-headless-shell"
ARGUMENTS = [
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
]
TIMEOUT_S = 45.0

# The tile of a participant (or of their screen): how many pictures were shown, how much is heard.
TILE = """([name, screen]) => {
  const tile = [...document.querySelectorAll('.tile')].find(
    (t) => t.getAttribute('aria-label').startsWith(name)
      && t.classList.contains('screen') === screen);
  if (!tile) return null;
  const video = tile.querySelector('video');
  return {label: tile.getAttribute('aria-label'), hidden: video.hidden, width: video.videoWidth,
          time: video.currentTime, frames: video.getVideoPlaybackQuality().totalVideoFrames,
          speaking: tile.classList.contains('speaking'),
          hears: tile.querySelector('audio').currentTime};
}"""

# A voice instead of the fake microphone's beeps, which are too short to be speech.
SPEAK = """async () => {
  const context = new AudioContext();
  const voice = new OscillatorNode(context, {frequency: 220});
  const out = context.createMediaStreamDestination();
  voice.connect(new GainNode(context, {gain: 0.3})).connect(out);
  voice.start();
  const [video] = conference.local.camera.getVideoTracks();
  await conference.publishCamera({audio: out.stream.getAudioTracks()[0], video});
}"""


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield running
        await running.close()


class Person:
    """Somebody at the join page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    async def tile(self, name: str, screen: bool = False) -> dict[str, Any] | None:
        shown: dict[str, Any] | None = await self.page.evaluate(TILE, [name, screen])
        return shown

    async def sees(self, name: str, screen: bool = False) -> None:
        """Waits until moving pictures of that person are shown: at least ten more than now."""
        first = await self.tile(name, screen)
        start = first["frames"] if first and not first["hidden"] else 0
        time = first["time"] if first and not first["hidden"] else 0

        async def moving() -> bool:
            now = await self.tile(name, screen)
            if now is None or now["hidden"] or not now["width"]:
                return False
            if now["frames"] < start:  # a new stream has begun to count anew
                return bool(now["frames"] >= 10)
            return bool(now["frames"] >= start + 10 and now["time"] != time)

        await until(moving, f"pictures of {name} (screen: {screen})", TIMEOUT_S)

    async def shows(self, name: str, what: str, **expected: Any) -> None:
        async def as_expected() -> bool:
            now = await self.tile(name)
            return now is not None and all(now[k] == v for k, v in expected.items())

        await until(as_expected, what, TIMEOUT_S)


@asynccontextmanager
async def at(
    browser: Browser | BrowserContext, url: str, name: str, query: str = ""
) -> AsyncIterator[Person]:
    page = await browser.new_page()
    person = Person(page)
    await page.goto(f"{url}?name={name}&autojoin=1{query}")
    await page.wait_for_selector("#room:not([hidden])")
    yield person
    assert person.errors == []
    await page.close()


def camera_of(state: State, name: str) -> Any:
    for someone in state["participants"]:
        for one in someone["streams"]:
            if someone["name"] == name and one["type"] == "Camera":
                return one
    return None


@asynccontextmanager
async def watching(url: str) -> AsyncIterator[RoomSession]:
    """A listener whose state is up to date whenever it is looked at."""
    import asyncio

    async with await join(url, "Watcher", "listener") as session:

        async def follow() -> None:
            async for _ in session.events():
                pass

        task = asyncio.create_task(follow())
        yield session
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_two_people_see_and_hear_each_other(server: Server, browser: Browser) -> None:
    """Pictures move in both directions, sound plays, speaking, muting and leaving are seen."""
    url = server.room("two")
    async with at(browser, url, "Ada") as ada, watching(url) as watcher:
        async with at(browser, url, "Bob", "&codec=h264") as bob:
            await ada.sees("Bob")
            await bob.sees("Ada")
            await ada.sees("Ada (you)")
            await bob.page.evaluate(SPEAK)
            await ada.shows("Bob", "Bob speaking", speaking=True)
            heard = await bob.tile("Ada")
            assert heard is not None and heard["hears"] > 0
            camera = camera_of(watcher.state, "Bob")
            assert camera["audio"] == {"muted": False}

            await bob.page.click("#microphone")
            await ada.shows("Bob", "Bob muted", label="Bob, muted", speaking=False)
            await bob.page.click("#camera")
            await ada.shows("Bob", "Bob's avatar", hidden=True)
            assert camera_of(watcher.state, "Bob")["video"]["muted"]
            await bob.page.click("#camera")
            await ada.sees("Bob")
            await bob.page.click("#microphone")
            await ada.shows("Bob", "Bob unmuted", label="Bob", hidden=False)

            await bob.page.click("#leave")
            await bob.page.wait_for_selector("#farewell:not([hidden])")

        async def alone() -> bool:
            return await ada.tile("Bob") is None

        await until(alone, "Bob's tile to go")
        assert [p["name"] for p in watcher.state["participants"]] == ["Ada", "Watcher"]


async def test_a_shared_screen_is_a_stream_of_its_own(server: Server, browser: Browser) -> None:
    """Camera and screen arrive side by side; stopping takes only the screen away."""
    url = server.room("screen")
    async with (
        at(browser, url, "Ada") as ada,
        at(browser, url, "Bob", "&video=0&audio=0") as bob,
        watching(url) as watcher,
    ):
        await bob.sees("Ada")
        await ada.page.click("#screen")
        await bob.sees("Ada", screen=True)
        await bob.sees("Ada")
        types = [s["type"] for p in watcher.state["participants"] for s in p["streams"]]
        assert types == ["Camera", "ScreenShare"]
        await ada.page.click("#screen")

        async def gone() -> bool:
            return await bob.tile("Ada", screen=True) is None

        await until(gone, "the screen to go")
        await bob.sees("Ada")
        assert await bob.tile("Bob") is not None


async def test_the_recording_is_seen_and_the_end_ends_it(server: Server, browser: Browser) -> None:
    """A mixer turns the red dot on for all, a pause turns it off and says so; it has no tile; the
    end leads to the farewell."""
    url = server.room("recorded")
    async with at(browser, url, "Ada", "&video=0") as ada:
        assert await ada.page.is_hidden("#recording")
        async with await join(url, "Mixer", "mixer") as mixer:
            await ada.page.wait_for_selector("#recording:not([hidden]):not(.paused)")
            assert await ada.tile("Mixer") is None
            await mixer.update(recording=False)
            await ada.page.wait_for_selector("#recording.paused:not([hidden])")
            assert await ada.page.inner_text("#recording") == "Recording paused"
            assert await ada.page.inner_text("#announcer") == "Recording is paused"
        await ada.page.wait_for_selector("#recording", state="hidden")
        async with await join(url, "Bob") as bob:
            await bob.end()
        await ada.page.wait_for_selector("#farewell:not([hidden])")
        assert "ended" in await ada.page.inner_text("#farewell-title")


async def test_media_come_back_after_janus_was_killed(server: Server, browser: Browser) -> None:
    """kill -9 of Janus: both see each other again without anybody having left."""
    url = server.room("killed-in-browser")
    async with at(browser, url, "Ada") as ada, at(browser, url, "Bob") as bob:
        await ada.sees("Bob")
        await bob.sees("Ada")
        janus = server.janus()
        assert janus is not None
        janus.kill()
        await until(lambda: server.janus() not in (None, janus), "another Janus")
        await ada.sees("Bob")
        await bob.sees("Ada")


async def test_people_come_back_after_the_server_was_killed(
    tmp_path: Path, browser: Browser
) -> None:
    """kill -9 of the whole server: the same people are there again, with the same ids."""
    port = free_port()
    async with serving(tmp_path, port=port) as first:
        url = first.room("r")
        async with at(browser, url, "Ada") as ada, at(browser, url, "Bob") as bob:
            await ada.sees("Bob")
            id = await ada.page.evaluate("conference.participantId")
            await bob.page.click("#microphone")
            await ada.shows("Bob", "Bob muted", label="Bob, muted")
            await first.stop(9)
            await ada.page.wait_for_selector("#connection:not([hidden])")
            async with serving(tmp_path, port=port):
                await ada.page.wait_for_selector("#connection", state="hidden")
                await ada.sees("Bob")
                await bob.sees("Ada")
                assert await ada.page.evaluate("conference.participantId") == id
                assert await ada.page.locator(".tile").count() == 2
                await ada.shows("Bob", "Bob still muted", label="Bob, muted")


async def test_everything_works_by_tls(tmp_path: Path, browser: Browser) -> None:
    """With a self-signed certificate that the user accepts: page, events, media."""
    context = await browser.new_context(ignore_https_errors=True)
    async with serving(tmp_path, "--tls-self-signed") as server:
        url = server.room("tls")
        async with at(context, url, "Ada") as ada, at(context, url, "Bob", "&audio=0") as bob:
            assert await ada.page.evaluate("isSecureContext")
            await ada.sees("Bob")
            await bob.sees("Ada")
    await context.close()


async def test_the_lobby_leads_in(server: Server, browser: Browser) -> None:
    """By hand: preview moves, the name is asked for, devices are offered, Join leads in; a network
    that fails for a moment just then changes nothing of that."""
    page = await browser.new_page(viewport={"width": 400, "height": 800})
    person = Person(page)
    told: list[str] = []

    async def first_fails(route: Route) -> None:
        told.append(route.request.method)
        await (route.abort() if told == ["PATCH"] else route.continue_())

    await page.route("**/participants/*", first_fails)
    await page.goto(server.room("lobby"))
    await page.wait_for_function("() => document.getElementById('preview-video').currentTime > 0.2")
    await page.wait_for_function("() => document.getElementById('lobby-camera-list').value")
    await page.click("#lobby-microphone")
    await page.click("#join")
    assert await page.is_visible("#lobby"), "without a name nobody joins"
    await page.fill("#name", "  <b>Ada</b>  ")
    await page.click("#join")
    await page.wait_for_selector("#room:not([hidden])")
    await person.sees("<b>Ada</b> (you)")
    shown = await person.tile("<b>Ada</b>")
    assert shown is not None and shown["label"] == "<b>Ada</b> (you), muted"
    async with watching(server.room("lobby")) as watcher:
        await until(
            lambda: camera_of(watcher.state, "<b>Ada</b>") is not None, "the camera to be published"
        )
        assert camera_of(watcher.state, "<b>Ada</b>")["audio"] is None
        await until(lambda: told == ["PATCH", "PATCH"], "what is muted to be told again")
        await page.click("#microphone")
        await until(
            lambda: (camera_of(watcher.state, "<b>Ada</b>") or {}).get("audio") is not None,
            "the microphone to be published",
        )
    assert person.errors == []
    await page.close()
