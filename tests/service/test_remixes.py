"""A remix of the service is one file of everything recorded in the conference, really rendered."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Literal

import httpx2
import pytest

from mixer.clock import SECOND
from mixer.recorder import MixPlan, Plan, RecordFolder
from mixer.records.models import Mix
from mixer.service.context import Service
from mixer.service.sessions import Sessions, store
from mixer.service.sessions.remixes import _found, _made
from tests.instruments.make_journal import make_journal
from tests.recorder.test_remix_ends import lengths

from .test_keeper import rows
from .test_sessions import Unattended, conference, ended, sessions, start

__all__ = ["sessions"]  # a fixture

SMALL = MixPlan(width=480, height=480, fps=15, preset="ultrafast")


async def test_whatever_mixes_ran_it(
    api: httpx2.AsyncClient, service: Service, sessions: Sessions
) -> None:
    """Two mixes after each other, and one of them once more in another size: all three stretches
    are in the file, which begins when the first one did."""
    id = await conference(api)
    await start(api, id)
    await ended(service, id)
    (recorded,) = await rows(service)
    raw = RecordFolder(service.settings.sessions_folder / recorded.id)
    make_journal(raw.journal, participants=1, size=(160, 90), fps=15, seconds=3.0)
    spans = (
        (SMALL, 0.4, 1.0),
        (replace(SMALL, id="two"), 1.0, 2.0),
        (replace(SMALL, part=2, height=640), 2.6, 3.0),
    )
    mixes = tuple(
        replace(mix, start_ns=round(start_s * SECOND), stop_ns=round(stop_s * SECOND))
        for mix, start_s, stop_s in spans
    )
    raw.save(Plan("made", "made", mixes))
    wish = {"width": 480, "height": 480}
    answer = await api.post(f"/v2/conferences/mix/{id}/remix/start", json=wish)
    assert answer.json()["status"] == "IN_PROGRESS"
    remix = next(one for one in await rows(service) if one.kind == store.REMIX)
    view = await store.view(service, remix.id)
    assert await sessions.remixes._made(view, view.mixes[0]) is None
    result = service.settings.sessions_folder / remix.id / "result.json"
    [film] = _found(raw, _made(result), view.mixes[0])
    assert lengths(film.path)[0] == 30
    assert film.duration == pytest.approx(2000, abs=50)
    began = json.loads((raw.journal / "journal.json").read_text())["wall"] * 1000
    assert film.start_time == pytest.approx(began + 400, abs=1)


async def test_remixes_wait_for_each_other(
    api: httpx2.AsyncClient, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred of them take one render's share of the machine, and never its last slot."""
    monkeypatch.setenv("MIXER_SLOTS", "3")
    remixes = Unattended(service).remixes
    assert remixes._sessions.remix_environment["MIXER_SLOTS"] == "2"
    at_once, most = 0, 0
    begun, all_ask, may_end = asyncio.Event(), asyncio.Event(), asyncio.Event()

    class Turn(asyncio.Lock):
        asked = 0

        async def acquire(self) -> Literal[True]:
            self.asked += 1
            if self.asked == 3:
                all_ask.set()
            return await super().acquire()

    async def rendered(view: store.View, mix: Mix) -> tuple[str, int]:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        begun.set()
        await may_end.wait()
        at_once -= 1
        return "", 0

    monkeypatch.setattr(remixes, "_rendered", rendered)
    monkeypatch.setattr(remixes, "_turn", Turn())
    ids = [await conference(api) for _ in range(3)]
    for id in ids:
        await start(api, id)
    for recorded in await rows(service):
        await ended(service, recorded.conference_id)
        journal = service.settings.sessions_folder / recorded.id / "journal"
        journal.mkdir()
        (journal / "journal.json").write_text("{}")
    for id in ids:
        await api.post(f"/v2/conferences/mix/{id}/remix/start", json={})
    waiting = [one.id for one in await rows(service) if one.kind == store.REMIX]
    running = [asyncio.create_task(remixes._run(id)) for id in waiting]
    await asyncio.wait_for(asyncio.gather(begun.wait(), all_ask.wait()), 30)
    states = [one.state for one in await rows(service) if one.kind == store.REMIX]
    may_end.set()
    await asyncio.gather(*running)
    assert (most, sorted(states)) == (1, [store.QUEUED, store.QUEUED, store.RUNNING])
    done = [one.state for one in await rows(service) if one.kind == store.REMIX]
    assert done == [store.FINISHED] * 3
