"""A recording of which no mix runs, in a conference that goes on: it can be deleted, or go on."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import httpx2

from mixer.recorder.plan import MixPlan, Plan, RecordFolder
from mixer.service.context import Service
from mixer.service.sessions import store
from mixer.service.sessions.keeper import Keeper

from .test_errors import assert_error
from .test_keeper import Bench, Ending, failures, rows
from .test_sessions import conference, sessions, start

__all__ = ["sessions"]  # a fixture


class Obeying(Ending):
    """A recorder that ends when it is told to, with all its files."""

    def __init__(self, folder: RecordFolder) -> None:
        self._folder = folder
        self.asked: list[str] = []

    async def ask(self, command: str, **fields: Any) -> dict[str, Any]:
        self.asked.append(command)
        if command == "stop":
            plan = replace(self._folder.load(), ended="stopped", merged=True)
            self._folder.save(plan)
        return {}


async def test_an_idle_recording_closes_to_be_deleted(
    api: httpx2.AsyncClient, service: Service
) -> None:
    """The conference goes on, and nothing of it is recorded now: DELETE has the recorder make the
    files of the whole recording, and removes them; while a mix runs it is refused. What is started
    afterwards is another recording."""
    id = await conference(api)
    await start(api, id, mixId="one")
    path = f"/v2/monitor/conferences/{id}/recordings"
    assert_error(await api.delete(path), 409, 4005)
    (session,) = await rows(service)
    await service.sessions.stop((await store.view(service, session.id)).conference)
    folder = RecordFolder(service.settings.sessions_folder / session.id)
    folder.save(Plan(url="", mixes=(MixPlan("one", start_ns=0, stop_ns=1),)))
    recorder = Obeying(folder)
    keeper = Keeper(service, Bench(recorder), session.id)
    await keeper._step()
    assert "stop" not in recorder.asked
    deleting = asyncio.create_task(api.delete(path))
    await asyncio.wait_for(keeper.run(), 60)
    assert (await deleting).status_code == 200
    assert not folder.directory.exists() and failures(service) == 0
    assert await start(api, id, mixId="one") == (200, "")
    assert len(await rows(service)) == 2


async def test_a_start_keeps_a_recording_open(api: httpx2.AsyncClient, service: Service) -> None:
    """That was to be closed, and deleted, a moment ago."""
    id = await conference(api)
    await start(api, id, mixId="one")
    (session,) = await rows(service)
    await service.sessions.stop((await store.view(service, session.id)).conference)
    assert await service.sessions.close_idle(id)
    assert (await store.view(service, session.id)).closes
    await start(api, id, mixId="one")
    assert not await service.sessions.close_idle(id)
    path = f"/v2/monitor/conferences/{id}/recordings"
    assert_error(await api.delete(path), 409, 4005)
    await service.sessions.stop((await store.view(service, session.id)).conference)
    assert not (await store.view(service, session.id)).closes
