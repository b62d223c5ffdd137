"""What recordings and remixes accept and refuse: real rows, nobody looks after them."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from sqlalchemy import select, update

from mixer.engine.admission import Machine
from mixer.records.models import Conference, Mix, Session
from mixer.service.context import Service, now_ms
from mixer.service.sessions import Sessions, store

GIB = 1 << 30
ROOMY = Machine(cores=4, load=0.5, free_memory=8 * GIB, free_disk=100 * GIB)


class Unattended(Sessions):
    """On a machine that has room."""

    def machine(self) -> Machine:
        return ROOMY


@pytest.fixture(autouse=True)
async def sessions(service: Service) -> AsyncIterator[Sessions]:
    service.sessions = Unattended(service)
    yield service.sessions


async def conference(api: httpx2.AsyncClient, **parameters: Any) -> str:
    body = {"parameters": {"liveRecording": True, **parameters}}
    made = await api.post("/v2/conferences/create", json=body)
    return str(made.json()["conferenceId"])


async def start(api: httpx2.AsyncClient, id: str, **body: Any) -> tuple[int, str]:
    """Status, and reason of the error."""
    answer = await api.post(f"/v2/conferences/mix/{id}/recording/start", json=body)
    return answer.status_code, answer.json().get("error_reason", "")


async def mixes(service: Service) -> list[Mix]:
    async with service.database.reading() as db:
        return list(await db.scalars(select(Mix).order_by(Mix.id)))


async def ended(service: Service, id: str) -> None:
    async with service.database.writing() as db:
        await db.execute(update(Conference).where(Conference.id == id).values(ended_at=now_ms()))
        await db.execute(update(Session).values(state=store.FINISHED, closed_at=now_ms()))


async def test_mixes_run_beside_each_other(api: httpx2.AsyncClient, service: Service) -> None:
    """One of each mixId at a time; a repeated request is harmless, another of that id is not; what
    was stopped can be started again, as the next part. Sizes are made even."""
    id = await conference(api)
    assert await start(api, id, width=641, height=391) == (200, "")
    assert await start(api, id, mixId="tall", width=390, height=844) == (200, "")
    assert await start(api, id, width=641, height=391) == (200, "")
    assert await start(api, id) == (409, "ALREADY_RECORDING")
    stopped = await api.post(f"/v2/conferences/mix/{id}/recording/stop", json={"mixId": "tall"})
    assert (stopped.status_code, stopped.json()) == (200, {})
    assert await start(api, id, mixId="tall") == (200, "")
    found = [
        (m.mix_id, m.part, m.width, m.height, m.stopped_at is None) for m in await mixes(service)
    ]
    assert found == [
        ("default", 1, 640, 390, True),
        ("tall", 1, 390, 844, False),
        ("tall", 2, 1920, 1080, True),
    ]
    await api.post(f"/v2/conferences/mix/{id}/recording/stop", json={})
    assert all(mix.stopped_at for mix in await mixes(service))


async def test_without_live_recording_there_is_one(
    api: httpx2.AsyncClient, service: Service
) -> None:
    """The layout is disregarded, a second recording refused while the first goes on."""
    id = await conference(api, liveRecording=False)
    assert await start(api, id, layoutUrl="ftp://nonsense") == (200, "")
    assert await start(api, id, mixId="other") == (409, "ONE_RECORDING_AT_A_TIME")
    await api.post(f"/v2/conferences/mix/{id}/recording/stop")
    assert await start(api, id, mixId="other") == (200, "")
    first, second = await mixes(service)
    assert first.layout_url is None
    assert (first.part, second.part) == (1, 2)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"width": 389}, "INVALID_REQUEST"),
        ({"height": 1921}, "INVALID_REQUEST"),
        ({"mixId": "a/../b"}, "INVALID_MIX_ID"),
        ({"layoutUrl": "/etc/passwd"}, "INVALID_LAYOUT"),
        ({"layoutUrl": "file:///etc/passwd"}, "INVALID_LAYOUT"),
        ({"layoutUrl": "../layouts/default"}, "INVALID_LAYOUT"),
        ({"layoutUrl": "nosuch"}, "INVALID_LAYOUT"),
        ({"layoutUrl": "http://127.0.0.1:9/x"}, "INVALID_LAYOUT"),
        ({"layoutUrl": "http://[::1]/x"}, "INVALID_LAYOUT"),
        ({"layoutUrl": "http://169.254.169.254/latest"}, "INVALID_LAYOUT"),
        ({"layoutUrl": "https://"}, "INVALID_LAYOUT"),
        ({"layoutUrl": "https://x/" + "y" * 2000}, "INVALID_LAYOUT"),
        ({"layoutUrl": "http://[x"}, "INVALID_LAYOUT"),
        ({"layoutUrl": "https://\u2100/"}, "INVALID_LAYOUT"),
        ({"layoutUrl": "https://x.example.org:999999/"}, "INVALID_LAYOUT"),
        ({"layoutUrl": "https://x.example.org:y/"}, "INVALID_LAYOUT"),
        ({"layoutUrl": "n" * 1900}, "INVALID_LAYOUT"),
        ({"layoutName": "n" * 300}, "INVALID_REQUEST"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    api: httpx2.AsyncClient, service: Service, body: dict[str, Any], reason: str
) -> None:
    """With 400, and nothing is begun."""
    id = await conference(api)
    assert await start(api, id, **body) == (400, reason)
    assert not await mixes(service)


async def test_layouts_are_the_platforms(api: httpx2.AsyncClient, service: Service) -> None:
    """null is the application's, "default" the default one, an address a page; names are kept."""
    id = await conference(api)
    asked = [None, "default", "https://example.org/l?a=1"]
    for number, url in enumerate(asked):
        body = {"mixId": str(number), "layoutUrl": url, "layoutName": f"n{number}"}
        assert await start(api, id, **body) == (200, "")
    found = await mixes(service)
    assert [mix.layout_url for mix in found] == asked
    assert [mix.layout_name for mix in found] == ["n0", "n1", "n2"]


