"""What is presented is in the journal's folder before the journal tells of it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mixer.conference.presentation import JOURNALLED, OBJECTS, journalled
from mixer.errors import ConferenceUnreachable
from mixer.ingest.presented import Presented
from mixer.ingest.presented_video import MISSING, PresentedVideo
from mixer.journal.model import Note
from tests.instruments.film import unfetched
from tests.room.serving import until

ID = "f" * 32
PAGES = [f"page {number}".encode() for number in range(3)]
NAMES = [f"{hashlib.sha256(page).hexdigest()}.png" for page in PAGES]
PRESENTATION: dict[str, Any] = {
    "kind": "file",
    "id": ID,
    "ownerId": "a",
    "name": "plan.pdf",
    "pages": [{"url": f"presentations/{ID}/{name}", "width": 4, "height": 3} for name in NAMES],
    "page": 0,
}
SHOWN = journalled(PRESENTATION)
assert SHOWN is not None


class Told:
    """What came of events: told ones with the pages that were there then, and notes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / OBJECTS
        self.events: list[tuple[int, str, dict[str, Any]]] = []
        self.there: list[set[str]] = []
        self.notes: list[Note] = []
        self.paused = False
        self.away: set[str] = set()  # pages that the server does not give

    async def fetch(self, address: str) -> bytes:
        name = address.removeprefix(f"presentations/{ID}/")
        if name in self.away:
            raise ConferenceUnreachable("away")
        await asyncio.sleep(0)
        return PAGES[NAMES.index(name)]

    def tell(self, t_ns: int, type_: str, data: dict[str, Any]) -> None:
        self.events.append((t_ns, type_, data))
        self.there.append(self.files())

    def files(self) -> set[str]:
        return {path.name for path in self.folder.glob("*.png")}

    async def until(self, condition: Callable[[], bool]) -> None:
        await until(condition, "what is expected")


def made(told: Told) -> Presented:
    video = PresentedVideo(told.folder, told.tell, told.notes.append, lambda: 0, unfetched)
    return Presented(
        told.folder, told.fetch, told.tell, told.notes.append, lambda: told.paused, video
    )


@asynccontextmanager
async def presenting(tmp_path: Path) -> AsyncIterator[tuple[Told, Presented]]:
    told = Told(tmp_path)
    presented = made(told)
    running = asyncio.create_task(presented.run())
    yield told, presented
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def test_addresses() -> None:
    assert SHOWN is not None
    assert [page["url"] for page in SHOWN["pages"]] == [JOURNALLED + name for name in NAMES]
    assert journalled(SHOWN) == SHOWN
    strange = {**PRESENTATION, "pages": [{"url": "http://elsewhere/presentations/x.png"}]}
    assert journalled(strange) is None


async def test_shown_pages_first(tmp_path: Path) -> None:
    """An event waits for the page that it shows; the others follow without being asked for."""
    async with presenting(tmp_path) as (told, presented):
        presented.event(5, "presentation.started", {"presentation": SHOWN})
        presented.event(7, "presentation.updated", {"id": ID, "page": 2})
        await told.until(lambda: len(told.events) == 2)
        assert told.events[0] == (5, "presentation.started", {"presentation": SHOWN})
        assert told.events[1] == (7, "presentation.updated", {"id": ID, "page": 2})
        assert NAMES[0] in told.there[0] and NAMES[2] in told.there[1]
        await told.until(lambda: told.files() == set(NAMES))
        presented.event(9, "presentation.stopped", {"id": ID})
        await told.until(lambda: len(told.events) == 3)


async def test_a_page_that_is_not_shown_lets_no_event_wait(tmp_path: Path) -> None:
    """The server does not give one of the others: who turns to a third is seen to do so at once."""
    async with presenting(tmp_path) as (told, presented):
        asked = asyncio.Event()
        fetch = told.fetch

        async def slow(address: str) -> bytes:
            if NAMES[1] in address:
                asked.set()
                await asyncio.Event().wait()
            return await fetch(address)

        presented._fetch = slow
        presented.event(5, "presentation.started", {"presentation": SHOWN})
        await asyncio.wait_for(asked.wait(), 60)
        presented.event(7, "presentation.updated", {"id": ID, "page": 2})
        await told.until(lambda: len(told.events) == 2)
        presented._fetch = fetch
        presented.event(9, "presentation.updated", {"id": ID, "page": 0})
        await told.until(lambda: told.files() == set(NAMES))


async def test_nothing_is_fetched_while_paused(tmp_path: Path) -> None:
    async with presenting(tmp_path) as (told, presented):
        told.paused = True
        presented.event(5, "presentation.started", {"presentation": SHOWN})
        await told.until(lambda: len(told.events) == 1)
        assert told.files() == set()
        told.paused = False
        presented.wake()
        await told.until(lambda: told.files() == set(NAMES))


async def test_what_cannot_be_had_is_not_shown(tmp_path: Path) -> None:
    """It is noted; the presentation begins with the first page that is there."""
    async with presenting(tmp_path) as (told, presented):
        told.away = {NAMES[0]}
        presented.event(5, "presentation.started", {"presentation": SHOWN})
        presented.event(7, "presentation.updated", {"id": ID, "page": 1})
        await told.until(lambda: len(told.events) == 1)
        assert [(note.type, note.data["page"]) for note in told.notes] == [(MISSING, 0)]
        t_ns, type_, data = told.events[0]
        assert (t_ns, type_, data["presentation"]["page"]) == (7, "presentation.started", 1)


async def test_what_is_not_what_it_is_called_is_refused(tmp_path: Path) -> None:
    async with presenting(tmp_path) as (told, presented):
        told.fetch = lambda address: _wrong()  # type: ignore[method-assign]
        presented._fetch = told.fetch
        presented.event(5, "presentation.started", {"presentation": SHOWN})
        await told.until(lambda: bool(told.notes))
        assert told.files() == set() and told.events == []


async def _wrong() -> bytes:
    return b"something else"


async def test_the_end_waits_for_nobody(tmp_path: Path) -> None:
    """At the end what can be shown is told, the rest is noted."""
    told = Told(tmp_path)
    presented = made(told)
    presented.event(5, "presentation.started", {"presentation": SHOWN})
    presented.event(6, "presentation.stopped", {"id": ID})
    presented.finish()
    assert told.events == []
    assert [note.type for note in told.notes] == [MISSING]
