"""What was presented in a recording is presented again by its replay: in a real room, in step."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.async_api import Page, async_playwright, expect

from mixer.clock import MILLISECOND
from mixer.conference.presentation import JOURNALLED, OBJECTS
from mixer.conference.session import RoomSession, join
from mixer.edit import Span
from mixer.journal import Event, Journal, JournalWriter
from mixer.journal.model import PAUSED, RESUMED, Note
from mixer.journal.played import stretches
from mixer.journal.presented import object_files
from mixer.replay.player import Command
from mixer.replay.presented import Presents
from mixer.replay.replay import Replay
from mixer.replay.script import read_script
from mixer.replay.settings import ReplaySettings
from tests.instruments.film import made_object, make_film
from tests.instruments.ingested import IngestProcess, until
from tests.replay.test_replay import watching
from tests.room.serving import serving
from tests.room.test_join_page import ARGUMENTS, CHROMIUM
from tests.room.test_presentations import image

SECOND = 1_000_000_000
ADA = {"id": "a", "name": "Ada", "type": "user", "streams": []}
BOB = {"id": "b", "name": "Bob", "type": "user", "streams": []}


def recording(directory: Path, *, pause: Span | None = None, seconds: int = 60) -> Path:
    """Ada presents two pages from 1 s on and turns at 3 s; Bob a film from 5 s on, which stands at
    its fourth second from 9 s to 11 s, and is sought to its first then."""
    pages = [made_object(directory, image("PNG", (40 * one, 40)), ".png") for one in (1, 2)]
    film = made_object(directory, make_film(directory / "film.mp4", 12).read_bytes(), ".mp4")
    file = {"kind": "file", "id": "f", "ownerId": "a", "name": "plan.pdf", "page": 0}
    file["pages"] = [
        {"url": JOURNALLED + name, "width": 40 * one, "height": 40}
        for one, name in enumerate(pages, 1)
    ]
    video = {"kind": "video", "id": "v", "ownerId": "b", "name": "A film", "streamId": "b.v",
             "url": "https://gone.example.org/f.mp4"}  # fmt: skip

    def at(t_s: float, playing: bool, second: float) -> dict[str, Any]:
        return {"playing": playing, "positionMs": round(second * 1000), "sinceNs": round(t_s * 1e9)}

    with JournalWriter.create(directory, conference="c") as writer:

        def tell(t_s: float, type_: str, **data: Any) -> None:
            writer.event(Event(round(t_s * 1e9), type_, data))

        tell(0, "participant.added", participant=ADA)
        tell(0, "participant.added", participant=BOB)
        tell(1, "presentation.started", presentation=file)
        tell(3, "presentation.updated", id="f", page=1)
        tell(4, "presentation.stopped", id="f")
        tell(5, "presentation.started", presentation={**video, **at(5, True, 0)})
        tell(5, "presentation.updated", id="v", object=JOURNALLED + film, durationMs=12_000)
        tell(9, "presentation.updated", id="v", **at(9, False, 4))
        tell(11, "presentation.updated", id="v", **at(11, True, 1))
        if pause is not None:
            writer.note(Note(pause.start_ns, PAUSED, {}))
            writer.note(Note(pause.stop_ns or 0, RESUMED, {}))
        writer.watermark(seconds * SECOND)
        writer.close(final=True)
    return directory


def test_who_presents_what_when(tmp_path: Path) -> None:
    """By the replay's positions: pages, and where the video is, also behind a pause."""
    pause = Span(12 * SECOND, 15 * SECOND)
    journal = Journal.open(recording(tmp_path / "journal", pause=pause))
    script = read_script(journal)
    journal.close()

    def of(who: str, position_s: float) -> Presents | None:
        return script.casts[script.cast_at(round(position_s * 1e9))][1][who].presents

    files = [of("a", t) for t in (0.5, 1.5, 3.5, 4.5)]
    assert [one and (one.id, one.page) for one in files] == [None, ("f", 0), ("f", 1), None]
    for position_s, at_ms in ((5, 0), (8, 3000), (9.5, 4000), (11.5, 1500), (12.5, 5500)):
        one = of("b", position_s)
        assert one is not None and one.is_video
        assert one.video_ms(round(position_s * 1e9)) == at_ms
    assert len(script.files("a")) == 2 and len(script.files("b")) == 1


def shown(session: RoomSession) -> dict[str, Any]:
    return dict(session.state.get("presentation") or {})


@pytest.mark.system
async def test_presented_again(tmp_path: Path) -> None:
    """A room is shown the very pages, turned when they were, and the film from the journal's file:
    it stands while the replay is paused, follows a seek, and ends with the replay."""
    journal = recording(tmp_path / "journal")
    async with serving(tmp_path / "log") as server, watching(server.room("again")) as eve:
        replay = Replay(ReplaySettings(journal, server.room("again")))
        running = asyncio.create_task(replay.run())
        await until(lambda: shown(eve).get("page") == 0)
        file = shown(eve)
        assert (file["kind"], file["name"], len(file["pages"])) == ("file", "plan.pdf", 2)
        for page in file["pages"]:
            name = page["url"].rpartition("/")[2]
            assert await eve.fetch(page["url"]) == (journal / OBJECTS / name).read_bytes()
        await until(lambda: shown(eve).get("page") == 1)
        await until(lambda: shown(eve).get("kind") == "video" and shown(eve)["playing"])
        owner = next(p for p in eve.state["participants"] if p["id"] == shown(eve)["ownerId"])
        assert (owner["name"], owner["type"]) == ("Bob", "robot")
        film = tmp_path / "film.mp4"
        await eve.fetch_video(shown(eve)["url"], film, 1 << 30)
        assert film.read_bytes() == (journal / "film.mp4").read_bytes()

        replay.tell(Command("pause"))
        await until(lambda: not shown(eve)["playing"])
        stands = round(replay.status.position_s * 1000) - 5000
        assert abs(shown(eve)["positionMs"] - stands) <= 1
        replay.tell(Command("seek", 9.5))
        await until(lambda: shown(eve)["positionMs"] == 4000)
        replay.tell(Command("seek", 20.0))
        await until(lambda: shown(eve)["positionMs"] == 10_000)
        replay.tell(Command("resume"))
        await until(lambda: shown(eve)["playing"])
        replay.stop()
        assert await running == "stopped"
        await until(lambda: not shown(eve))