async def test_others_and_ended_conferences_are_not_there(
    api: httpx2.AsyncClient, stranger: httpx2.AsyncClient, service: Service
) -> None:
    """404 for another application's, and for one that has ended; stopping that is harmless."""
    id = await conference(api)
    assert (await start(stranger, id))[0] == 404
    assert (await start(api, "no-such-id"))[0] == 404
    await ended(service, id)
    assert await start(api, id) == (404, "CONFERENCE_ENDED")
    assert (await api.post(f"/v2/conferences/mix/{id}/recording/stop", json={})).status_code == 200


async def test_pausing_takes_something_to_pause(api: httpx2.AsyncClient) -> None:
    """409 when nothing is recorded; may be repeated; the state says so."""
    id = await conference(api)
    pause, path = f"/v2/conferences/mix/{id}/recording/pause", f"/v2/conferences/mix/{id}/recording"
    assert (await api.get(path)).json()["status"] == "none"
    assert (await api.post(pause)).json()["error_reason"] == "NOT_RECORDING"
    await start(api, id)
    assert [(await api.post(pause)).status_code for _ in range(2)] == [200, 200]
    assert (await api.get(path)).json()["status"] == "paused"
    assert (await api.post(pause.replace("pause", "resume"))).status_code == 200
    state = (await api.get(path)).json()
    assert (state["status"], state["mixes"][0]["mixId"]) == ("recording", "default")


async def test_a_mix_that_never_was_cannot_be_stopped(
    api: httpx2.AsyncClient, service: Service
) -> None:
    """404 for a mixId that was never started; a stop that is sent once more is harmless, also when
    the recording is closed by then, and with another one that runs."""
    id = await conference(api)
    path = f"/v2/conferences/mix/{id}/recording/stop"
    await start(api, id, mixId="was")
    answer = await api.post(path, json={"mixId": "x"})
    assert (answer.status_code, answer.json()["error_reason"]) == (404, "MIX_NOT_FOUND")
    stops = [(await api.post(path, json={"mixId": "was"})).status_code]
    async with service.database.writing() as db:
        await db.execute(update(Session).values(state=store.FINISHED, closed_at=now_ms()))
    stops.append((await api.post(path, json={"mixId": "was"})).status_code)
    assert (await api.post(path, json={"mixId": "x"})).status_code == 404
    await start(api, id, mixId="now")
    stops.append((await api.post(path, json={"mixId": "was"})).status_code)
    assert stops == [200, 200, 200]
    assert [mix.stopped_at is None for mix in await mixes(service)] == [False, True]


