"""What is too old, or wanted gone, is removed; nothing else is."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import sys
from pathlib import Path

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from mixer.errors import StorageError
from mixer.records.models import Attendance, Conference, Event, Recording, Session
from mixer.report.make import _Writer
from mixer.service import files
from mixer.service.applications import ApplicationSettings
from mixer.service.context import Service, now_ms
from mixer.service.files.retention import DAY_MS, keep_until, overdue
from mixer.service.sessions import Sessions
from mixer.storage import Location
from tests.system.processes import until

from .conftest import Credentials
from .published import Archive
from .published import archive as archive
from .published import service as service
from .test_errors import assert_error

SETTINGS = ApplicationSettings(
    retention_mix_days=10, retention_participant_days=3, retention_raw_days=5
)
moments = st.one_of(st.none(), st.integers(0, 20 * DAY_MS))


@given(st.lists(st.tuples(moments, moments)), st.lists(st.tuples(moments, moments)), moments)
def test_only_what_is_overdue(
    kept: list[tuple[int | None, int | None]],
    closed: list[tuple[int | None, int | None]],
    now: int | None,
) -> None:
    """Files whose day has come; raw recordings of sessions that are over for long enough."""
    now = now or 0
    recordings = [Recording(keep_until=until, deleted_at=gone) for until, gone in kept]
    sessions = [Session(app_key="a", closed_at=at, deleted_at=gone) for at, gone in closed]
    found = overdue(recordings, sessions, {"a": SETTINGS}, now)
    for one in recordings:
        due = one.deleted_at is None and one.keep_until is not None and one.keep_until <= now
        assert (one in found.recordings) == due
    for session in sessions:
        closed_at = session.closed_at
        due = session.deleted_at is None and closed_at is not None and closed_at + 5 * DAY_MS <= now
        assert (session in found.sessions) == due


def test_days_of_kinds() -> None:
    """By the application's settings."""
    assert keep_until("mix", 0, SETTINGS) == 10 * DAY_MS
    assert keep_until("participant", 0, SETTINGS) == 3 * DAY_MS


async def test_the_sweep(service: Service, archive: Archive) -> None:
    """Raw recordings go after 30 days, mixes after 180; it says how much it removed."""
    row = await archive.recorded()
    folder = service.settings.sessions_folder / row.session_id
    assert (await files.sweep(service)).files == 0
    later = await files.sweep(service, now_ms() + 31 * DAY_MS)
    assert (later.files, later.raw) == (0, 1) and not folder.exists()
    assert await service.storage.size(row.object_key) == row.size
    last = await files.sweep(service, now_ms() + 181 * DAY_MS)
    assert (last.files, last.raw, last.bytes) == (1, 0, row.size)
    assert await service.storage.size(row.object_key) is None


async def known(service: Service) -> set[str]:
    """Ids of the conferences in which somebody has a name."""
    async with service.database.reading() as db:
        rows = list(await db.scalars(select(Attendance).where(Attendance.name != "")))
    assert all(row.ip_address and row.external_id for row in rows)
    return {row.conference_id for row in rows}


async def named(service: Service) -> set[str]:
    """Ids of the conferences that still say whose they are, or who may do what."""
    async with service.database.reading() as db:
        rows = list(await db.scalars(select(Conference)))
    return {row.id for row in rows if row.owner_external_id or row.permissions}


async def test_people_are_forgotten_with_what_was_recorded(
    service: Service, archive: Archive
) -> None:
    """Not before the last file and the raw recording are gone; how many there were is kept."""
    row = await archive.recorded()
    async with service.database.reading() as db:
        conference = await db.get_one(Conference, row.conference_id)
    for id in ("a", "b"):
        await archive.stay(conference, id, ip_address="192.0.2.7", user_agent="Browser")
    for days in (0, 31, 179):  # the raw recording goes before the video does
        assert (await files.sweep(service, now_ms() + days * DAY_MS)).people == 0
    assert await known(service) == {conference.id}
    assert (await files.sweep(service, now_ms() + 181 * DAY_MS)).people == 2
    assert (await files.sweep(service, now_ms() + 182 * DAY_MS)).people == 0
    async with service.database.reading() as db:
        stays = list(await db.scalars(select(Attendance)))
    assert [(one.name, one.ip_address, one.user_agent) for one in stays] == [("", "", "")] * 2
    assert all(one.joined_at and one.left_at for one in stays)


async def test_people_of_whom_nothing_was_recorded(service: Service, archive: Archive) -> None:
    """They are forgotten after the days of mixes; those of a conference that goes on are not."""
    ended = await archive.conference(ended_at=now_ms())
    live = await archive.conference("Live", ended_at=None, owner_external_id="owner")
    for conference in (ended, live):
        await archive.stay(conference, "a", ip_address="192.0.2.7")
    await archive.conference("Nobody came", ended_at=now_ms(), owner_external_id="owner")
    given = {"ext-b": ["JOIN"]}
    await archive.conference("Nor here", ended_at=now_ms(), permissions=given)
    assert (await files.sweep(service, now_ms() + 179 * DAY_MS)).people == 0
    assert len(await named(service)) == 3
    assert (await files.sweep(service, now_ms() + 181 * DAY_MS)).people == 1
    assert await known(service) == await named(service) == {live.id}


