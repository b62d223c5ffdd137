"""Conferences with files, as tests of files and lists need them: real storage, real outbox."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import pytest
from sqlalchemy import select

from mixer.records.models import Attendance, Conference, Event, Mix, Recording, Session
from mixer.service import applications, files
from mixer.service.context import Service, now_ms
from mixer.service.files import FileMade
from mixer.storage import open_storage
from mixer.webhooks import open_outbox

from .conftest import Credentials, open_service

EPOCH = 1_700_000_000_000


def asked(mix_id: str = "default", **fields: Any) -> Mix:
    """A mix as the API was asked for it."""
    return Mix(**{"mix_id": mix_id, "width": 1920, "height": 1080, **fields})


Row = TypeVar("Row")


@dataclass
class Archive:
    """Makes conferences and publishes files of them."""

    service: Service
    app_key: str

    async def conference(self, alias: str = "Weekly sync", **fields: Any) -> Conference:
        id = str(uuid.uuid4())
        values: dict[str, Any] = {
            "app_key": self.app_key,
            "alias": alias,
            "alias_key": alias.casefold(),
            "parameters": {},
            "permissions": {},
            "created_at": EPOCH,
            "ended_at": EPOCH + 60_000,
            **fields,
        }
        return await self._add(Conference(id=id, **values))

    async def session(self, conference: Conference, kind: str = "record", **fields: Any) -> Session:
        id = str(uuid.uuid4())
        values = {"state": "finished", "created_at": EPOCH, "closed_at": now_ms(), **fields}
        session = Session(
            id=id,
            conference_id=conference.id,
            app_key=conference.app_key,
            kind=kind,
            folder=f"sessions/{id}",
            wanted={},
            **values,
        )
        (self.service.settings.data / session.folder).mkdir(parents=True)
        return await self._add(session)

    async def mix(self, session: Session, mix_id: str, part: int = 1) -> None:
        times = {"started_at": EPOCH, "began_at": EPOCH, "stopped_at": EPOCH + 6_418}
        size = {"width": 1920, "height": 1080}
        await self._add(Mix(session_id=session.id, mix_id=mix_id, part=part, **times, **size))

    async def stay(self, conference: Conference, id: str, **fields: Any) -> None:
        values = {"type": "user", "joined_at": EPOCH, "left_at": EPOCH + 10_000, **fields}
        named = {"external_id": f"ext-{id}", "name": f"Name of {id}"} | values
        await self._add(Attendance(conference_id=conference.id, participant_id=id, **named))

    def made(self, session: Session, name: str, content: bytes = b"", **fields: Any) -> FileMade:
        path = self.service.settings.data / session.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content or name.encode())
        values = {"kind": "mix", "start_time": EPOCH, "duration": 6_400, **fields}
        media_type = "video/mp4" if name.endswith(".mp4") else "audio/mpeg"
        if media_type == "video/mp4":
            values.setdefault("mix", asked())
        return FileMade(path=path, media_type=media_type, **values)

    async def publish(self, session: Session, *made: FileMade) -> list[Recording]:
        return await files.publish(self.service, session, made)

    async def recorded(self, alias: str = "Weekly sync", **fields: Any) -> Recording:
        """A conference with one video."""
        session = await self.session(await self.conference(alias))
        made = replace(self.made(session, "mixes/default.mp4", merged=True), **fields)
        return (await self.publish(session, made))[0]

    async def events(self) -> list[Event]:
        async with self.service.database.reading() as db:
            return list(await db.scalars(select(Event).order_by(Event.id)))

    async def _add(self, row: Row) -> Row:
        async with self.service.database.writing() as db:
            db.add(row)
        return row


@pytest.fixture
async def service(tmp_path: Path, database_url: str | None) -> AsyncIterator[Service]:
    """A service with storage and outbox, without Janus and recorders."""
    settings = {"allow_private_webhooks": True, "database_url": database_url}
    async with open_service(tmp_path / "data", **settings) as service:
        service.storage = open_storage(service.settings, service.secrets.urls)
        service.outbox = open_outbox(service.settings, service.database, service.storage)
        yield service


@pytest.fixture
async def archive(service: Service, credentials: Credentials) -> Archive:
    """An application that wants all events, the deprecated ones too."""
    events = [*applications.EVENTS, *applications.DEPRECATED_EVENTS]
    fields = {"webhook_url": "http://127.0.0.1:9/", "webhook_events": events}
    await applications.change(service.database, credentials.key, fields)
    return Archive(service, credentials.key)


async def listed(api: httpx2.AsyncClient, path: str, key: str, **params: Any) -> list[Any]:
    """All pages, as the published clients go through them."""
    found: list[Any] = []
    for _ in range(100):
        answer = await api.get(path, params=params)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page[key]
        if not page["next"]:
            return found
        params["start"] = page["next"]
    raise AssertionError("the pages do not end")
