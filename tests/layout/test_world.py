"""What pages find in the world, and what is heard of what they do in it."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.async_api import Browser

from mixer.journal import JournalWriter
from mixer.layout.page import PageFailure
from tests.layout.support import added, journal, page_of, shown, site_of, state_of
from tests.layout.test_page_pass import everything, passed, settings

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]
FRAME_MS = 1000 / 30
FOUND = """<p><script>window.found = [isSecureContext, typeof crypto.subtle.digest,
  crypto.randomUUID().length, typeof VideoDecoder, typeof AudioWorklet, ...['serviceWorker',
  'mediaDevices', 'getUserMedia'].map((name) => name in navigator)];</script>"""


async def test_local_pages_have_what_they_have_on_localhost(
    browser: Browser, tmp_path: Path
) -> None:
    """All of the web that wants a secure context; what no page can have here is not there at all,
    as pages ask for it in more than one way."""
    async with shown(browser, page_of(tmp_path, FOUND), {}) as (page, _):
        there = [True, "function", 36, "function", "function", False, False, False]
        assert await page.call("found") == there


async def test_templates_reach_nothing_but_their_variables(
    browser: Browser, tmp_path: Path
) -> None:
    """Whoever wrote the layout: in its templates Python is out of reach, and one that fails says
    so at once."""
    template = tmp_path / "index.html.j2"
    template.write_text("<p>{{ width }} {{ ''.__class__.__mro__[1].__subclasses__()[0] }}")
    with pytest.raises(PageFailure, match="answers 500") as failure:
        async with shown(browser, str(tmp_path), {}):
            pass
    assert any("__class__" in detail for _, detail in failure.value.told)
    template.write_text("<p id=n>{{ width }}")
    async with shown(browser, str(tmp_path), {}) as (page, _):
        assert await page.call("n.textContent") == "960"


TURNING = """<style>@keyframes turn { to { margin-left: 300px } } i { display: block; width: 9px;
  height: 9px; background: red; animation: turn 1s linear infinite paused }
  .speaking i { animation-play-state: running } </style><i id=bar></i>"""


async def test_animations_heed_their_play_state_after_stills(
    browser: Browser, tmp_path: Path
) -> None:
    """`animation-play-state` starts and stops one, as often as it likes, while stills are taken."""
    async with shown(browser, page_of(tmp_path, TURNING), {}) as (page, _):
        frame, places = 3, []
        for speaking in (True, False, True, False):
            await page.call(f"void document.body.classList.toggle('speaking', {speaking:d} > 0)")
            for _ in range(3):
                await page.step(frame, page.clock_ms + FRAME_MS)
                await page.look()
                await page.freeze()
                await page.screenshot()
                frame += 1
            places.append(float((await page.call("getComputedStyle(bar).marginLeft"))[:-2]))
        assert 15 < places[0] < 45 and abs(places[1] - places[0]) <= 10
        assert places[2] > places[1] + 15 and abs(places[3] - places[2]) <= 10


FADING = """<style>@keyframes fade { from { opacity: 0 } } i { display: block; width: 9px;
  height: 9px; background: red; animation: fade .5s linear } </style><script>
  setTimeout(() => { const i = document.createElement('i'); i.style.animationDelay = '2s';
    document.body.append(i); }, 1050);</script>"""


async def test_an_animation_that_is_to_begin_is_waited_for(
    browser: Browser, tmp_path: Path
) -> None:
    """In its delay it has no effect, and does not count as one that runs; it begins in time."""
    async with shown(browser, page_of(tmp_path, FADING), {}) as (page, look):
        assert look.due_ms is not None and 1900 < look.due_ms <= 2000 and not look.animated
        await page.step(9, page.clock_ms + look.due_ms)
        look, _ = await page.look()
        assert look.animated and look.due_ms is None


async def test_a_picture_that_moves_by_itself_is_followed(tmp_path: Path) -> None:
    """Half a second on, half a second off: each is to be seen a tenth of a second later at most."""
    on, off = (Image.new("RGB", (40, 40), colour) for colour in ("red", "blue"))
    on.save(tmp_path / "live.gif", save_all=True, append_images=[off], duration=500, loop=0)
    layout = page_of(tmp_path, "<img src=live.gif><script>mixerLayout.ready()</script>")
    recording = journal(tmp_path / "j", [added(0, 0)], 5.5)
    await passed(recording, tmp_path / "m", settings(layout))
    changes = [found[0] for found in everything(tmp_path / "m")[2:]]
    assert len(changes) >= 10, changes
    assert all(12 <= b - a <= 18 for a, b in pairwise(changes)), changes


# ---- chance ----------------------------------------------------------------------------------

CHANCE = "<script>document.body.style.background = `hsl(${Math.random() * 360} 90% 50%)`</script>"


async def test_other_recordings_have_other_chance(tmp_path: Path) -> None:
    """Pages make ids of it: they must not be those of another recording; the same recording has
    the same."""
    layout = page_of(tmp_path, CHANCE)
    tracks: list[list[Any]] = []
    for number, name in enumerate(("one", "two", "one")):
        with JournalWriter.create(tmp_path / str(number), conference=name) as writer:
            writer.watermark(100_000_000)
            writer.close(final=True)
    for number in (0, 1, 0):
        track = tmp_path / f"m{len(tracks)}"
        await passed(tmp_path / str(number), track, settings(layout))
        tracks.append(everything(track))
    assert tracks[0] == tracks[2] != tracks[1]


# ---- errors, and media of the page's own -----------------------------------------------------

TOUCHED = "<script>mixerLayout.parameters;"


@pytest.mark.parametrize(
    "thrown",
    ["Promise.reject(new Error('AbortError'))", "dispatchEvent(new ErrorEvent('error', { message:"
     " 'ResizeObserver loop completed with undelivered notifications.' }))"],
    ids=["rejected", "observer"],
)  # fmt: skip
async def test_an_error_while_the_page_gets_ready_is_no_end(
    browser: Browser, tmp_path: Path, thrown: str
) -> None:
    """What goes on has the usual time, and what no page can help is not even noted."""
    body = f"{TOUCHED}{thrown}; setTimeout(() => mixerLayout.ready(), 1500)</script>"
    async with shown(browser, page_of(tmp_path, body), {}, boot_media_s=0.2) as (page, look):
        kinds = [kind for kind, _ in [*page.suppressed, *look.notes]]
        assert look.ready and kinds == ["error"] * ("reject" in thrown)


async def test_an_error_explains_why_a_page_is_not_ready(browser: Browser, tmp_path: Path) -> None:
    """As far as is known, beside what it waits for."""
    body = f"{TOUCHED}setInterval(() => {{}}, 50); throw new Error('oh dear');</script>"
    with pytest.raises(PageFailure, match=r"ready\(\) was not called; it threw .*oh dear"):
        async with shown(browser, page_of(tmp_path, body), {}, ready_wall_s=1.5):
            pass


@contextmanager
def elsewhere(script: str) -> Iterator[str]:
    """The address of a script of another origin, whose server tells browsers nothing about that."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/javascript")
            self.end_headers()
            self.wfile.write(script.encode())

    with site_of(Answers) as address:
        yield f"{address}/main.js"


