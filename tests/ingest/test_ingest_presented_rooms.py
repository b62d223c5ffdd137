"""Files that are presented in a room, as a real ingest journals them: over pauses and restarts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from mixer.conference.presentation import JOURNALLED, OBJECTS
from mixer.conference.session import RoomSession, join
from mixer.errors import JournalMissing
from mixer.ingest.presented_video import MISSING
from mixer.journal import Journal
from mixer.journal.played import Stretch, stretches
from mixer.journal.presented import object_files
from tests.instruments.film import make_film, served
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
        assert type_ == "presentation.started"
        assert t_ns >= ingest.named("resumed")[0]["t_ns"]  # later where ingest heard of it later
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


async def test_a_video_over_a_pause_and_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Begun in a pause, it is loaded when the recording goes on, and is where it is by then; a
    restarted ingest has it in step; what cannot be loaded is noted, and the recording goes on."""
    monkeypatch.setenv("MIXER_LAYOUT_ALLOW", "127.0.0.1")
    journal = tmp_path / "journal"
    make_film(tmp_path / "film.mp4", 3)
    async with serving(tmp_path / "log") as server, presenter(server.room("show")) as ada:
        with served(tmp_path) as films:
            answer = await ada.ask("POST", "", json={"url": f"{films}/film.mp4"})
            shown = answer.json()
            ingest = await IngestProcess.start(server.room("show"), journal, "--paused")
            await until(lambda: ingest.status.get("users") is not None)
            ingest.send("resume")
            await until(lambda: ingest.named("resumed"))
            await until(lambda: "object" in presented(journal))
        t_ns, type_, data = told(journal)[0]
        assert type_ == "presentation.started"
        assert t_ns >= ingest.named("resumed")[0]["t_ns"]  # later where ingest heard of it later
        assert "updatedAt" not in data["presentation"]
        assert [path.name for path in (journal / OBJECTS).iterdir()] == [
            presented(journal)["object"].removeprefix(JOURNALLED)
        ]
        [stretch] = await became(journal, bool)

        await ingest.kill()
        again = await IngestProcess.start(server.room("show"), journal)
        await until(lambda: again.status.get("users") is not None)
        await ada.ask("PATCH", f"/{shown['id']}", json={"playing": False})
        *before, standing = await became(journal, lambda found: not found[-1].playing)
        stood_ns = (await ada.state())["presentation"]["positionMs"] * 1_000_000
        assert abs(standing.position_ns - stood_ns) < 1_000_000
        for one in before:  # wherever it played, it was in step with the room
            assert abs(one.at(standing.from_ns) - stood_ns) < 300_000_000
        assert stretch.file == standing.file

        gone = await ada.ask("POST", "", json={"url": "http://127.0.0.1:9/none.mp4"})
        await until(lambda: missing(journal))
        assert missing(journal) == [gone.json()["id"]]
        assert await again.stop() == 0
    assert Journal.open(journal).finished


async def test_a_video_that_never_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal becomes final behind its beginning all the same; a stop does not wait for it."""
    monkeypatch.setenv("MIXER_LAYOUT_ALLOW", "127.0.0.1")
    journal = tmp_path / "journal"
    async with (
        serving(tmp_path / "log") as server,
        presenter(server.room("slow")) as ada,
        silent_server() as url,
    ):
        ingest = await IngestProcess.start(server.room("slow"), journal)
        await until(lambda: ingest.status.get("users") is not None)
        await ada.ask("POST", "", json={"url": f"{url}/never.mp4"})
        await until(lambda: told(journal))
        began_ns = told(journal)[0][0]
        await until(lambda: watermark(journal) > began_ns)
        assert await ingest.stop() == 0
    assert Journal.open(journal).finished


def watermark(directory: Path) -> int:
    journal = Journal.open(directory)
    journal.close()
    return journal.watermark_ns


@asynccontextmanager
async def silent_server() -> AsyncIterator[str]:
    """Takes connections and never answers."""
    ended = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await ended.wait()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    ended.set()
    server.close()


def presented(directory: Path) -> dict[str, Any]:
    """What is presented after all events so far; a file may be there when it is first told of."""
    fields: dict[str, Any] = {}
    for _, _, data in told(directory):
        fields |= data.get("presentation", data)
    return fields


async def became(directory: Path, wanted: Callable[[list[Stretch]], bool]) -> list[Stretch]:
    """The journal's stretches of videos, as soon as they are what is wanted."""
    found: list[Stretch] = []

    def there() -> bool:
        journal = Journal.open(directory)
        found[:] = stretches(journal)
        journal.close()
        return wanted(found)

    await until(there)
    return found


def missing(directory: Path) -> list[str]:
    journal = Journal.open(directory)
    journal.close()
    return [n.data["presentation"] for n in journal.notes if n.type == MISSING]
