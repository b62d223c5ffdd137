"""The page under the mixer's clock, in a real browser."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from PIL import Image
from playwright.async_api import Browser

from mixer.layout import cards
from mixer.layout.page import Page, PageFailure
from mixer.layout.serving import find_site
from tests.layout.support import PAGES, WALL, page_of, shown, state_of

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]
FRAME_MS = 1000 / 30


async def test_the_clock_is_media_time(browser: Browser, tmp_path: Path) -> None:
    """Timers, Date and the animations' time run by output frames: ten ticks of 100 ms a second."""
    layout = page_of(
        tmp_path,
        "<script>let ticks = 0; setInterval(() => { ticks += 1; }, 100);"
        "requestAnimationFrame(function f(t) { window.at = t; requestAnimationFrame(f); });"
        "</script>",
    )
    async with shown(browser, layout, {}) as (page, _):
        began = page.clock_ms
        values = []
        for frame in range(60):
            await page.step(frame, began + (frame + 1) * FRAME_MS)
            await page.look()
            values.append(await page.call("[ticks, Date.now(), at]"))
        assert values[59][0] - values[29][0] == 10
        assert abs(values[59][1] - values[29][1] - 1000) <= 1
        assert abs(values[59][2] - values[29][2] - 1000) < 1
        assert abs(values[0][1] / 1000 - WALL - 0.1) < 0.05


async def test_the_page_stands_still_while_stills_are_taken(
    browser: Browser, tmp_path: Path
) -> None:
    """Exactly one animation frame an output frame, however many stills lie between."""
    layout = page_of(
        tmp_path,
        "<video></video><div id=x style='width:9px;height:9px;background:red'></div>"
        "<script>let n = 0; requestAnimationFrame(function f() {"
        " n += 1; x.style.width = n + 'px'; requestAnimationFrame(f); });"
        "new ResizeObserver(() => { window.seen = n; }).observe(x);</script>"
        "<script>document.querySelector('video').srcObject = mixerLayout.mediaStream('p0.camera');"
        "mixerLayout.ready();</script>",
    )
    async with shown(browser, layout, state_of(1)) as (page, _):
        began, counts = page.clock_ms, []
        for frame in range(4):
            await page.step(frame, began + (frame + 1) * FRAME_MS)
            await page.look()
            counts.append(await page.call("n"))
            for card in (cards.BLACK, cards.WHITE, cards.RAMP):
                await page.still(card)
            assert await page.call("n") == counts[-1]
        assert [after - counts[0] for after in counts] == [0, 1, 2, 3]
        assert await page.call("n - seen") <= 1


