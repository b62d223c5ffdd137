"""Two servers on one PostgreSQL: neither touches what is the other's, both do what is common."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from mixer.dashboard import operators
from mixer.errors import UsageError
from mixer.records.models import Attendance, Conference, Event, Mix, Operator, Server, Session
from mixer.service import applications, conferences, files, lost, servers
from mixer.service.context import Service, now_ms
from mixer.service.presence import FIRST_MS, GRACE_MS, Presence
from mixer.service.servers import GONE_MS, Servers
from mixer.service.sessions import Sessions, store
from mixer.storage import open_storage
from mixer.webhooks import open_outbox
from tests.instruments.postgresql import new_database

from .conftest import Credentials, bearer, in_process, notebook, open_service, rooms_of
from .test_errors import assert_error
from .test_presence import somebody

DAY_MS = 24 * 3600 * 1000


@pytest.fixture
async def two(tmp_path: Path, postgresql: str) -> AsyncIterator[tuple[Service, Service]]:
    """Two servers with data folders of their own and one storage."""
    common = {"database_url": new_database(postgresql), "storage_url": f"file://{tmp_path}/files"}
    async with AsyncExitStack() as opened:
        both = []
        for name in ("a", "b"):
            service = await opened.enter_async_context(open_service(tmp_path / name, **common))
            service.storage = open_storage(service.settings, service.secrets.urls)
            service.outbox = open_outbox(service.settings, service.database, service.storage)
            service.settings.sessions_folder.mkdir()
            both.append(service)
        yield both[0], both[1]


@pytest.fixture
async def credentials(two: tuple[Service, Service]) -> Credentials:
    key, secret = await applications.create(two[0].database, "Tests", "http://127.0.0.1:9/")
    return Credentials(key, secret)


async def made_by(service: Service, credentials: Credentials, alias: str) -> Conference:
    app = await applications.get(service.database, credentials.key)
    assert app is not None
    given: dict[str, Any] = {"owner_external_id": "", "parameters": {}, "permissions": {}}
    return (await conferences.create(service, app, alias=alias, **given)).conference


async def row_of(service: Service, id: str) -> Conference:
    async with service.database.reading() as db:
        return await db.get_one(Conference, id)


async def test_another_servers_people(
    two: tuple[Service, Service], credentials: Credentials
) -> None:
    """A server that starts ends no stay and no empty conference of the other's; when the other has
    not been seen for long, its conferences end."""
    a, b = two
    full, empty = [await made_by(a, credentials, name) for name in ("full", "empty")]
    await Presence(a).on_event(full.id, "participant.added", somebody("ada"))
    async with Servers(a).present(), Servers(b).present():
        started = Presence(b)
        started._since += 1000
        await started.sweep(started._since + GRACE_MS + FIRST_MS)
        async with b.database.reading() as db:
            (stay,) = await db.scalars(select(Attendance))
        assert stay.left_at is None
        assert (await row_of(b, full.id)).ended_at is (await row_of(b, empty.id)).ended_at is None
        rooms_of(a).present[full.id] = [{"id": "ada"}]
        await Presence(a).sweep(now_ms() + FIRST_MS)  # whose it is ends it
        assert (await row_of(b, empty.id)).end_reason == "empty"
        await Presence(b).sweep(now_ms() + GONE_MS + 1000)
    ended = await row_of(b, full.id)
    assert ended.end_reason == "gone"
    async with b.database.reading() as db:
        (stay,) = await db.scalars(select(Attendance))
    assert stay.left_at is not None and stay.reason == "timeoutEviction"


async def test_an_end_reaches_the_room(
    two: tuple[Service, Service], credentials: Credentials
) -> None:
    """A conference that is ended at the other server ends in its room, too."""
    a, b = two
    made = await made_by(a, credentials, "weekly")
    a.rooms.ids.append(made.id)
    assert await conferences.terminate(b, made.id, "ended")
    await Presence(a).sweep(now_ms())
    told = notebook(a.rooms).told
    assert ("end", (made.id, "ended")) in told
    assert ("conference_ended", (made.id,)) in notebook(a.sessions).told


async def test_what_takes_the_room_is_told_where_it_is(
    two: tuple[Service, Service], credentials: Credentials
) -> None:
    """421 with the address of the server that has it, and nothing is begun; what is in the database
    is answered by both; the same alias is the same conference."""
    a, b = two
    made = await made_by(a, credentials, "weekly")
    a.sessions, b.sessions = Sessions(a), Sessions(b)
    mix = f"/v2/conferences/mix/{made.id}"
    async with (
        Servers(a).present(),
        Servers(b).present(),
        in_process(b, bearer(b, credentials)) as api,
    ):
        for path, body in (
            (f"/v2/conferences/{made.id}/kick", {"externalIds": ["x"]}),
            (f"/v2/conferences/{made.id}/message", {"from": "x", "message": "x"}),
            (f"/v2/conferences/{made.id}/permissions", {"participants": {"x": {}}}),
            (f"/v2/conferences/{made.id}/invite", {"participants": {"x": {}}}),
            (f"{mix}/recording/start", {}),
            (f"{mix}/remix/start", {}),
        ):
            refused = await api.post(path, json=body)
            assert_error(refused, 421, 2004)
            assert a.settings.base_url in refused.json()["error_description"]
        assert_error(await api.delete(f"/v2/monitor/conferences/{made.id}/recordings"), 421, 2004)
        same = await api.post("/v2/conferences/create", json={"alias": "Weekly"})
        assert same.json()["conferenceId"] == made.id
        assert (await api.get(f"{mix}/recording")).json()["status"] == "none"
        assert (await api.delete(f"/v2/conferences/{made.id}")).status_code == 200
    async with b.database.reading() as db:
        assert not list(await db.scalars(select(Session)))


async def test_another_servers_recordings(
    two: tuple[Service, Service], credentials: Credentials
) -> None:
    """Nobody takes over or removes a recording whose folder is elsewhere; who has the folder has
    the recording, whoever made it."""
    a, b = two
    made = await made_by(a, credentials, "weekly")
    session = store.new_session(a, made, store.RECORD, {"live": True})
    async with a.database.writing() as db:
        db.add(session)
    assert not await store.take_over(b)
    closed = now_ms() - 31 * DAY_MS
    async with a.database.writing() as db:
        await db.execute(update(Session).values(closed_at=closed, state=store.FINISHED))
    assert (await files.sweep(b)).raw == 0
    folder = a.settings.sessions_folder / session.id
    assert folder.is_dir()
    folder.rename(b.settings.sessions_folder / session.id)  # its disk is in another machine now
    async with Servers(b).present():
        assert (await files.sweep(a)).raw == 0
        assert (await files.sweep(b)).raw == 1
    assert not list(b.settings.sessions_folder.iterdir())


async def test_a_lost_servers_recordings(
    two: tuple[Service, Service], credentials: Credentials
) -> None:
    """Once it is known that its data folder is lost, the others say that its recordings have
    failed, end its conferences, and can delete what was recorded; before, nobody touches them."""
    a, b = two
    b.sessions = Sessions(b)
    made, old = await made_by(a, credentials, "weekly"), await made_by(a, credentials, "old")
    await Presence(a).on_event(made.id, "participant.added", somebody("ada"))
    async with Servers(a).present(), Servers(b).present():
        for given, why in ((a.settings.base_url, "20 minutes"), ("somewhere", "no server")):
            with pytest.raises(UsageError, match=why):
                await lost.forget(b.database, given)
        await conferences.terminate(a, old.id, "ended")
        sessions = [store.new_session(a, one, store.RECORD, {}) for one in (made, old)]
        last_seen = now_ms() - GONE_MS - 1000
        async with a.database.writing() as db:
            db.add_all(sessions)
            await db.flush()
            sessions[1].closed_at = last_seen
            fields = {"mix_id": "default", "part": 1, "width": 1280, "height": 720}
            db.add(Mix(session_id=sessions[0].id, started_at=last_seen - 5000, **fields))
            mine = update(Server).where(Server.id == a.server)
            await db.execute(mine.values(seen_at=last_seen))
        await Presence(b).sweep(now_ms())
        assert (await store.view(b, sessions[0].id)).session.closed_at is None
        async with a.database.writing() as db:  # its successor
            fields = {"address": a.settings.base_url, "storage": "", "runs": True}
            db.add(Server(id="successor", seen_at=now_ms(), **fields))
        assert await lost.forget(b.database, a.settings.base_url) == [a.server]
        await Presence(b).sweep(now_ms())
    view = await store.view(b, sessions[0].id)
    assert (view.session.state, view.mixes[0].stopped_at) == (store.FAILED, last_seen)
    assert view.session.deleted_at and (await store.view(b, sessions[1].id)).session.deleted_at
    async with b.database.reading() as db:
        failed = list(await db.scalars(select(Event).where(Event.type == "Recording.Failed")))
        assert a.server not in list(await db.scalars(select(Server.id)))
    assert [event.body["mixId"] for event in failed] == ["default"]
    assert (await row_of(b, made.id)).end_reason == "gone"
    async with in_process(b, bearer(b, credentials)) as api:
        for one in (made, old):
            answer = await api.delete(f"/v2/monitor/conferences/{one.id}/recordings")
            assert answer.status_code == 200, answer.text
    async with b.database.reading() as db:
        assert {stay.name for stay in await db.scalars(select(Attendance))} == {""}


async def test_servers_that_cannot_work_together(
    two: tuple[Service, Service], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another storage, or the same address, is refused while the other runs; one that has stopped,
    or was killed a while ago, is in nobody's way; the same one comes back at once."""
    monkeypatch.setattr(servers, "PATIENCE_S", 0.0)
    a, b = two
    there, here = b.settings, b.storage
    async with Servers(a).present():
        b.settings = there.model_copy(update={"storage_url": f"file://{tmp_path}/elsewhere"})
        b.storage = open_storage(b.settings, b.secrets.urls)
        with pytest.raises(UsageError, match="storage_url"):
            async with Servers(b).present():
                pass
        b.settings, b.storage = there.model_copy(update={"port": a.settings.port}), here
        with pytest.raises(UsageError, match="public_url"):
            async with Servers(b).present():
                pass
        async with Servers(a).present():
            pass
    async with Servers(b).present():
        pass
    async with a.database.writing() as db:
        long_ago = now_ms() - servers.FRESH_MS - 1
        await db.execute(update(Server).values(runs=True, seen_at=long_ago))
    async with Servers(b).present():
        pass