async def test_a_machine_that_is_full_says_so(
    api: httpx2.AsyncClient, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 with a reason, and nothing half-recorded; a running recording takes further mixes."""
    first, second = await conference(api), await conference(api)
    assert await start(api, first) == (200, "")
    small = Machine(cores=4, load=0.5, free_memory=100 << 20, free_disk=100 * GIB)
    monkeypatch.setattr(Unattended, "machine", lambda self: small)
    answer = await api.post(f"/v2/conferences/mix/{second}/recording/start", json={})
    assert (answer.status_code, answer.json()["error_reason"]) == (503, "NO_CAPACITY")
    assert "of memory" in answer.json()["error_description"]
    assert answer.headers["retry-after"]
    assert await start(api, first, mixId="more") == (200, "")
    assert len(await mixes(service)) == 2


async def test_starts_at_once_are_one_session(api: httpx2.AsyncClient, service: Service) -> None:
    """Requests that race make one recorder's session, each mix once."""
    id = await conference(api)
    answers = await asyncio.gather(*(start(api, id, mixId=f"m{n % 4}") for n in range(8)))
    assert answers == [(200, "")] * 8
    async with service.database.reading() as db:
        assert len(list(await db.scalars(select(Session)))) == 1
    assert sorted(mix.mix_id for mix in await mixes(service)) == ["m0", "m1", "m2", "m3"]


async def test_remixes_take_an_ended_conference(api: httpx2.AsyncClient, service: Service) -> None:
    """One at a time, after its end, of what was recorded; the status is always an object."""
    id = await conference(api)
    path = f"/v2/conferences/mix/{id}/remix"
    unknown = {"status": "UNKNOWN", "region": "us", "alias": id}
    assert (await api.get(f"{path}/status")).json() == unknown
    going_on = await api.post(f"{path}/start", json={})
    assert (going_on.status_code, going_on.json()["error_reason"]) == (409, "CONFERENCE_GOES_ON")
    await start(api, id)
    await ended(service, id)
    nothing = await api.post(f"{path}/start", json={})
    assert (nothing.status_code, nothing.json()["error_reason"]) == (404, "NOTHING_RECORDED")
    async with service.database.reading() as db:
        session = (await db.scalars(select(Session))).one()
    journal = service.settings.sessions_folder / session.id / "journal"
    journal.mkdir()
    (journal / "journal.json").write_text("{}")
    for _ in range(2):  # the same once more is harmless
        begun = await api.post(f"{path}/start", json={"width": 640, "height": 640})
        assert begun.json() == {**unknown, "status": "IN_PROGRESS"}
    other = await api.post(f"{path}/start", json={"mixId": "other"})
    assert (other.status_code, other.json()["error_reason"]) == (409, "REMIX_IN_PROGRESS")
    shutil.rmtree(journal)
    assert (await api.get(f"{path}/status")).json()["status"] == "IN_PROGRESS"


async def test_another_owner_takes_over(api: httpx2.AsyncClient, service: Service) -> None:
    """Whoever holds the folder takes the open sessions over, with a higher fence each time."""
    await start(api, await conference(api))
    service.instance = "the next one"
    taken = await store.take_over(service)
    assert [(one.owner, one.fence) for one in taken] == [("the next one", 2)]
    assert not await store.take_over(service)
    assert [one.id for one in await store.mine(service)] == [taken[0].id]


async def test_what_is_started_anew_is_not_paused(
    api: httpx2.AsyncClient, service: Service
) -> None:
    """Paused, stopped, started: it is recorded. A further mix of what is paused is paused too."""
    id = await conference(api)
    path = f"/v2/conferences/mix/{id}/recording"
    await start(api, id)
    await api.post(f"{path}/pause")
    assert await start(api, id, mixId="further") == (200, "")
    assert (await api.get(path)).json()["status"] == "paused"
    await api.post(f"{path}/stop", json={})
    assert await start(api, id) == (200, "")
    state = (await api.get(path)).json()
    assert (state["status"], state["paused"]) == ("recording", False)
