"""What the layout tests share: states, journals of events, pages opened in a real browser."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.async_api import Browser

from mixer.conference import state as conference
from mixer.journal import Event, JournalWriter
from mixer.layout.look import Look
from mixer.layout.opening import opened
from mixer.layout.page import Page, PageSettings
from mixer.layout.serving import find_site
from mixer.proxy import Reach

PAGES = Path(__file__).parent / "pages"
LOOPBACK = Reach.of(["127.0.0.0/8"])  # servers of the tests'
WALL = 1_700_000_000.0


def participant(number: int, *, width: int = 1280, height: int = 720) -> dict[str, Any]:
    """Participant p{number} with a camera that has sent a picture."""
    video = {"muted": False, "width": width, "height": height, "available": True}
    stream = {"id": f"p{number}.camera", "type": "Camera", "audio": None, "video": video}
    return dict(conference.participant(f"p{number}", f"Name {number}")) | {"streams": [stream]}


def state_of(count: int, **size: int) -> dict[str, Any]:
    state = conference.empty("c")
    for number in range(count):
        added = {"participant": participant(number, **size)}
        state = conference.apply(state, "participant.added", added)
    return dict(state)


def speaking(t_s: float, number: int, on: bool = True) -> Event:
    return Event(round(t_s * 1e9), "participant.speaking", {"id": f"p{number}", "speaking": on})


def added(t_s: float, number: int, **size: int) -> Event:
    told = {"participant": participant(number, **size)}
    return Event(round(t_s * 1e9), "participant.added", told)


def journal(directory: Path, events: Iterable[Event], seconds: float) -> Path:
    """A finished journal of events only."""
    with JournalWriter.create(directory, conference="c") as writer:
        for event in events:
            writer.event(event)
        writer.watermark(round(seconds * 1e9))
        writer.close(final=True)
    return directory


@asynccontextmanager
async def shown(
    browser: Browser,
    layout: str,
    state: Mapping[str, Any],
    size: tuple[int, int] = (960, 540),
    **more: Any,
) -> AsyncIterator[tuple[Page, Look]]:
    """A page stepped through its first three frames, at rest."""
    site = find_site(layout, {"width": size[0], "height": size[1]})
    settings = PageSettings(*size, 30, WALL, parameters=site.parameters, **more)
    async with opened(browser, site, settings, state, LOOPBACK) as (page, look):
        start_ms = page.clock_ms
        for frame in range(3):
            await page.step(frame, start_ms + (frame + 1) * 1000 / 30)
            look, _ = await page.look()
        yield page, look


def page_of(folder: Path, body: str) -> str:
    """Writes a page of its own for a test; its layout argument."""
    path = folder / "page.html"
    path.write_text(f"<!doctype html><body>{body}</body>")
    return str(path)


@contextmanager
def site_of(answers: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address of a server of one's own, http://127.0.0.1:PORT, that answers so."""

    class Silent(answers):  # type: ignore[misc, valid-type]
        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Silent) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
