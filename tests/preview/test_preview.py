"""`mixer preview` in a real browser: the page shows, changes, fails in words."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Frame, Page

from mixer.errors import UsageError
from mixer.layout.browser import BrowserSettings, find_browser
from mixer.preview.app import Rig, Subject
from mixer.preview.rendering import Renderer
from mixer.preview.script import read_script
from mixer.preview.serve import PreviewSettings, run_preview
from mixer.preview.watching import fingerprint
from tests.instruments.make_journal import make_journal
from tests.room.serving import until

WAIT_MS = 60_000
PAGE = """<!doctype html><meta charset="utf-8"><style>video { width: 50% }</style>
<h1>first</h1><div id="all"></div><script>
const layout = window.mixerLayout;
function draw() {
  const all = document.querySelector('#all');
  all.replaceChildren(...layout.participants.map((one) => {
    const video = document.createElement('video');
    const { stream } = layout.find(one.id);
    video.srcObject = stream && layout.mediaStream(stream.id);
    return video;
  }));
}
layout.addEventListener('change', draw);
draw();
layout.ready();
</script>"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        program = find_browser(BrowserSettings(), playwright.chromium.executable_path)
        running = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield running
        await running.close()


@asynccontextmanager
async def previewed(browser: Browser, **settings: Any) -> AsyncIterator[Page]:
    """A preview, opened."""
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(
        run_preview(PreviewSettings(port=0, **settings), ready.set_result)
    )
    either: set[asyncio.Future[Any]] = {serving, ready}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        serving.result()
    page = await browser.new_page(viewport={"width": 1400, "height": 900})
    page.set_default_timeout(WAIT_MS)
    try:
        await page.goto(ready.result(), wait_until="commit")
        yield page
    finally:
        await page.close()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def layout_frame(page: Page) -> Frame:
    element = await page.wait_for_selector("#stage iframe")
    assert element is not None
    frame = await element.content_frame()
    assert frame is not None
    return frame


@pytest.mark.asyncio(loop_scope="module")
async def test_a_layout_is_shown_and_changes_at_once(browser: Browser, tmp_path: Path) -> None:
    """People come by the slider, with moving pictures; a change on disk loads the page anew, with
    the same people; the mixer renders the same moment."""
    (tmp_path / "index.html").write_text(PAGE)
    async with previewed(browser, layout=f"{tmp_path}?width=7&dark#/place") as page:
        await page.wait_for_selector("#status.good")
        frame = await layout_frame(page)
        told = "(({ width, dark }) => [width, dark, location.hash])(mixerLayout.parameters)"
        assert await frame.evaluate(told) == [1920, "", "#/place"]
        await page.locator("#count").fill("3")
        await frame.wait_for_function("document.querySelectorAll('video').length === 3")
        await frame.wait_for_function(
            "[...document.querySelectorAll('video')]"
            ".every((video) => video.videoWidth > 0 && video.currentTime > 0)"
        )
        (tmp_path / "index.html").write_text(PAGE.replace("first", "second"))
        await page.wait_for_selector("#rendered img[data-draft=true]")
        fresh = await layout_frame(page)
        await fresh.wait_for_selector("text=second")
        await fresh.wait_for_function("document.querySelectorAll('video').length === 3")
        await page.wait_for_function(
            "document.querySelector('#mode').textContent.includes('matte')"
        )
        assert await page.locator("#problems").is_hidden()
        await page.evaluate("document.querySelector('#rendered img').dataset.old = true")
        await page.wait_for_selector("#rendered img:not([data-old])")  # somebody else speaks


@pytest.mark.asyncio(loop_scope="module")
async def test_what_is_wrong_is_said(browser: Browser, tmp_path: Path) -> None:
    """Errors, the console, failed requests, and why a page is not ready; the mixer says it, too."""
    file = tmp_path / "bad.html"
    file.write_text(
        "<!doctype html><script>console.error('oh', {a: 1}); fetch('nowhere.json');"
        "alert('hello'); mixerLayout.state; undefinedFunction();</script>"
    )
    async with previewed(browser, layout=str(file)) as page:
        problems = page.locator("#problems")
        for text in ('oh {"a":1}', "nowhere.json answers 404", "undefinedFunction is not defined"):
            await problems.get_by_text(text).first.wait_for()
        await problems.locator("li.dialog").get_by_text("alert").first.wait_for()
        await page.wait_for_function(
            "document.querySelector('#status').textContent.includes('ready() was not called')"
        )
        await page.locator("#rendered .bad").get_by_text("threw before it was ready").wait_for()


