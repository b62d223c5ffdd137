"""What a page got from the network in one pass it gets in every other, at the same page time."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mixer.layout.track import MatteTrackReader
from tests.layout.support import added, journal, page_of, speaking
from tests.layout.test_page_pass import RESTLESS, browsers, everything, passed, settings

pytestmark = pytest.mark.system
PAGE = """<!doctype html><body style="background:#345"><p id=n style="font:60px sans-serif"></p>
<script>
async function draw() { n.textContent = await (await fetch('/number')).text(); }
setInterval(draw, 300);
draw().then(() => mixerLayout.ready());
</script>"""
EVENTS = [added(0, 0), speaking(0.5, 0), speaking(0.9, 0, False)]


class Site:
    """Answers /number with another number every other time; anything else with the page."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked = 0


@contextmanager
def serving(first: int) -> Iterator[Site]:
    numbers = itertools.count(first)

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            number = self.path == "/number"
            site.asked += number
            body = (str(next(numbers) // 2) if number else PAGE).encode()
            self.send_response(200)
            self.send_header("content-type", "text/plain" if number else "text/html")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        site = Site(f"http://127.0.0.1:{server.server_address[1]}/")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def holding() -> Iterator[str]:
    """The address of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


async def test_a_later_pass_gets_the_answers_of_the_first(tmp_path: Path) -> None:
    """With the cache beside the journal the track is the same to the bit, the site being gone;
    without it the site's other numbers show. Answers that are alike are kept once."""
    recording = journal(tmp_path / "j", EVENTS, 1.2)
    with serving(100) as site:
        await passed(recording, tmp_path / "1", settings(site.url, cache=tmp_path / "cache"))
        asked = site.asked
        assert asked > 2
        await passed(recording, tmp_path / "other", settings(site.url, cache=tmp_path / "new"))
        assert site.asked > asked
    await passed(recording, tmp_path / "2", settings(site.url, cache=tmp_path / "cache"))
    first = everything(tmp_path / "1")
    assert len(first) > 4
    assert everything(tmp_path / "2") == first
    assert everything(tmp_path / "other") != first
    kept = [path for path in (tmp_path / "cache").iterdir() if not path.suffix]
    entries = [path for path in (tmp_path / "cache").iterdir() if path.suffix == ".json"]
    assert len({path.read_bytes() for path in kept}) == len(kept) < len(entries)


async def test_a_step_that_stalled_stalls_again_where_it_did(tmp_path: Path) -> None:
    """A request that never ends is freed once; after kill -9 of the browser behind that, the page
    runs through the same step without the wait's end being anywhere else: the same track."""
    recording = journal(tmp_path / "j", EVENTS, 1.2)
    with holding() as url:
        body = "mixerLayout.addEventListener('change', () => setTimeout(() => {"
        body += f" window.source ??= new EventSource('{url}'); }}, 100), {{once: true}});"
        layout = page_of(tmp_path, RESTLESS + f"<script>{body}</script>")
        wanted = settings(layout, stall_wall_s=1.0)
        await passed(recording, tmp_path / "whole", wanted)
        kills = iter((True,))

        def kill(event: str) -> None:
            if event == "progress" and MatteTrackReader.open(tmp_path / "killed").frames > 24:
                for browser in browsers() if next(kills, False) else ():
                    browser.kill()

        told = await passed(recording, tmp_path / "killed", wanted, kill)
    assert [fields["type"] for _, fields in told if "type" in fields].count("page.failed") == 1
    whole = everything(tmp_path / "whole")
    assert [note.type for note in whole[1]] == ["page.stalled"]
    assert 15 < whole[1][0].frame < 24
    assert everything(tmp_path / "killed") == whole
