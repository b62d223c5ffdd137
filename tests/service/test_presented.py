"""What is presented in a conference is there again after its server was killed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from mixer.conference.session import RoomSession, join
from mixer.journal import Journal
from mixer.room.live import LiveConference
from mixer.service import presented
from mixer.service.presented import Presented
from tests.room.serving import until
from tests.room.test_presentations import BLUE, RED, Presenter, pdf
from tests.service.recorded import Site

ALL = frozenset({"JOIN", "SHARE_FILE", "SHARE_VIDEO"})


@asynccontextmanager
async def serving(site: Site) -> AsyncIterator[int]:
    """`mixer serve`; leaving it is a kill -9."""
    with ExitStack() as stack:
        pid = await asyncio.to_thread(stack.enter_context, site.serving())
        yield pid
        os.kill(pid, signal.SIGKILL)


async def follow(session: RoomSession) -> None:
    async for _ in session.events():
        pass


def page_shown(session: RoomSession) -> int | None:
    """The page that somebody is shown of a file; None where no file is."""
    shown = session.state.get("presentation")
    return shown["page"] if shown is not None and shown["kind"] == "file" else None


@pytest.mark.system
@pytest.mark.timeout(400)
async def test_a_killed_server(tmp_path: Path) -> None:
    """A file at its page comes back with its presenter, for everybody, for those who come later and
    for the recorder; its pages are there, its presenter turns them and stops; then nothing is."""
    site = await asyncio.to_thread(Site, tmp_path, spare_recorders="0")
    async with asyncio.TaskGroup() as tasks, httpx2.AsyncClient(timeout=60) as client:
        async with serving(site):
            id = await asyncio.to_thread(site.conference)
            room = f"{site.url}/rooms/{id}"
            ada, bob = await join(room, "Ada"), await join(room, "Bob")
            running = [tasks.create_task(follow(one)) for one in (ada, bob)]
            presenter = Presenter(ada, client)
            shown = (await presenter.upload(pdf(RED, BLUE))).json()
            assert (
                await presenter.ask("PATCH", f"/{shown['id']}", json={"page": 1})
            ).status_code == 200
            await asyncio.to_thread(site.record, id, "start", width=390, height=390)
            await until(lambda: page_shown(bob) == 1, "the page")
            await asyncio.to_thread(site.until_recorded, id, 1)
            kept = site.data / "presented" / id / "shown.json"
            await until(lambda: '"page": 1' in kept.read_text().replace(":1", ": 1"), "it kept")
        async with serving(site):
            as_it_was = {**shown, "page": 1}

            async def is_shown() -> bool:
                state = (await client.get(f"{room}/state")).json()
                return bool(state.get("presentation") == as_it_was)

            await until(is_shown, "it to come back")
            await until(lambda: bob.state.get("presentation") == as_it_was, "it to be shown")
            for page in shown["pages"]:
                assert (await client.get(f"{room}/{page['url']}")).status_code == 200
            assert (
                await presenter.ask("PATCH", f"/{shown['id']}", json={"page": 0})
            ).status_code == 200
            await until(lambda: page_shown(bob) == 0, "the other page")
            folder = Path(tmp_path / "data" / "sessions" / await _session(site, id))
            journal = Journal.open(folder / "journal")

            def journalled() -> list[Any]:
                journal.refresh()
                return [e.data for e in journal.events() if e.type.startswith("presentation.")]

            await until(lambda: journalled()[-1].get("page") == 0, "it in the journal")
            started = [one["presentation"] for one in journalled() if "presentation" in one]
            assert {(one["id"], one["page"]) for one in started} == {(shown["id"], 1)}
            assert (await presenter.ask("DELETE", f"/{shown['id']}")).status_code == 200
            await until(lambda: "presentation" not in bob.state, "it to be gone")
            await until(lambda: not kept.exists(), "it forgotten")
            await asyncio.to_thread(site.end, id)
            await until(lambda: not kept.parent.exists(), "its pages removed")
            await asyncio.wait_for(asyncio.gather(*running), 60)


async def _session(site: Site, id: str) -> str:
    return str((await asyncio.to_thread(site.state, id))["sessionId"])


def conference(presents: Presented) -> LiveConference:
    live = LiveConference("c", id="c", grace_s=5, max_participants=9, wall_ms=lambda: 0)
    presents.opened(live)
    return live


def come(presents: Presented, live: LiveConference, id: str, **more: Any) -> None:
    profile = {"name": id, "externalId": "", "avatarUrl": ""}
    live.join(id, id, more.get("type", "user"), profile, permissions=more.get("permissions", ALL))
    presents.came(live, id)


VIDEO: dict[str, Any] = {
    "kind": "video",
    "id": "0" * 32,
    "ownerId": "ada",
    "name": "film",
    "url": "https://example.org/film.mp4",
    "playing": True,
    "positionMs": 1000,
    "updatedAt": 0,
}


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """Ada presents a video, then the server is killed."""
    presents = Presented(tmp_path)
    live = conference(presents)
    come(presents, live, "ada")
    live.present(VIDEO)  # type: ignore[arg-type]
    await presents.changed(live)
    return tmp_path


async def test_who_may_still_presents(folder: Path) -> None:
    """Not somebody else, not without the permission; a second kill in between changes nothing."""
    for id, permissions in (("bob", ALL), ("ada", ALL - {"SHARE_VIDEO"})):
        live = conference(presents := Presented(folder))
        come(presents, live, id, permissions=permissions)
        assert live.presentation is None
    presents = Presented(folder)
    live = conference(presents)
    come(presents, live, "bob")
    come(presents, live, "ada")
    assert live.presentation == VIDEO


async def test_who_comes_too_late(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Presents no more, nor after the next restart."""
    monkeypatch.setattr(presented, "RETURN_S", -1.0)
    presents = Presented(folder)
    come(presents, conference(presents), "bob")
    monkeypatch.undo()
    live = conference(presents := Presented(folder))
    come(presents, live, "ada")
    assert live.presentation is None


async def test_somebody_else_was_quicker(folder: Path) -> None:
    """What is presented meanwhile stays, and is what the next restart brings back."""
    presents = Presented(folder)
    live = conference(presents)
    come(presents, live, "bob")
    live.present({**VIDEO, "ownerId": "bob"})  # type: ignore[arg-type]
    await presents.changed(live)
    come(presents, live, "ada")
    assert live.presentation is not None and live.presentation["ownerId"] == "bob"
    again = conference(presents := Presented(folder))
    come(presents, again, "bob")
    assert again.presentation is not None


def test_ended_meanwhile(tmp_path: Path) -> None:
    """Of a conference that has ended nothing is left."""
    for id in ("a", "b"):
        (tmp_path / id / "pages").mkdir(parents=True)
    Presented(tmp_path).sweep({"a"})
    assert [one.name for one in tmp_path.iterdir()] == ["a"]
    Presented(tmp_path).ended("a")
    assert list(tmp_path.iterdir()) == []