async def test_deletion_forgets_whose_file_it_was(
    service: Service, archive: Archive, api: httpx2.AsyncClient
) -> None:
    """The row of a participant's file stays for the figures, without the person."""
    session = await archive.session(conference := await archive.conference())
    await archive.stay(conference, "a", ip_address="192.0.2.7")
    leg = archive.made(session, "a.mp3", kind="participant", details={"participantId": "a"})
    (row,) = await archive.publish(session, leg)
    assert row.details["ipAddress"] == "192.0.2.7"
    await api.delete(f"/v2/monitor/conferences/{conference.id}/recordings")
    async with service.database.reading() as db:
        assert (await db.get_one(Recording, row.id)).details == {}


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
async def test_deletion_forgets_who_was_there(
    service: Service, archive: Archive, api: httpx2.AsyncClient
) -> None:
    """At once, in lists and in the log of events; what is still to be delivered is, and blank after
    the next sweep; a blank one is not sent again. A conference that goes on keeps its people."""
    row, other = await archive.recorded(), await archive.recorded("Other")
    live = await archive.conference("Live", ended_at=None)
    for id in (row.conference_id, other.conference_id, live.id):
        async with service.database.writing() as db:
            conference = await db.get_one(Conference, id)
            conference.owner_external_id = "ext-a"
            for type in ("Participant.Joined", "Participant.Left"):
                body = {"participant": {"externalName": "Ada"}}
                await service.outbox.add(db, archive.app_key, id, type, body)
            left = Event.conference_id == id, Event.type == "Participant.Left"
            sent = {"state": "delivered", "sent_body": "Ada"}
            await db.execute(update(Event).where(*left).values(sent))
        await archive.stay(conference, "a", ip_address="192.0.2.7")
        await api.delete(f"/v2/monitor/conferences/{id}/recordings")
        if id == row.conference_id:
            assert await known(service) == await named(service) == set()
            assert await telling(service, id) == {
                "Participant.Joined",
                "Recordings.Available",
                "Recording.MP4.Available",
            }
    assert await known(service) == await named(service) == {live.id}
    assert await telling(service, live.id) == {"Participant.Joined", "Participant.Left"}
    async with service.database.writing() as db:
        await db.execute(update(Event).values(state="delivered"))
    await files.sweep(service)
    assert await telling(service, row.conference_id) == set()
    assert (await files.sweep(service)).people == 0
    blank = next(one for one in await archive.events() if not one.body)
    assert not await service.outbox.send_again(archive.app_key, blank.uid)
    assert [one.state for one in await archive.events() if one.uid == blank.uid] == ["delivered"]


async def telling(service: Service, id: str) -> set[str]:
    """Types of a conference's events that say something, or have said it."""
    async with service.database.reading() as db:
        rows = list(await db.scalars(select(Event).where(Event.conference_id == id)))
    return {row.type for row in rows if row.body or row.sent_body}


REPORTING = """
import os, sys, time
from pathlib import Path
from mixer.engine.identity import Identity
from mixer.lock import locked
from mixer.report.make import _Writer
folder = Path(sys.argv[1])
with locked(folder / "journal" / "recorder.lock", "held", Identity.of(os.getpid()).to_json()):
    pass
writer = _Writer(folder / "report")
while True:
    writer.text("report.json", "x" * 1000)
"""


async def test_deletion_ends_what_still_reports(
    service: Service, archive: Archive, api: httpx2.AsyncClient
) -> None:
    """A recorder that makes its report is ended: nothing of it is there afterwards."""
    service.sessions = Sessions(service)
    row = await archive.recorded()
    folder = service.settings.sessions_folder / row.session_id
    argv = [sys.executable, "-c", REPORTING, str(folder)]
    reporting = await asyncio.create_subprocess_exec(*argv)
    try:
        await asyncio.to_thread(until, (folder / "report/report.json").exists, "it reports")
        answer = await api.delete(f"/v2/monitor/conferences/{row.conference_id}/recordings")
        assert answer.status_code == 200
        assert await asyncio.wait_for(reporting.wait(), 60) == -signal.SIGTERM
        assert not folder.exists()
    finally:
        with contextlib.suppress(ProcessLookupError):
            reporting.kill()


async def test_a_report_brings_no_folder_back(tmp_path: Path) -> None:
    """Whoever writes it when the recording has gone is told so."""
    with pytest.raises(StorageError, match="cannot write"):
        _Writer(tmp_path / "recording" / "report").text("report.json", "{}")
    assert not (tmp_path / "recording").exists()