async def test_a_still_that_was_announced_is_asked_for_once(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a look tells of the still that comes next holds until anything has happened."""
    layout = page_of(
        tmp_path,
        "<video></video><script>document.querySelector('video').srcObject ="
        " mixerLayout.mediaStream('p0.camera'); mixerLayout.ready();</script>",
    )
    asked: list[str] = []
    host = Page.host

    async def told(page: Page, method: str, *values: object) -> object:
        asked.append(method)
        return await host(page, method, *values)

    async with shown(browser, layout, state_of(1)) as (page, _):
        await page.step(0, page.clock_ms + FRAME_MS)
        monkeypatch.setattr(Page, "host", told)
        assert (await page.look(still=True))[0].settled
        await page.freeze()
        assert await page.shows(cards.RAMP) == [0]
        assert asked == ["look"]
        assert await page.shows(cards.RAMP) == [0]  # once
        assert asked == ["look", "show"]
        asked.clear()
        await page.look(still=True)
        await page.frame()
        assert await page.shows(cards.RAMP) == [0]
        await page.look(still=True)
        assert await page.shows(cards.BLACK) == [0]  # another card than was announced
        assert asked[:4] == ["look", "show", "look", "show"]


async def test_chance_is_the_same_every_time(browser: Browser, tmp_path: Path) -> None:
    """Math.random and crypto give the same numbers in every run."""
    layout = page_of(
        tmp_path,
        "<script>window.drawn = [Math.random(), ...crypto.getRandomValues(new Uint8Array(4))];"
        "</script>",
    )
    drawn = []
    for _ in range(2):
        async with shown(browser, layout, {}) as (page, _):
            drawn.append(await page.call("drawn"))
    assert drawn[0] == drawn[1]


async def test_an_open_event_source_is_freed(browser: Browser, tmp_path: Path) -> None:
    """A request that never ends stops the page's time; after the deadline it goes on, in full."""

    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until the page goes
        writer.close()

    async with await asyncio.start_server(silence, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        layout = page_of(
            tmp_path,
            "<script>let n = 0; setInterval(() => { n += 1; }, 10);"
            f"setTimeout(() => new EventSource('http://127.0.0.1:{port}/'), 1100);</script>",
        )
        async with shown(browser, layout, {}, stall_wall_s=1.0) as (page, _):
            assert not page.stalled
            before, began = await page.call("[n, Date.now()]")
            await page.advance(page.clock_ms + 500)
            assert page.stalled
            after, ended = await page.call("[n, Date.now()]")
            assert abs(after - before - 50) <= 1
            assert abs(ended - began - 500) <= 2


async def test_what_nobody_could_answer_is_suppressed_and_noted(
    browser: Browser, tmp_path: Path
) -> None:
    """Dialogs, pop-ups, cameras and navigation away do nothing to the page but are noted."""
    layout = page_of(
        tmp_path,
        "<p id=here></p><script>alert('a'); window.open('http://x.test/');"
        "window.camera = typeof navigator.mediaDevices; location.href = 'http://x.test/away';"
        "</script>",
    )
    async with shown(browser, layout, {}) as (page, look):
        kinds = {kind for kind, _ in [*page.suppressed, *look.notes]}
        assert {"dialog", "popup", "navigation"} <= kinds
        assert await page.call("camera") == "undefined"
        assert await page.call("Boolean(document.getElementById('here'))")


async def test_a_stream_without_picture_shows_nothing(browser: Browser) -> None:
    """Only available streams are fed; one that becomes unavailable shows nothing again."""
    async with shown(browser, str(PAGES / "styled.html"), state_of(2)) as (page, look):
        assert len(look.videos) == 2
        gone = {"participantId": "p0", "streamId": "p0.camera", "video": {"available": False}}
        event = {"type": "stream.updated", "data": gone}
        await page.step(9, page.clock_ms + FRAME_MS, [event])
        look, _ = await page.look()
        assert [video.stream for video in look.videos] == ["p1.camera"]
        await page.step(10, page.clock_ms + FRAME_MS)
        assert await page.call("document.getElementById('large').readyState") == 0


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("<script>mixerLayout.parameters; throw new Error('oh dear');</script>", "oh dear"),
        ("<script>mixerLayout.fail('no idea');</script>", "no idea"),
        ("<script>mixerLayout.parameters;</script>", "not ready within"),
    ],
)
async def test_a_page_that_never_gets_ready_says_why(
    browser: Browser, tmp_path: Path, body: str, reason: str
) -> None:
    """Throwing, giving up and silence before `ready` each end in one line."""
    with pytest.raises(PageFailure, match=reason):
        async with shown(browser, page_of(tmp_path, body), {}, ready_wall_s=2):
            pass


@pytest.mark.parametrize(
    "folder", ["my läyout", "objects", "sdk", "50%25 #1", "plain"], ids=lambda name: name[:2]
)
@pytest.mark.parametrize("page", ["index.html", "a päge &+%20#.html"], ids=["folder", "file"])
async def test_names_of_all_kinds(browser: Browser, tmp_path: Path, folder: str, page: str) -> None:
    """A layout's folder, its page and its files may be named as they like."""
    path = tmp_path / folder / page
    path.parent.mkdir()
    Image.new("RGB", (7, 5)).save(path.parent / "my pic é %41.png")
    address = "my%20pic%20é%20%2541.png?v=1"
    path.write_text(f"<!doctype html><meta charset=utf-8><img src='{address}'>", "utf-8")
    layout = path.parent if page == "index.html" else path
    async with shown(browser, f"{layout}?title=a%20b", {}) as (shown_page, look):
        width = "document.querySelector('img').naturalWidth"
        asked = await shown_page.call(f"[{width}, mixerLayout.parameters.title]")
        assert asked == [7, "a b"] and not look.notes


