"""A recorder that ends by itself, gives up or hangs: who is told, and what goes on."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from sqlalchemy import delete

from mixer.clock import SECOND
from mixer.errors import MixerError
from mixer.recorder.plan import MixPlan, Plan, RecordFolder
from mixer.records.models import Conference, Mix, Session
from mixer.service.context import Service, now_ms
from mixer.service.sessions import keeper as keeper_module
from mixer.service.sessions import store
from mixer.service.sessions.going_on import LONG_MS, MAX_AGAIN
from mixer.service.sessions.keeper import MAX_FAILURES, MAX_SILENT, Keeper

from .conftest import notebook, rooms_of
from .test_keeper import Bench, Ending, failures, rows
from .test_sessions import conference, mixes, sessions, start

__all__ = ["sessions"]  # a fixture

ENDED = (MixPlan("one", start_ns=0, stop_ns=SECOND), MixPlan("two", start_ns=0, stop_ns=SECOND))


async def recorded(api: httpx2.AsyncClient, service: Service, plan: Plan) -> tuple[str, Keeper]:
    """A conference with the mixes `one` and `two`, the second of which was stopped; whoever looks
    after its session, where the recorder has left this plan and is gone."""
    id = await conference(api)
    await start(api, id, mixId="one")
    await start(api, id, mixId="two")
    (session,) = await rows(service)
    row = (await store.view(service, session.id)).conference
    await service.sessions.stop(row, "two")
    RecordFolder(service.settings.sessions_folder / session.id).save(plan)
    return id, Keeper(service, Bench(), session.id)


def told(service: Service, type: str) -> list[dict[str, Any]]:
    """The bodies of events of that type."""
    events = [args for name, args in notebook(service.outbox).told if name == "add"]
    return [args[4] for args in events if args[3] == type]


def somebody_is_in(service: Service, id: str) -> None:
    rooms_of(service).present[id] = [{"type": "mixer"}, {"type": "user"}]


@pytest.mark.parametrize("why", ["unreachable", "conference-ended", "stopped", "ingest-ended"])
async def test_a_recorder_that_ends_by_itself(
    api: httpx2.AsyncClient, service: Service, why: str
) -> None:
    """As soon as somebody is there, who misses it: told once, to applications and participants;
    what ran goes on in another session, as its first part, what was stopped does not. The old row
    ends where the file does."""
    plan = Plan(url="", mixes=ENDED, ended=why, merged=True)
    id, keeper = await recorded(api, service, plan)
    assert await keeper._step() is False
    assert (failures(service), len(await rows(service))) == (0, 1)
    somebody_is_in(service, id)
    assert await keeper._step() is None
    old, new = sorted(await rows(service), key=lambda one: one.closed_at is None)
    (failed,) = told(service, "Recording.Failed")
    assert failed["mixId"] == "one" and "goes on in another" in failed["reason"]
    assert "tell_recording_failed" in rooms_of(service).names()
    assert (old.state, old.error, new.state) == (store.FAILED, failed["reason"], store.QUEUED)
    found = [(m.session_id, m.mix_id, m.part, m.stopped_at, m.error) for m in await mixes(service)]
    assert found[0] == (old.id, "one", 1, 1000, failed["reason"])
    assert found[2:] == [(new.id, "one", 1, None, None)]
    assert await Keeper(service, Bench(), old.id)._step() is None
    assert (failures(service), len(await rows(service))) == (1, 2)
    row = (await store.view(service, new.id)).conference
    await service.sessions.stop(row)
    assert all(mix.stopped_at for mix in await mixes(service))


@pytest.mark.parametrize("why", ["conference-ended", "disk-full"])
async def test_a_recorder_that_ends_for_good(
    api: httpx2.AsyncClient, service: Service, why: str
) -> None:
    """With the conference, which the database may learn after the recorder, nothing is lost; on a
    full disk nothing more is begun."""
    plan = Plan(url="", mixes=ENDED, ended=why, merged=True)
    id, keeper = await recorded(api, service, plan)
    if why == "disk-full":
        somebody_is_in(service, id)
    else:
        assert await keeper._step() is False
        async with service.database.writing() as db:
            (await db.get_one(Conference, id)).ended_at = now_ms()
        somebody_is_in(service, id)
    assert await keeper._step() is None
    assert (failures(service), len(await rows(service))) == (int(why == "disk-full"), 1)


async def test_a_recording_that_fails_again_and_again(
    api: httpx2.AsyncClient, service: Service
) -> None:
    """Is not begun for ever, and that is told; one that has lasted is no failure."""
    for created_at, number in ((now_ms(), 1), (now_ms() - LONG_MS, 2)):
        plan = Plan(url="", mixes=ENDED, ended="ingest-ended", merged=True)
        id, keeper = await recorded(api, service, plan)
        session = next(one for one in await rows(service) if one.conference_id == id)
        wanted = {**session.wanted, "again": MAX_AGAIN}
        await store.change(service, session.id, wanted=wanted, created_at=created_at)
        somebody_is_in(service, id)
        assert await keeper._step() is None
        found = [one for one in await rows(service) if one.conference_id == id]
        assert len(found) == number
        async with service.database.writing() as db:  # `recorded` wants to be alone
            await db.execute(delete(Mix))
            await db.execute(delete(Session))
    reasons = [one["reason"] for one in told(service, "Recording.Failed")]
    assert ["start it again" in reason for reason in reasons] == [True, False]


async def test_what_was_paused_stays_paused(api: httpx2.AsyncClient, service: Service) -> None:
    """In another session too, of which not a moment is recorded until somebody resumes."""
    plan = Plan(url="", mixes=ENDED, ended="unreachable", merged=True, paused=True)
    id, keeper = await recorded(api, service, plan)
    row = (await store.view(service, (await rows(service))[0].id)).conference
    await service.sessions.pause(row)
    somebody_is_in(service, id)
    assert await keeper._step() is None
    new = next(one for one in await rows(service) if one.closed_at is None)
    bench = Bench()
    assert await Keeper(service, bench, new.id)._step() is False
    await service.sessions.resume(row)
    assert await Keeper(service, bench, new.id)._step() is True
    assert [len(order["mixes"]) for order in bench.orders] == [1]


async def test_a_beginning_that_nobody_saw(api: httpx2.AsyncClient, service: Service) -> None:
    """The server died before it had seen that a mix had begun, and the recording has ended since:
    it is told and noted all the same."""
    id, keeper = await recorded(api, service, Plan(url="", mixes=ENDED, ended="x", merged=True))
    async with service.database.writing() as db:
        (await db.get_one(Conference, id)).ended_at = now_ms()
    assert await keeper._step() is None
    assert [one["mixId"] for one in told(service, "Recording.Live.InProgress")] == ["one", "two"]
    assert all(mix.began_at is not None for mix in await mixes(service))


@pytest.mark.parametrize("plan", [None, Plan(url="", mixes=(MixPlan("one", start_ns=0),))])
async def test_a_recorder_that_never_comes_up(
    api: httpx2.AsyncClient, service: Service, plan: Plan | None
) -> None:
    """Is given up, which is told also where it has said nothing itself."""
    id = await conference(api)
    await start(api, id, mixId="one")
    (session,) = await rows(service)
    if plan is not None:
        RecordFolder(service.settings.sessions_folder / session.id).save(plan)
    keeper = Keeper(service, Bench(), session.id)
    keeper._failures = MAX_FAILURES
    assert await keeper._step() is None
    (failed,) = told(service, "Recording.Failed")
    assert failed["mixId"] == "one" and "the recorder" in failed["reason"]


class Silent(Ending):
    """A recorder that hangs."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.killed: list[bool] = []

    async def ask(self, command: str, **fields: Any) -> dict[str, Any]:
        self.asked.append(command)
        raise MixerError("it does not answer")

    async def kill(self, *, gently: bool = True) -> None:
        self.killed.append(gently)


async def test_a_silent_recorder_is_killed(
    api: httpx2.AsyncClient, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it is to be told nothing: it is asked how it is. It is not asked to stop, which
    would end the recording. One that writes no plan is killed, too."""
    id = await conference(api)
    await start(api, id, mixId="one")
    (session,) = await rows(service)
    silent = Silent()
    keeper = Keeper(service, Bench(silent), session.id)
    monkeypatch.setattr(keeper_module, "NO_PLAN_S", 0.0)
    for _ in range(2):
        await keeper._step()
    assert (silent.asked, silent.killed) == ([], [False])
    plan = Plan(url="", mixes=(MixPlan("one", start_ns=0),))
    RecordFolder(service.settings.sessions_folder / session.id).save(plan)
    for _ in range(MAX_SILENT):
        await keeper._step()
    assert (silent.asked, silent.killed) == (["status"] * MAX_SILENT, [False, False])
