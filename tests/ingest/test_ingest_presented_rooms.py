"""Files that are presented in a room, as a real ingest journals them: over pauses and restarts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from mixer.conference.presentation import JOURNALLED, OBJECTS
from mixer.conference.session import RoomSession, join
from mixer.errors import JournalMissing
from mixer.journal import Journal
from mixer.journal.presented import object_files
from tests.instruments.ingested import IngestProcess, until
from tests.room.serving import serving
from tests.room.test_presentations import BLUE, RED, Presenter, pdf

pytestmark = pytest.mark.system


@asynccontextmanager
async def presenter(url: str) -> AsyncIterator[Presenter]:
    async def stay(session: RoomSession) -> None:
        async for _ in session.events():
            pass

    async with await join(url, "Ada") as session, httpx2.AsyncClient(trust_env=False) as client:
        staying = asyncio.create_task(stay(session))
        yield Presenter(session, client)
        staying.cancel()
        await asyncio.gather(staying, return_exceptions=True)


def told(directory: Path) -> list[tuple[int, str, dict[str, Any]]]:
    """Events of presentations, what is not final yet, too."""
    try:
        journal = Journal.open(directory)
    except JournalMissing:
        return []
    events = [event for run in journal.runs for event in run.events]
    journal.close()
    return [(e.t_ns, e.type, e.data) for e in events if e.type.startswith("presentation.")]


def pages(directory: Path) -> set[str]:
    return {path.name for path in (directory / OBJECTS).glob("*.*g")}


async def test_what_was_shown_in_a_pause_alone_leaves_no_trace(tmp_path: Path) -> None:
    """What is shown when the recording goes on begins at that moment, with its pages; a restarted
    ingest goes on with it."""
    journal = tmp_path / "journal"
    async with serving(tmp_path / "log") as server, presenter(server.room("show")) as ada:
        ingest = await IngestProcess.start(server.room("show"), journal, "--paused")
        await until(lambda: ingest.named("paused"))
        secret = (await ada.upload(pdf(RED))).json()
        await ada.ask("DELETE", f"/{secret['id']}")
        shown = (await ada.upload(pdf(BLUE, RED))).json()
        ingest.send("resume")
        await until(lambda: ingest.named("resumed"))
        await until(lambda: len(pages(journal)) == 2)
        await until(lambda: told(journal))
        [(t_ns, type_, data)] = told(journal)
        assert (t_ns, type_) == (ingest.named("resumed")[0]["t_ns"], "presentation.started")
        assert data["presentation"]["id"] == shown["id"]
        assert all(page["url"].startswith(JOURNALLED) for page in data["presentation"]["pages"])

        await ingest.kill()
        again = await IngestProcess.start(server.room("show"), journal)
        await until(lambda: again.status.get("users") is not None)
        await ada.ask("PATCH", f"/{shown['id']}", json={"page": 1})
        await until(lambda: len(told(journal)) == 2)
        assert told(journal)[1][1:] == ("presentation.updated", {"id": shown["id"], "page": 1})
        await ada.ask("DELETE", f"/{shown['id']}")
        await until(lambda: len(told(journal)) == 3)
        assert await again.stop() == 0
    assert pages(journal) == object_files(Journal.open(journal))