async def test_odd_requests_find_nothing(tmp_path: Path) -> None:
    """Nothing beside the layout's files, whatever the path says; no path is an error."""
    (tmp_path / "secret.txt").write_text("secret")
    folder = tmp_path / "layout"
    folder.mkdir()
    (folder / "index.html").write_text("page")
    site = find_site(str(folder), {})
    assert site.local_file("/page/")[0] == b"page"
    for path in ("/page/../secret.txt", "/page//etc/passwd", "/page/\0", f"/page/{'a' * 5000}"):
        assert site.local_file(path)[0] is None, path


async def test_parameters_of_the_recording_are_not_overridden(
    browser: Browser, tmp_path: Path
) -> None:
    """Size, rate and kind are what they are, as numbers, whatever the address says; the language
    may be another."""
    layout = page_of(tmp_path, "<p>")
    query = "width=600&height=1&fps=5&layoutType=replay&language=ar&free=1"
    async with shown(browser, f"{layout}?{query}", {}) as (page, _):
        assert await page.call("mixerLayout.parameters") == {
            "width": 960,
            "height": 540,
            "fps": 30,
            "layoutType": "record",
            "language": "ar",
            "free": "1",
        }


GONE = "<script src='gone.js'></script>"


async def test_the_language_of_a_mix_is_the_page_s(browser: Browser, tmp_path: Path) -> None:
    """What the browser says it is, and what the page is told."""
    layout = page_of(tmp_path, "<p>")
    async with shown(browser, layout, {}, language="pt-BR") as (page, _):
        told = await page.call("[navigator.language, mixerLayout.parameters.language]")
        assert told == ["pt-BR", "pt-BR"]


UNCAUGHT = "<script>undefinedFunction(); mixerLayout.ready();</script>"
IMPORT = "<script type='module'>import './gone.js'; mixerLayout.ready();</script>"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (UNCAUGHT, "threw before it was ready: .*undefinedFunction"),
        (f"<div id=root></div>{IMPORT}", "lacks a script .* a module that a script imports"),
        (f"<div id=root></div>{GONE}", "lacks a script .*/gone.js"),
        (f"{UNCAUGHT}<script>setInterval(() => {{}}, 100);</script>", "not ready .*undefinedFunct"),
    ],
)
async def test_a_page_whose_script_died_first_is_not_ready(
    browser: Browser, tmp_path: Path, body: str, reason: str
) -> None:
    """It never got to `mixerLayout` and shows nothing of the conference: as if it had thrown after
    that. Where something goes on in the page, it has the usual time."""
    with pytest.raises(PageFailure, match=reason):
        async with shown(browser, page_of(tmp_path, body), state_of(1), ready_wall_s=1.5):
            pass


@pytest.mark.parametrize(
    "body",
    [
        f"<video data-participant=0></video>{UNCAUGHT}{GONE}",
        f"<mixer-grid></mixer-grid>{IMPORT}",
        f"{UNCAUGHT}<video></video><script>setTimeout(() => {{"
        "document.querySelector('video').srcObject = mixerLayout.mediaStream('p0.camera');"
        "mixerLayout.ready(); }, 1300)</script>",
    ],
)
async def test_a_page_that_works_may_throw(browser: Browser, tmp_path: Path, body: str) -> None:
    """Elements show the conference without script; a script that begins late shows it, too."""
    async with shown(browser, page_of(tmp_path, body), state_of(1)) as (page, look):
        assert look.ready and len(look.videos) == 1
        assert {kind for kind, _ in page.suppressed} & {"error", "missing"}


async def test_a_missing_page_says_its_status(browser: Browser) -> None:
    """A layout that is not there is told by its HTTP status."""
    layout = str(PAGES / "styled.html")
    with pytest.raises(PageFailure, match="404"):
        from mixer.layout.opening import opened
        from mixer.layout.page import PageSettings

        site = find_site(layout, {})
        site.url += ".gone"
        async with opened(browser, site, PageSettings(320, 180, 30, WALL), {}):
            pass