async def test_a_folder_that_stays_is_told_and_swept(
    service: Service, archive: Archive, api: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is not the storage, the answer says so; what was left behind goes with a sweep."""
    row, other = await archive.recorded(), await archive.recorded("Other")
    path = f"/v2/monitor/conferences/{row.conference_id}/recordings"
    with monkeypatch.context() as failing:
        failing.setattr("shutil.rmtree", refuse)
        assert_error(await api.delete(path), 503, 4007)
    assert (await api.delete(path)).status_code == 200
    folder = service.settings.sessions_folder / row.session_id
    (folder / "report").mkdir(parents=True)
    await files.sweep(service)
    assert not folder.exists()
    assert (service.settings.sessions_folder / other.session_id).exists()


def refuse(folder: Path) -> None:
    raise OSError(39, "Directory not empty")


async def test_what_stays_keeps_nothing_else(
    service: Service, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An object and two folders that cannot be removed: all the rest goes, people too, and the
    sweep says that something stays. It goes as soon as it can."""
    rows = [await archive.recorded(f"Meeting {number}") for number in range(4)]
    for row in rows:
        async with service.database.reading() as db:
            conference = await db.get_one(Conference, row.conference_id)
        await archive.stay(conference, "a", ip_address="192.0.2.7")
    objects = [service.storage.local_file(row.object_key) for row in rows]
    folders = [service.settings.sessions_folder / row.session_id for row in rows]
    assert objects[0] is not None
    objects[0].unlink()
    (objects[0] / "in it").mkdir(parents=True)  # a folder is no file that could be deleted
    left = folders[3]
    await service.sessions.end_recorder(rows[3].session_id)
    remove = shutil.rmtree

    def stubborn(folder: Path) -> None:
        if folder in (folders[1], left):
            refuse(folder)
        remove(folder)

    later = now_ms() + 181 * DAY_MS
    with monkeypatch.context() as failing:
        failing.setattr("shutil.rmtree", stubborn)
        with pytest.raises(StorageError, match="2 more"):
            await files.sweep(service, later)
    assert [folder.exists() for folder in folders] == [False, True, False, True]
    async with service.database.reading() as db:
        there = select(Recording.id).where(Recording.deleted_at.is_(None))
        assert list(await db.scalars(there)) == [rows[0].id]
    assert await known(service) == {rows[number].conference_id for number in (0, 1, 3)}
    (objects[0] / "in it").rmdir()
    objects[0].rmdir()
    last = await files.sweep(service, later)
    assert (last.files, last.raw, last.people) == (1, 2, 3)


async def test_a_bucket_that_is_away_is_asked_a_few_times(
    service: Service, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each refusal may take minutes. What lies on this machine goes all the same."""
    for number in range(6):
        row = await archive.recorded(f"Meeting {number}")
    asked: list[int] = []

    async def away(keys: list[str]) -> None:
        asked.append(len(keys))
        raise StorageError("the bucket does not answer")

    monkeypatch.setattr(service.storage, "delete", away)
    monkeypatch.setattr(service.storage, "location", Location(bucket="bucket"))
    with pytest.raises(StorageError, match="does not answer"):
        await files.sweep(service, now_ms() + 181 * DAY_MS)
    assert asked == [6, 1, 1, 1]
    assert not (service.settings.sessions_folder / row.session_id).exists()


async def test_a_session_at_work_keeps_its_conferences_raw_recordings(
    service: Service, archive: Archive
) -> None:
    """A remix reads what an older session has written."""
    conference = await archive.conference()
    old = await archive.session(conference)
    await archive.session(conference, "remix", closed_at=None)
    assert (await files.sweep(service, now_ms() + 31 * DAY_MS)).raw == 0
    assert (service.settings.sessions_folder / old.id).exists()


async def test_deletion_removes_everything(
    service: Service, archive: Archive, api: httpx2.AsyncClient
) -> None:
    """Files, raw recordings, entries of lists; what other conferences have stays."""
    row, other = await archive.recorded(), await archive.recorded("Other")
    path = f"/v2/monitor/conferences/{row.conference_id}/recordings"
    url = (await api.get(path)).json()["recordings"][0]["url"]
    answer = await api.delete(path)
    assert answer.status_code == 200 and answer.json() == {}
    assert not (service.settings.sessions_folder / row.session_id).exists()
    assert await service.storage.size(row.object_key) is None
    listed = (await api.get("/v2/monitor/recordings")).json()["recordings"]
    assert [item["conference"]["confId"] for item in listed] == [other.conference_id]
    assert (await api.get("/v1/monitor/recordings")).json()["recordings"][0]["alias"] == "Other"
    assert_error(await api.get(url), 404, 4003)
    again = await api.delete(f"/v1/monitor/conferences/{row.conference_id}/recordings")
    assert again.status_code == 200


async def test_deletion_while_recording_is_refused(
    archive: Archive, api: httpx2.AsyncClient
) -> None:
    """Files would come after it."""
    conference = await archive.conference()
    await archive.session(conference, closed_at=None)
    answer = await api.delete(f"/v2/monitor/conferences/{conference.id}/recordings")
    assert_error(answer, 409, 4005)


async def test_only_the_owner_deletes(
    archive: Archive, stranger: httpx2.AsyncClient, other_credentials: Credentials
) -> None:
    """Another application's conference does not exist for it."""
    row = await archive.recorded()
    answer = await stranger.delete(f"/v2/monitor/conferences/{row.conference_id}/recordings")
    assert_error(answer, 404, 2001)