async def test_events_are_numbered_in_order(
    two: tuple[Service, Service], credentials: Credentials
) -> None:
    """An event that another server adds to a conference waits for the one before to be there, so
    that none is seen, and sent, before an earlier one."""
    a, b = two
    made = await made_by(a, credentials, "weekly")
    kept = asyncio.Event()

    async def add(service: Service, type: str) -> None:
        async with service.database.writing() as db:
            await service.outbox.add(db, made.app_key, made.id, type, {})
            await db.flush()
            if service is a:
                kept.set()
                await asyncio.wait({second}, timeout=0.5)
                assert not second.done()

    async def later() -> None:
        await kept.wait()
        await add(b, "Participant.Left")

    second = asyncio.create_task(later())
    await add(a, "Participant.Joined")
    await second
    async with b.database.reading() as db:
        types = list(await db.scalars(select(Event.type).order_by(Event.id)))
    assert types == ["Conference.Created", "Participant.Joined", "Participant.Left"]


async def test_leaving_is_told_once(two: tuple[Service, Service], credentials: Credentials) -> None:
    """However many end a stay at the same time."""
    a, b = two
    made = await made_by(a, credentials, "weekly")
    await Presence(a).on_event(made.id, "participant.added", somebody("ada"))
    gone = {"id": "ada", "reason": "left"}
    await asyncio.gather(
        *(Presence(one).on_event(made.id, "participant.removed", gone) for one in (a, b) * 4),
        conferences.terminate(b, made.id, "ended"),
    )
    async with b.database.reading() as db:
        types = list(await db.scalars(select(Event.type).order_by(Event.id)))
    told = ["Conference.Created", "Participant.Joined", "Participant.Left", "Conference.Ended"]
    assert types == told


