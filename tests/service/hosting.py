"""Real rooms of the service, with a real Janus, and recorders that only come and go."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mixer.conference.session import RoomSession, join
from mixer.records.models import Conference
from mixer.service import applications, conferences
from mixer.service.applications import Application
from mixer.service.context import Service
from mixer.service.presence import Presence
from mixer.service.rooms import HostedRooms
from tests.service.conftest import open_service, served


class Recorders:
    """Sessions as the rooms see them: a mixer joins, pauses, leaves. Nothing is recorded."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.mixers: dict[str, RoomSession] = {}
        self.status: dict[str, str] = {}
        self.began: dict[str, int] = {}  # epoch ms
        self.started_by: list[str] = []
        self.fails: Exception | None = None
        self.tasks: set[asyncio.Task[None]] = set()
        self.replayed: list[tuple[str, int]] = []

    async def start(self, conference: Conference, order: Any, by: str = "") -> None:
        if self.fails is not None:
            raise self.fails
        self.started_by.append(by)
        self.status[conference.id] = "recording"
        if conference.id in self.mixers:
            self._spawn(self.mixers[conference.id].update(recording=True))
        else:
            self._spawn(self._record(conference))

    async def state(self, conference_id: str) -> dict[str, Any]:
        began = self.began.get(conference_id)
        mixes = [{"beganAt": began, "stoppedAt": None}] if began else []
        return {"status": self.status.get(conference_id, "none"), "mixes": mixes}

    async def pause(self, conference_id: str) -> None:
        self.status[conference_id] = "paused"
        await self.mixers[conference_id].update(recording=False)

    async def stop(self, conference: Conference, mix_id: str | None) -> None:
        """The mixer stays, as a real one does until the conference ends."""
        self.status[conference.id] = "idle"
        if conference.id in self.mixers:
            self._spawn(self.mixers[conference.id].update(recording=False))

    async def replay(self, conference: Conference, offset: int) -> Conference:
        self.replayed.append((conference.id, offset))
        app = await applications.get(self._service.database, conference.app_key)
        assert app is not None
        made = await conferences.create(
            self._service,
            app,
            owner_external_id="",
            alias=None,
            parameters={},
            permissions={},
            type="REPLAY",
        )
        return made.conference

    async def conference_ended(self, conference_id: str) -> None:
        pass

    async def _record(self, conference: Conference) -> None:
        token = self._service.tokens.mixer_token(conference.id)
        url = self._service.rooms.address(conference.id)
        mixer = self.mixers[conference.id] = await join(url, "Mixer", "mixer", mixer_token=token)
        async for _ in mixer.events():
            pass

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def close(self) -> None:
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


@dataclass
class House:
    """A running service: rooms, Janus, presence, the web application."""

    service: Service
    recorders: Recorders
    app: Application
    told: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.service.settings.port}"

    def room(self, name: str) -> str:
        return f"{self.url}/rooms/{name}"

    async def create(
        self, alias: str | None = None, app: Application | None = None, **fields: Any
    ) -> Conference:
        given: dict[str, Any] = {"owner_external_id": "", "parameters": {}, "permissions": {}}
        app = app or self.app
        made = await conferences.create(self.service, app, alias=alias, **given | fields)
        return made.conference

    def token(self, conference: Conference, external_id: str, *permissions: str) -> str:
        return self.service.tokens.conference_token(
            conference.app_key, conference.id, external_id, permissions
        )

    def reported(self, type: str) -> list[dict[str, Any]]:
        return [data for _, one, data in self.told if one == type]

    async def application(self, **settings: Any) -> Application:
        key, _ = await applications.create(self.service.database, "Tests")
        if settings:
            return await applications.change(self.service.database, key, settings)
        found = await applications.get(self.service.database, key)
        assert found is not None
        return found


@contextlib.asynccontextmanager
async def hosting(
    data: Path,
    port: int = 0,
    app_key: str = "",
    recorded: Mapping[str, int] | None = None,
    **settings: Any,
) -> AsyncIterator[House]:
    """Leaving it is a graceful stop; entering it again with the same folder and port a restart.

    `recorded`: conferences whose recorders go on, since when (epoch ms).
    """
    fields = {**settings, "port": port} if port else settings
    async with open_service(data, **fields) as service:
        rooms = HostedRooms(service.settings, service.database, service.tokens)
        recorders = Recorders(service)
        recorders.began.update(recorded or {})
        recorders.status.update(dict.fromkeys(recorded or {}, "recording"))
        service.rooms, service.sessions = rooms, recorders  # type: ignore[assignment]
        rooms.attach(service)
        found = await applications.get(service.database, app_key) if app_key else None
        house = House(service, recorders, found)  # type: ignore[arg-type]
        if found is None:
            house.app = await house.application()
        async with _running(house, rooms):
            yield house


@contextlib.asynccontextmanager
async def _running(house: House, rooms: HostedRooms) -> AsyncIterator[None]:
    """Rooms with their Janus, presence and the web application."""

    async def note(conference: str, type: str, data: dict[str, Any]) -> None:
        house.told.append((conference, type, data))

    rooms.on_event.extend([note, Presence(house.service).on_event])
    running = asyncio.create_task(rooms.run())
    try:
        async with served(house.service):
            await rooms.wait_ready()
            try:
                yield
            finally:
                await house.recorders.close()
                rooms.close()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