async def test_what_a_script_of_another_origin_rejects_is_heard(
    browser: Browser, tmp_path: Path
) -> None:
    """Pages are not told of it; one that shows nothing has died of it all the same."""
    with elsewhere("(async () => { await 0; throw new Error('lost at sea'); })();") as address:
        layout = page_of(tmp_path, f"<div id=root></div><script src={address}></script>")
        with pytest.raises(PageFailure, match=r"threw before it was ready: .*lost at sea"):
            async with shown(browser, layout, state_of(1)):
                pass


async def test_media_of_the_page_s_own_are_noted(browser: Browser, tmp_path: Path) -> None:
    """They run by the clock on the wall, and their sound is not recorded; each is told once, what
    shows the conference is not."""
    with wave.open(str(tmp_path / "chime.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 8000, "NONE", ""))
        sound.writeframes(bytes(16000))
    body = "<video id=v autoplay></video><audio autoplay src=chime.wav?1></audio><script>"
    body += "v.srcObject = mixerLayout.mediaStream('p0.camera');"
    body += "window.plays = new Audio('chime.wav?2'); plays.play(); mixerLayout.ready();</script>"
    async with shown(browser, page_of(tmp_path, body), state_of(1)) as (page, look):
        notes = [*page.suppressed, *look.notes]
        for _ in range(50):
            await page.step(9, page.clock_ms + FRAME_MS)
            look, _ = await page.look()
            notes += look.notes
            if len(notes) >= 2:
                break
        assert sorted((kind, url.rpartition("/")[2]) for kind, url in notes) == [
            ("media", "chime.wav?1"), ("media", "chime.wav?2"),
        ]  # fmt: skip
