"""Whose recording it is, and what becomes of mixes that are started while one ends by itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from mixer.recorder.plan import MixPlan, Plan, RecordFolder, mix_from
from mixer.records.models import Conference, Mix, Session
from mixer.service.context import Service
from mixer.service.errors import ApiError
from mixer.service.sessions import Sessions, publishing, store
from mixer.service.sessions.keeper import Keeper
from mixer.service.sessions.replays import MAX_REPLAYS

from .conftest import Notebook, notebook
from .test_sessions import conference, ended, mixes, sessions, start

__all__ = ["sessions"]  # a fixture


class Ending:
    """A recorder that makes its files and hears nothing."""

    folder = Path()

    def is_alive(self) -> bool:
        return True

    async def ask(self, command: str, **fields: Any) -> dict[str, Any]:
        return {}

    async def kill(self, *, gently: bool = True) -> None:
        pass


class Bench:
    """A launcher that starts nothing and writes down what it was to start."""

    def __init__(self, found: Ending | None = None) -> None:
        self.orders: list[Mapping[str, Any]] = []
        self._found = found

    async def start(self, order: Mapping[str, Any]) -> Ending:
        self.orders.append(order)
        return Ending()

    def adopt(self, folder: Path) -> Ending | None:
        return self._found

    async def run(self) -> None:
        pass

    async def close(self) -> None:
        pass


async def rows(service: Service) -> list[Session]:
    async with service.database.reading() as db:
        return list(await db.scalars(select(Session).order_by(Session.created_at, Session.id)))


def failures(service: Service) -> int:
    told = notebook(service.outbox).told
    return sum(args[3] == "Recording.Failed" for name, args in told if name == "add")


async def by_mix(service: Service) -> dict[str, Mix]:
    return {mix.mix_id: mix for mix in await mixes(service)}


async def test_another_servers_session_is_left_alone(
    api: httpx2.AsyncClient, service: Service
) -> None:
    """Two servers, one database: who does not own a session neither starts nor closes it."""
    id = await conference(api)
    await start(api, id)
    (session,) = await rows(service)
    service.instance = "another server"
    bench = Bench()
    await Keeper(service, bench, session.id).run()
    async with service.database.writing() as db:
        row = await db.get_one(Conference, id)
        row.ended_at = row.created_at
    await Keeper(service, bench, session.id).run()
    (session,) = await rows(service)
    assert (bench.orders, session.closed_at, failures(service)) == ([], None, 0)


async def test_started_while_the_session_closes(api: httpx2.AsyncClient, service: Service) -> None:
    """What is started between a keeper's last look and the closing is recorded all the same."""
    id = await conference(api)
    await start(api, id, mixId="first")
    (session,) = await rows(service)
    await service.sessions.stop((await store.view(service, session.id)).conference)
    seen = await store.view(service, session.id)
    await start(api, id, mixId="late")
    await Keeper(service, Bench(), session.id)._close(seen, None)
    old, new = sorted(await rows(service), key=lambda one: one.closed_at is None)
    found = await by_mix(service)
    assert (found["first"].session_id, found["late"].session_id) == (old.id, new.id)
    assert found["late"].stopped_at is None
    assert (new.kind, new.owner, new.closed_at) == (store.RECORD, service.instance, None)
    assert failures(service) == 1  # the first one's


async def test_started_while_the_recorder_finishes(
    api: httpx2.AsyncClient, service: Service
) -> None:
    """A recorder that has ended by itself (a full disk) takes no mixes: another one does."""
    id = await conference(api)
    await start(api, id, mixId="first")
    (session,) = await rows(service)
    folder = RecordFolder(service.settings.sessions_folder / session.id)
    folder.save(Plan(url="", mixes=(MixPlan("first", start_ns=0, stop_ns=1),), ended="disk-full"))
    assert await start(api, id, mixId="late") == (200, "")
    keeper = Keeper(service, Bench(Ending()), session.id)
    assert await keeper._step() is not None
    old, new = sorted(await rows(service), key=lambda one: one.id != session.id)
    found = await by_mix(service)
    assert (found["first"].session_id, found["late"].session_id) == (old.id, new.id)
    assert (found["late"].part, new.state) == (1, store.QUEUED)
    bench = Bench()
    await Keeper(service, bench, new.id)._step()
    assert [mix["id"] for order in bench.orders for mix in order["mixes"]] == ["late"]