THREW = "<!doctype html><div id=root></div><script>throw new Error('one')</script>"
LACKS = "<!doctype html><div id=root></div><script src=none.js></script>"
SHOWS = "<!doctype html><mixer-grid></mixer-grid><script>throw new Error('two')</script>"
ENDS = """<!doctype html><input type="hidden" id="conferenceId"><b id="joinConference"></b>
<script>
const put = (id) => document.body.append(Object.assign(document.createElement('i'), { id }));
joinConference.onclick = () => {
  put('conferenceStartedVoxeet');
  setTimeout(() => put('conferenceEndedVoxeet'), 1000);
};
</script>"""


@pytest.mark.asyncio(loop_scope="module")
async def test_states_of_a_page(browser: Browser, tmp_path: Path) -> None:
    """Who shows nobody since its script has thrown or is missing is not ready; who shows somebody
    nevertheless is; a page of Dolby.io's that has ended says so."""
    file = tmp_path / "page.html"
    file.write_text(THREW)
    async with previewed(browser, layout=str(file)) as page:
        await page.locator("#auto").uncheck()
        for text, words in (
            (THREW, "Not ready: the page threw before it was ready: Uncaught Error: one"),
            (LACKS, "Not ready: the page lacks a script before it is ready: http"),
            (SHOWS, "Ready after"),
            (ENDS, "Finished"),
        ):
            file.write_text(text)
            await page.locator("#status").get_by_text(words).wait_for()


@pytest.mark.asyncio(loop_scope="module")
async def test_a_script_is_played_and_saved(browser: Browser, tmp_path: Path) -> None:
    """Events of a script happen at their time, and can be sought in; what is saved is a script."""
    someone = {"id": "p0", "name": "Ada", "streams": []}
    script = {
        "format": "mixer-preview-script",
        "version": 1,
        "duration": 40,
        "size": [640, 360],
        "events": [
            {"t": 0, "type": "participant.added", "data": {"participant": someone}},
            {
                "t": 30,
                "type": "participant.added",
                "data": {"participant": {**someone, "id": "p1", "name": "Grace"}},
            },
        ],
    }
    file = tmp_path / "script.json"
    file.write_text(json.dumps(script))
    async with previewed(browser, layout="grid", script=file) as page:
        await page.locator("#people li").first.wait_for()
        assert await page.locator("#people li").count() == 1
        await page.locator("#time:enabled").fill("35")
        await page.locator("#people").get_by_text("Grace").wait_for()
        async with page.expect_download() as saving:
            await page.locator("#save").click()
        saved = read_script(await (await saving.value).path())
        assert saved["events"] == script["events"]
        assert saved["size"] == [640, 360]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_recording_is_the_conference(browser: Browser, tmp_path: Path) -> None:
    """The journal's people and their own pictures, in the page and in the mixer's picture."""
    made = make_journal(tmp_path / "j", participants=2, size=(320, 180), seconds=4, loop_seconds=2)
    async with previewed(browser, layout="default", recording=made) as page:
        await page.locator("#people").get_by_text("Grace").wait_for()
        frame = await layout_frame(page)
        await frame.wait_for_function(
            "[...document.querySelectorAll('video')].filter((one) => one.videoWidth === 320).length"
            " === 2"
        )
        answer = await page.request.get(
            f"{frame.url.split('/default')[0]}/__mixer__/picture?stream=p0.camera&t=1.5"
        )
        assert (await answer.body())[:2] == b"\xff\xd8"
        await page.wait_for_selector("#rendered img")


def test_scripts_that_are_none(tmp_path: Path) -> None:
    """They are refused with what is missing."""
    file = tmp_path / "s.json"
    for text, words in (("{", "no JSON"), ("{}", "no script"), ("[]", "no script")):
        file.write_text(text)
        with pytest.raises(UsageError, match=words):
            read_script(file)


async def test_nobody_watches_the_disk_for_a_page_that_is_gone(tmp_path: Path) -> None:
    """The stream of changes takes its watch with it when it ends."""
    pages: Any = None
    rig = Rig(Subject(str(tmp_path), 0), pages, Renderer()).app()
    gone = asyncio.Event()
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)
        if message.get("body"):
            gone.set()

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/api/changes",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1")],
    }
    before = asyncio.all_tasks()
    await rig(scope, receive, send)
    assert sent[0]["status"] == 200
    await until(lambda: not asyncio.all_tasks() - before, "the watch to end")


def test_changes_are_seen(tmp_path: Path) -> None:
    """New files, other sizes and files that are gone; not what tools keep beside."""
    before = fingerprint([tmp_path])
    (tmp_path / "a.css").write_text("a")
    changed = fingerprint([tmp_path])
    assert changed != before
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "index").write_text("x")
    assert fingerprint([tmp_path]) == changed
    (tmp_path / "a.css").unlink()
    assert fingerprint([tmp_path]) == before