async def test_one_first_operator(two: tuple[Service, Service]) -> None:
    """The one-time link makes one operator, at whichever servers it is used at once."""
    done = await asyncio.gather(
        *(
            operators.add_first(one.database, f"{n}@example.org", "a good long password")
            for n, one in enumerate(two * 3)
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(one, Operator) for one in done) == 1
    assert sum(isinstance(one, UsageError) for one in done) == 5


def test_sqlite_is_one_servers(tmp_path: Path) -> None:
    """It has no id there, so that a copied or restored folder is what it was."""
    from mixer.service.settings import ServiceSettings

    assert servers.server_id(ServiceSettings(data=tmp_path)) is None
    kept = ServiceSettings(data=tmp_path, database_url="postgresql://x@/y")
    assert servers.server_id(kept) == servers.server_id(kept) is not None


@pytest.mark.parametrize("database", ["", "sqlite:///{}/other.db"])
async def test_two_servers_with_one_folder_or_file(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one is refused with a sentence that says what to do."""
    from mixer.service.settings import ServiceSettings

    monkeypatch.setattr(servers, "PATIENCE_S", 0.0)
    url = database.format(tmp_path) or None
    first = ServiceSettings(data=tmp_path / "a", database_url=url)
    second = ServiceSettings(data=tmp_path / ("b" if database else "a"), database_url=url)
    async with servers.alone(first):
        with pytest.raises(UsageError, match="PostgreSQL" if database else "--data"):
            async with servers.alone(second):
                pass
    async with servers.alone(second):
        pass