async def test_a_layouts_name_is_told_again(api: httpx2.AsyncClient, service: Service) -> None:
    """To the recorder, for reports, and in the event of a failure (contract 3.1)."""
    id = await conference(api)
    await start(api, id, layoutUrl="grid", layoutName="mine")
    (session,) = await rows(service)
    bench = Bench()
    await Keeper(service, bench, session.id)._step()
    (mix,) = [mix_from(mix) for order in bench.orders for mix in order["mixes"]]
    assert (mix.layout, mix.layout_name) == ("grid", "mine")
    await service.sessions.stop((await store.view(service, session.id)).conference)
    await Keeper(service, bench, session.id)._close(await store.view(service, session.id), None)
    told = notebook(service.outbox).told
    (body,) = [args[4] for _, args in told if args[3:4] == ("Recording.Failed",)]
    told_of = {name: body.get(name) for name in ("mixId", "layoutUrl", "layoutName")}
    assert told_of == {"mixId": "default", "layoutUrl": "grid", "layoutName": "mine"}
    refused = {"layoutUrl": "nosuch", "layoutName": "mine"}
    answer = await api.post(f"/v2/conferences/mix/{id}/recording/start", json=refused)
    assert "'mine'" in answer.json()["error_description"]


async def test_a_made_remix_is_not_made_again(
    api: httpx2.AsyncClient, service: Service, sessions: Sessions
) -> None:
    """While the storage is away the files of a remix wait: hours of rendering are not repeated."""
    id = await conference(api)
    await start(api, id)
    await ended(service, id)
    (recorded,) = await rows(service)
    journal = service.settings.sessions_folder / recorded.id / "journal"
    journal.mkdir()
    (journal / "journal.json").write_text("{}")
    await api.post(f"/v2/conferences/mix/{id}/remix/start", json={})
    remix = next(one for one in await rows(service) if one.kind == store.REMIX)
    view = await store.view(service, remix.id)
    folder = service.settings.sessions_folder / remix.id
    renders = Notebook(answers={"rendered": ("", 0)})
    sessions.remixes._rendered = renders.rendered  # type: ignore[method-assign]
    (folder / "result.json").write_text(json.dumps({f"{folder}/remix.mp4": ""}))
    (folder / "remix.mp4").write_bytes(b"film")
    assert await sessions.remixes._made(view, view.mixes[0]) is None
    assert renders.told == []


@pytest.mark.parametrize("video", [True, False])
async def test_progress_names_the_mix_of_a_video(
    api: httpx2.AsyncClient, service: Service, *, video: bool
) -> None:
    """Sound alone has no layout, and no size."""
    id = await conference(api)
    await start(api, id, mixId="stage")
    (session,) = await rows(service)
    seen = await store.view(service, session.id)
    (mix,) = seen.mixes
    for _ in range(2):  # told once
        await publishing.tell_progress(service, seen.conference, mix, 1000, video=video)
    told = [args[4] for name, args in notebook(service.outbox).told if name == "add"]
    general = {"createdAt": "1970-01-01T00:00:01.000Z", "startedAt": "1970-01-01T00:00:01.000Z"}
    of_mix = {"mixId": "stage", "width": 1920, "height": 1080}
    assert told[1:] == [general | (of_mix if video else {})]


@pytest.mark.parametrize("reason", ["stopped", "disk-full"])
@pytest.mark.parametrize("stopped_at", [None, 1], ids=["of a mix", "of the session"])
async def test_a_failure_is_told_once(
    api: httpx2.AsyncClient,
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    stopped_at: int | None,
    reason: str,
) -> None:
    """Also when the server is killed after it was told, before the session was closed; a full disk
    is one failure, not one for each that notices."""
    id = await conference(api)
    await start(api, id, mixId="first")
    (session,) = await rows(service)
    folder = RecordFolder(service.settings.sessions_folder / session.id)
    plan = Plan(url="", mixes=(MixPlan("first", start_ns=0, stop_ns=1),), ended=reason)
    (folder.directory / "error.json").write_text('{"message": "the disk is full"}')
    view = await store.view(service, session.id)
    view.mixes[0].stopped_at = stopped_at
    with monkeypatch.context() as killed:
        killed.setattr(Keeper, "_closed", Notebook().close)
        await Keeper(service, Bench(), session.id)._close(view, plan)
    assert failures(service) == 1
    await Keeper(service, Bench(), session.id)._close(view, plan)
    assert failures(service) == 1
    (session,) = await rows(service)
    assert (session.state, session.error) == (store.FAILED, "the disk is full")


async def test_replays_are_bounded(
    api: httpx2.AsyncClient, service: Service, sessions: Sessions
) -> None:
    """Each conference has a few at once; one that has ended makes room."""
    id = await conference(api)
    await start(api, id)
    (recorded,) = await rows(service)
    seen = await store.view(service, recorded.id)
    journal = service.settings.sessions_folder / recorded.id / "journal"
    journal.mkdir()
    (journal / "journal.json").write_text("{}")
    begun = [sessions.replay(seen.conference, 0) for _ in range(MAX_REPLAYS + 1)]
    answers = await asyncio.gather(*begun, return_exceptions=True)
    (refused,) = [one for one in answers if isinstance(one, BaseException)]
    assert isinstance(refused, ApiError) and refused.status == 409
    assert "join one" in refused.description
    one = next(row for row in await rows(service) if row.kind == store.REPLAY)
    await store.change(service, one.id, closed_at=1)
    await sessions.replay(seen.conference, 0)
