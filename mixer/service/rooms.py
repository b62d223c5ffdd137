"""The conferences that go on, as rooms of mixer/room; what the service's other parts ask of them.

A room's name is its conference's id; /rooms/{id or alias} leads to it. What comes in there is
answered by room_host.py. Who was there, and when a conference has ended, is written down by others,
who listen to `on_event`.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import or_, select
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute

from ..conference.ice import parse_ice_server
from ..records import Database
from ..records.models import Conference, Server
from ..room.access import Ended
from ..room.http import RoomInterface
from ..room.janus_process import START_TIMEOUT_S, Janus
from ..room.live import LiveConference
from ..room.settings import RoomSettings
from .conferences import alias_key, is_conference_id
from .context import now_ms
from .presented import Presented
from .room_access import Hosted
from .room_host import RoomHost
from .room_reports import OnEvent, Reports
from .servers import server_id
from .settings import ServiceSettings
from .tokens import Tokens

if TYPE_CHECKING:
    from .context import Service

log = structlog.get_logger()

REMEMBERED = 10_000
UNKNOWN = "there is no conference of this name: create it by REST or in the dashboard"
AMBIGUOUS = "several conferences have this name: open the one you mean by its id"


class HostedRooms:
    """See the module. `attach` gives it the whole service; `run` runs Janus."""

    def __init__(self, settings: ServiceSettings, database: Database, tokens: Tokens) -> None:
        self._settings = settings
        self._room_settings = room_settings(settings)
        self._database = database
        self._server = server_id(settings)
        self._by_id: dict[str, Hosted] = {}
        self._by_alias: dict[str, set[str]] = {}  # folded alias -> ids
        self._ended: OrderedDict[str, str] = OrderedDict()  # id -> why, before it is written down
        self._reports = Reports()
        self._janus = Janus(self._room_settings, on_lost=self._disconnect_all)
        self._host = RoomHost(self, database, tokens)
        self._presented = Presented(settings.presented_folder)
        self._reports.on_event += [self._host.on_event, self._on_presenting]
        self.stopping = False

    def attach(self, service: Service) -> None:
        """The service with all its parts: recordings and replays are its sessions'."""
        self._host.service = service

    @property
    def on_event(self) -> list[OnEvent]:
        """Async callbacks, called in order: see mixer.service.room_reports.Reports."""
        return self._reports.on_event

    @property
    def ready(self) -> bool:
        """Janus answers."""
        return self._janus.is_ready

    @property
    def janus_restarts(self) -> int:
        return self._janus.restarts

    def routes(self) -> list[BaseRoute]:
        """/rooms and /static."""
        return RoomInterface(self._room_settings, self._host, self._janus).mounts()

    async def run(self) -> None:
        """Serves the database's live conferences until cancelled. Raises EnvironmentMissing."""
        async with self._database.reading() as db:
            live = select(Conference).where(Conference.ended_at.is_(None))
            for row in await db.scalars(live.where(self._is_here())):
                await self.open(row)
        await asyncio.to_thread(self._presented.sweep, set(self._by_id))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._reports.run(), name="room-reports")
            tasks.create_task(self._janus.run(), name="janus")
            tasks.create_task(self._host.follow_recordings(), name="room-recordings")

    async def wait_ready(self) -> None:
        """Until Janus answers. Raises JanusGone."""
        await self._janus.ready(4 * START_TIMEOUT_S)

    def close(self) -> None:
        """The server stops: connections end and come back to the next one; nothing has ended."""
        self.stopping = True
        self._disconnect_all()
        for hosted in self._by_id.values():
            hosted.live.close()

    def address(self, conf_id: str) -> str:
        """Where this machine's recorders join the conference."""
        host = self._settings.host
        host = "127.0.0.1" if host in ("0.0.0.0", "::", "localhost") else host
        host = f"[{host}]" if ":" in host else host
        scheme = "https" if self._settings.secure else "http"
        return f"{scheme}://{host}:{self._settings.port}/rooms/{conf_id}"

    async def open(self, row: Conference) -> None:
        """Makes the conference's room, if there is none; of another server's conference none."""
        if row.server not in (None, self._server):
            return
        known = self._by_id.get(row.id)
        if known is not None:
            known.permissions.update(_sets(row.permissions))
        if known is not None or row.id in self._ended:
            return
        live = LiveConference(
            row.id,
            id=row.id,
            alias=row.alias,
            grace_s=self._room_settings.grace_s,
            max_participants=self._settings.max_participants,
            wall_ms=now_ms,
            observer=self._reports,
            hosted=True,
        )
        self._by_id[row.id] = Hosted(row, live, _sets(row.permissions))
        self._by_alias.setdefault(row.alias_key, set()).add(row.id)
        self._presented.opened(live)

    async def end(self, conf_id: str, reason: str) -> None:
        """Ends it for everybody. One that is not there (any more) is fine."""
        self._ended[conf_id] = reason  # also where it is being opened just now
        while len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)
        hosted = self._by_id.pop(conf_id, None)
        if hosted is None:
            return
        ids = self._by_alias[hosted.row.alias_key]
        ids.discard(conf_id)
        if not ids:
            del self._by_alias[hosted.row.alias_key]
        hosted.live.end(reason)
        self._reports.ended(hosted.live, reason)
        log.info("room.ended", conference=conf_id, reason=reason)
        await asyncio.to_thread(self._presented.ended, conf_id)
        await self._janus.forget_room(conf_id)

    def participants(self, conf_id: str) -> list[dict[str, Any]]:
        """Who is there, in the order of joining, as the room's state has them."""
        hosted = self._by_id.get(conf_id)
        return [dict(one) for one in hosted.live.state["participants"]] if hosted else []

    def spoken_ms(self, conf_id: str) -> dict[str, int]:
        """For how long those who are there have spoken, by participant's id."""
        hosted = self._by_id.get(conf_id)
        present = hosted.live.attendances.values() if hosted else ()
        return {one.id: one.spoken_ms for one in present}

    async def kick(self, conf_id: str, external_ids: Iterable[str]) -> None:
        for id in self._ids(conf_id, external_ids):
            self._by_id[conf_id].live.kick(id)

    async def message(
        self, conf_id: str, sender: str, message: str, to: Iterable[str] | None = None
    ) -> None:
        """A message to participants by external id, or to all of them."""
        if conf_id in self._by_id:
            ids = None if to is None else self._ids(conf_id, to)
            told = {"from": sender, "message": message}
            self._by_id[conf_id].live.tell("message", told, ids)

    async def set_permissions(
        self, conf_id: str, external_id: str, permissions: Iterable[str]
    ) -> None:
        """Holds at once for those who are there, and for whoever comes with that external id."""
        hosted = self._by_id.get(conf_id)
        if hosted is None:
            return
        now = hosted.permissions[external_id] = frozenset(permissions)
        if not hosted.row.protected:
            return
        for id in self._ids(conf_id, [external_id]):
            if hosted.live.attendances[id].type in ("mixer", "robot"):
                continue
            if "JOIN" not in now:
                hosted.live.kick(id)
            else:
                hosted.live.permit(id, now)

    async def renew_permissions(self, conf_id: str) -> None:
        """Those that another server has given meanwhile, to whoever creates the conference there;
        what is given here while they are read is newer."""
        hosted = self._by_id.get(conf_id)
        if hosted is None:
            return
        before = dict(hosted.permissions)
        async with self._database.reading() as db:
            chosen = select(Conference.permissions).where(Conference.id == conf_id)
            given = await db.scalar(chosen)
        for external_id, names in _sets(given or {}).items():
            if hosted.permissions.get(external_id) == before.get(external_id):
                hosted.permissions[external_id] = names

    def recording_changed(self, conf_id: str) -> None:
        """A recording has been started, stopped, paused or resumed: people are told how it is."""
        self._host.recording_changed(conf_id)

    def tell_recording_failed(self, conf_id: str, description: str) -> None:
        """Participants learn that a recording has not begun, or has stopped, and why."""
        if conf_id in self._by_id:
            self._by_id[conf_id].live.tell("recording.failed", {"message": description})

    @property
    def ids(self) -> list[str]:
        """The conferences whose rooms are here."""
        return list(self._by_id)

    # -- for room_host.py --------------------------------------------------------------------------

    def how_ended(self, conf_id: str) -> str | None:
        """Why it has ended, as far as these rooms know."""
        return self._ended.get(conf_id)

    def hosted(self, conf_id: str) -> Hosted | None:
        return self._by_id.get(conf_id)

    @property
    def max_occupied(self) -> int:
        return self._settings.max_rooms

    @property
    def occupied(self) -> int:
        """In how many conferences somebody is."""
        return sum(not hosted.live.idle for hosted in self._by_id.values())

    async def find(self, name: str) -> Hosted:
        """The live conference of that id or alias. Raises HTTPException 404 and 409, Ended."""
        ids = self._ids_of(name)
        if not ids:
            await self._look_up(name)
            ids = self._ids_of(name)
        if not ids:
            raise HTTPException(404, UNKNOWN)
        if len(ids) > 1:
            raise HTTPException(409, AMBIGUOUS)
        return self._by_id[next(iter(ids))]

    def _ids_of(self, name: str) -> set[str]:
        if name.lower() in self._by_id:
            return {name.lower()}
        return self._by_alias.get(alias_key(name), set())

    async def _look_up(self, name: str) -> None:
        """Opens what the database has of that name: of before `run`, or made by somebody else."""
        if "\0" in name:
            return  # no conference has it, and PostgreSQL takes no such text
        async with self._database.reading() as db:
            row = await db.get(Conference, name.lower()) if is_conference_id(name.lower()) else None
            if row is not None and (row.ended_at is not None or row.id in self._ended):
                reason = self._ended.get(row.id) or row.end_reason
                raise Ended("the conference has ended", reason or "ended")
            live = select(Conference).where(
                Conference.alias_key == alias_key(name), Conference.ended_at.is_(None)
            )
            rows = [row] if row is not None else list(await db.scalars(live.limit(10)))
            here = [one for one in rows if one.server in (None, self._server)]
            if rows and not here:
                known = await db.get(Server, rows[0].server)
                raise elsewhere(known.address if known else "", rows[0].id)
        for found in here:
            await self.open(found)

    def _is_here(self) -> Any:
        return or_(Conference.server.is_(None), Conference.server == self._server)

    async def _on_presenting(self, conf_id: str, type: str, data: dict[str, Any]) -> None:
        hosted = self._by_id.get(conf_id)
        if hosted is None or self.stopping:  # who goes now comes back to the next server
            return
        if type == "participant.added":
            self._presented.came(hosted.live, str(data["participant"]["id"]))
        elif type.startswith("presentation."):
            await self._presented.changed(hosted.live)

    def _ids(self, conf_id: str, external_ids: Iterable[str]) -> list[str]:
        """The participants there who have those external ids."""
        hosted = self._by_id.get(conf_id)
        wanted = {id for id in external_ids if id}
        people = hosted.live.state["participants"] if hosted else []
        return [p["id"] for p in people if p["externalId"] in wanted]

    def _disconnect_all(self) -> None:
        """Janus is gone, or we are: every connection to it ends now and comes back."""
        for hosted in self._by_id.values():
            for attendance in hosted.live.attendances.values():
                for connection in list(attendance.connections):
                    connection.close(1012, "the media server restarts")


def elsewhere(address: str, conf_id: str) -> HTTPException:
    """Whoever asks for the page is led there; other requests are told."""
    if not address:
        return HTTPException(421, "this conference is at another server")
    room = f"{address}/rooms/{conf_id}"
    return HTTPException(421, f"this conference is at {room}: join it there", {"location": room})


def room_settings(settings: ServiceSettings) -> RoomSettings:
    """What mixer/room is told by the service's settings. Raises UsageError."""
    low, _, high = settings.rtp_ports.partition("-")
    return RoomSettings(
        host=settings.host,
        port=settings.port,
        public_url=settings.public_url,
        janus=settings.janus,
        ice_servers=tuple(parse_ice_server(text) for text in settings.ice_servers),
        rtp_ports=(int(low), int(high)),
        ice_interfaces=settings.ice_interfaces,
        nat_1_1=settings.nat_1_1,
        log_dir=settings.data / "log",
        bitrate_bps=settings.bitrate_bps,
        max_rooms=settings.max_rooms,
        max_participants=settings.max_participants,
    )


def _sets(permissions: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    return {external_id: frozenset(names) for external_id, names in permissions.items()}
