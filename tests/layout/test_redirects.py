"""Pages and parts of pages that lie elsewhere than where they are asked for."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.layout.support import added, journal, shown, site_of, state_of
from tests.layout.test_page_pass import everything, passed, settings

pytestmark = pytest.mark.system
MOVED = {
    "/layout": "/layout/",
    "/style": "/styles/page.css",
    "/module": "/again",
    "/again": "/modules/module.js",
    "/lost": "/nowhere.js",
}
FILES = {
    "/layout/": (
        "text/html",
        "<!doctype html><link rel=stylesheet href=/style><p id=n>0</p><script src=app.js></script>"
        "<script type=module src=/module></script><script src=/lost></script>",
    ),
    "/layout/app.js": ("text/javascript", "mixerLayout.parameters; n.textContent = 'app';"),
    "/styles/page.css": ("text/css", "@import 'more.css'; p { font-size: 50px }"),
    "/styles/more.css": ("text/css", "body { background: #357 }"),
    "/modules/module.js": ("text/javascript", "import './part.js';"),
    "/modules/part.js": (
        "text/javascript",
        "window.part = import.meta.url; n.textContent += ' module'; mixerLayout.ready();",
    ),
}


@contextmanager
def moving() -> Iterator[str]:
    """The address of a layout that has moved, and whose parts have."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, text = FILES.get(self.path, ("text/plain", ""))
            moved = MOVED.get(self.path)
            self.send_response(301 if moved else 200 if text else 404)
            if moved:
                self.send_header("location", moved)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

    with site_of(Answers) as address:
        yield f"{address}/layout"


@pytest.mark.asyncio(loop_scope="module")
async def test_what_is_relative_is_found_from_where_a_page_has_moved(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Document, style sheet and module are those of the last address; without a journal what they
    are made of is kept for as long as the page is shown."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with moving() as url:
        async with shown(browser, url, state_of(1)) as (page, look):
            assert len(list(tmp_path.glob("mixer-fetched-*/*.json"))) == len(MOVED) + len(FILES) + 1
            told = await page.call(
                "[location.pathname, n.textContent, new URL(part).pathname,"
                " getComputedStyle(document.body).backgroundColor]"
            )
    assert told == ["/layout/", "app module", "/modules/part.js", "rgb(51, 85, 119)"]
    assert [kind for kind, _ in [*page.suppressed, *look.notes]] == ["missing"]
    assert not list(tmp_path.glob("mixer-fetched-*"))


async def test_a_later_pass_is_redirected_as_the_first_was(tmp_path: Path) -> None:
    """The site being gone, the track is the same to the bit."""
    recording = journal(tmp_path / "j", [added(0, 0)], 0.5)
    with moving() as url:
        await passed(recording, tmp_path / "1", settings(url, cache=tmp_path / "cache"))
    told = await passed(recording, tmp_path / "2", settings(url, cache=tmp_path / "cache"))
    first = everything(tmp_path / "1")
    assert everything(tmp_path / "2") == first
    assert [fields["kind"] for _, fields in told if "kind" in fields] == ["missing"]