@pytest.mark.system
async def test_a_browser_plays_it(tmp_path: Path) -> None:
    """The join page loads the film from the room's server, and is where the replay is."""
    journal = recording(tmp_path / "journal")
    async with serving(tmp_path / "log") as server, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page: Page = await browser.new_page()
        await page.goto(f"{server.room('watch')}?name=Eve&autojoin=1&video=0&audio=0")
        replay = Replay(ReplaySettings(journal, server.room("watch"), offset_s=14))
        running = asyncio.create_task(replay.run())
        await expect(page.locator("video.film")).to_be_visible(timeout=60_000)
        replay.tell(Command("pause"))
        await until(lambda: replay.status.state == "paused")
        at_s = replay.status.position_s - 10
        await page.wait_for_function(
            "(at) => { const film = document.querySelector('video.film');"
            " return film && film.paused && Math.abs(film.currentTime - at) < 0.1; }",
            arg=at_s,
            timeout=60_000,
        )
        replay.stop()
        await running
        await browser.close()


@pytest.mark.system
async def test_recorded_again(tmp_path: Path) -> None:
    """A recording of the replay has the same files, and the film in step with the first one."""
    old = recording(tmp_path / "old")
    async with serving(tmp_path / "log") as server:
        url = server.room("again")
        ingest = await IngestProcess.start(url, tmp_path / "new")
        await until(lambda: ingest.status.get("users") is not None)
        async with watching(url) as eve:
            replay = Replay(ReplaySettings(old, url))
            running = asyncio.create_task(replay.run())
            await until(lambda: (tmp_path / "new" / OBJECTS).is_dir())
            await until(lambda: shown(eve).get("kind") == "video" and not shown(eve)["playing"], 60)
            assert 3900 < shown(eve)["positionMs"] < 4100
            await until(lambda: len(list((tmp_path / "new" / OBJECTS).iterdir())) == 3, 60)
            await until(lambda: shown(eve).get("playing"), 60)
            replay.stop()
            await running
        assert await ingest.stop() == 0
    first, second = Journal.open(old), Journal.open(tmp_path / "new")
    assert object_files(first) == object_files(second)
    standing = [one for one in stretches(second) if not one.playing]
    assert standing and abs(standing[-1].position_ns - 4 * SECOND) < 100 * MILLISECOND
    first.close()
    second.close()


@pytest.mark.system
async def test_only_robots_and_only_what_is_true(tmp_path: Path) -> None:
    """Files are what they are called, of the kinds that are presented, and nobody else's way of
    presenting; a robot does not take the place of a person who presents."""
    png = image("PNG", (40, 40))
    name = made_object(tmp_path, png, ".png")
    async with serving(tmp_path / "log") as server, httpx2.AsyncClient(trust_env=False) as client:
        url = server.room("robots")

        async def ask(who: RoomSession, method: str, path: str, **body: Any) -> int:
            headers = {"authorization": f"Bearer {who.token}"}
            answer = await client.request(method, f"{url}/{path}", headers=headers, **body)
            return answer.status_code

        async with await join(url, "Ada") as ada, await join(url, "R2", "robot") as robot:
            pages = [{"file": name, "width": 40, "height": 40}]
            file = {"name": "x", "pages": pages, "page": 0}
            assert await ask(robot, "POST", "replayed", json=file) == 409  # not brought
            assert await ask(ada, "PUT", f"replayed/{name}", content=png) == 403
            assert await ask(robot, "PUT", f"replayed/{name}", content=png + b"x") == 400
            assert await ask(robot, "PUT", f"replayed/{name[:-4]}.jpg", content=png) == 400
            assert await ask(robot, "PUT", "replayed/page.html", content=png) == 400
            assert await ask(robot, "PUT", f"replayed/{name}", content=png) == 201
            assert await ask(robot, "PUT", f"replayed/{name}", content=png) == 200
            for wrong in ({**file, "page": 1}, {**file, "pages": []}, {**file, "pages": [{}]}):
                assert await ask(robot, "POST", "replayed", json=wrong) == 400
            assert await ask(robot, "POST", "replayed", json={"file": name}) == 409
            assert await ask(ada, "POST", "replayed", json=file) == 403
            assert await ask(robot, "POST", "replayed", json=file) == 201
            assert (await client.get(f"{url}/presentations/{'0' * 32}/{name}")).status_code == 404
            video = {"url": "https://example.org/f.mp4"}
            assert await ask(ada, "POST", "presentations", json=video) == 409
            [shown_] = [(await client.get(f"{url}/state")).json()["presentation"]]
            assert (await client.get(f"{url}/{shown_['pages'][0]['url']}")).content == png
            assert await ask(robot, "DELETE", f"presentations/{shown_['id']}") == 200
            assert await ask(ada, "POST", "presentations", json=video) == 201
            assert await ask(robot, "POST", "replayed", json=file) == 409
