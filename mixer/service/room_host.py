"""What comes in at /rooms/…, answered: fulfils mixer.room.access' Host and Moderated."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import structlog
from starlette.exceptions import HTTPException

from ..conference.state import State, find
from ..records import Database
from ..records.models import Conference
from ..room.access import LISTENING, Admission, Ended, Visitor
from ..room.attendance import Attendance
from ..room.live import LiveConference, RoomFull
from ..room.rooms import Stopping
from ..room.visit import attendance_of
from . import applications, conferences, room_access
from .conferences import is_conference_id
from .room_access import Hosted
from .tokens import Tokens

if TYPE_CHECKING:
    from .context import Service
    from .rooms import HostedRooms


log = structlog.get_logger()


class RoomHost:
    """See the module. `service` is there once all its parts are."""

    def __init__(self, rooms: HostedRooms, database: Database, tokens: Tokens) -> None:
        self._rooms = rooms
        self._database = database
        self._tokens = tokens
        self.service: Service | None = None
        self._changed: dict[str, None] = {}  # conferences whose recording is to be looked at
        self._any_changed = asyncio.Event()

    # -- Host --------------------------------------------------------------------------------------

    async def enter(self, name: str) -> LiveConference:
        if self._rooms.stopping:
            raise Stopping("the server stops")
        live = (await self._rooms.find(name)).live
        limit = self._rooms.max_occupied
        if live.idle and self._rooms.occupied >= limit:
            raise RoomFull(f"the server has its {limit} conferences")
        return live

    async def existing(self, name: str) -> LiveConference:
        return (await self._rooms.find(name)).live

    async def state(self, name: str, conference_token: str) -> State:
        hosted = await self._rooms.find(name)
        room_access.check_looking(self._tokens, hosted.row, conference_token, hosted.permissions)
        return hosted.live.told

    async def how_ended(self, id: str) -> str | None:
        """From the database: a restart of the server forgets no end."""
        if not is_conference_id(id) or self._rooms.hosted(id) is not None:
            return None
        if (reason := self._rooms.how_ended(id)) is not None:
            return reason
        async with self._database.reading() as db:
            row = await db.get(Conference, id)
        return (row.end_reason or "ended") if row is not None and row.ended_at is not None else None

    async def admit(self, conference: LiveConference, visitor: Visitor) -> Admission:
        """Who is in it already, by their own secret, needs no other token: it may have expired."""
        hosted = self._hosted(conference)
        known = conference.attendances.get(visitor.id)
        someone = find(conference.state, visitor.id)
        if known is not None and someone is not None and known.type == visitor.type:
            return Admission(known.permissions, someone["externalId"])
        app = await applications.get(self._database, hosted.row.app_key)
        if hosted.row.protected:
            await self._rooms.renew_permissions(hosted.row.id)
        # nothing is waited for from here on: nobody comes in with what was just taken from them
        admitted = room_access.admission(self._tokens, self._hosted(conference), visitor)
        if visitor.type != "mixer" and app is not None:
            _check_places(hosted, app.settings.max_participants)
        return admitted

    def check_watching(self, conference: LiveConference, conference_token: str) -> None:
        hosted = self._hosted(conference)
        room_access.check_looking(self._tokens, hosted.row, conference_token, hosted.permissions)

    def check_ending(self, attendance: Attendance, conference: LiveConference) -> None:
        room_access.check_ending(self._hosted(conference), attendance)

    async def end(self, conference: LiveConference, reason: str) -> None:
        await self._rooms.end(conference.id, reason)

    def capabilities(self, conference: LiveConference) -> dict[str, bool]:
        able = self.service is not None and not self._hosted(conference).replays
        return {"recording": able, "replay": able}

    # -- Moderated ---------------------------------------------------------------------------------

    async def start_recording(self, conference: LiveConference, by: Attendance) -> None:
        from .sessions import MixOrder

        row = await self._row(conference)
        before, conference.recorded_by = conference.recorded_by, by.id
        try:
            await self._all().sessions.start(row, MixOrder(), by=by.id)
        except BaseException:
            conference.recorded_by = before
            raise

    async def stop_recording(self, conference: LiveConference, by: Attendance) -> None:
        await self._all().sessions.stop(await self._row(conference), None)
        self.recording_changed(conference.id)

    async def recording(self, conference: LiveConference) -> dict[str, Any]:
        return dict(conference.state["recording"])

    async def replay(
        self, name: str, offset_ms: int, token: str, conference_token: str
    ) -> dict[str, Any]:
        """Of a conference that goes on: for its participants and those who could join. Of one that
        has ended: by its id, with its access token where it is protected."""
        row = await self._replayed(name)
        hosted = self._rooms.hosted(row.id)
        if hosted is not None and token:
            attendance_of(hosted.live, token)
        else:
            room_access.check_looking(self._tokens, row, conference_token, row.permissions)
        new = await self._all().sessions.replay(row, offset_ms)
        begun: dict[str, Any] = {"conferenceId": new.id, "path": f"/rooms/{new.id}"}
        if new.protected:
            listening = tuple(sorted(LISTENING))
            begun["conferenceAccessToken"] = self._tokens.conference_token(
                new.app_key, new.id, "", listening
            )
        return begun

    async def change_permissions(
        self, conference: LiveConference, external_id: str, permissions: frozenset[str]
    ) -> None:
        row = await self._row(conference)
        await conferences.permit(self._all(), row, {external_id: sorted(permissions)})

    async def invite(
        self, conference: LiveConference, invited: Mapping[str, frozenset[str]]
    ) -> dict[str, str]:
        row = await self._row(conference)
        changed = {external_id: sorted(names) for external_id, names in invited.items()}
        await conferences.permit(self._all(), row, changed)
        return {
            external_id: self._tokens.conference_token(
                row.app_key, row.id, external_id, tuple(names)
            )
            for external_id, names in changed.items()
        }

    # -- whether a recording is paused or over: a recorder that stays does not say ----------------

    async def on_event(self, conf_id: str, type: str, data: dict[str, Any]) -> None:
        silent = type == "recording.updated" and not data["active"] and not data.get("paused")
        come = type == "participant.added" and data["participant"]["type"] == "mixer"
        if silent or come:
            self.recording_changed(conf_id)

    def recording_changed(self, conf_id: str) -> None:
        self._changed[conf_id] = None
        self._any_changed.set()

    async def follow_recordings(self) -> None:
        """Asks the sessions how recordings are that have changed; until cancelled."""
        while True:
            await self._any_changed.wait()
            self._any_changed.clear()
            while self._changed:
                conf_id = next(iter(self._changed))
                del self._changed[conf_id]
                try:
                    await self._look_at_recording(conf_id)
                except Exception:  # the database is away: it is looked at with the next change
                    log.exception("room.recording_unknown", conference=conf_id)

    async def _look_at_recording(self, conf_id: str) -> None:
        if self.service is None or self._rooms.hosted(conf_id) is None:
            return
        report = await self.service.sessions.state(conf_id)
        status, mixes = report["status"], report.get("mixes", [])
        hosted = self._rooms.hosted(conf_id)
        if hosted is not None:
            hosted.live.recording_paused(status == "paused")
            began = [mix["beganAt"] for mix in mixes if mix["beganAt"] and not mix["stoppedAt"]]
            if began:
                hosted.live.recording_began(min(began))
            if status not in ("paused", "recording", "queued", "running"):
                hosted.live.recorded_by = None

    # ----------------------------------------------------------------------------------------------

    def _hosted(self, conference: LiveConference) -> Hosted:
        hosted = self._rooms.hosted(conference.id)
        if hosted is None or hosted.live is not conference:
            raise Ended("the conference has ended", "ended")
        return hosted

    def _all(self) -> Service:
        if self.service is None:
            raise HTTPException(503, "the server is starting: try again")
        return self.service

    async def _row(self, conference: LiveConference) -> Conference:
        async with self._database.reading() as db:
            return await db.get_one(Conference, conference.id)

    async def _replayed(self, name: str) -> Conference:
        """The row of a live conference by id or alias, of one that has ended by its id."""
        if is_conference_id(name.lower()):
            async with self._database.reading() as db:
                row = await db.get(Conference, name.lower())
            if row is not None:
                return row
        return (await self._rooms.find(name)).row


def _check_places(hosted: Hosted, most: int) -> None:
    """Raises RoomFull when the application allows no more people in a conference."""
    people = sum(one.type != "mixer" for one in hosted.live.attendances.values())
    if people >= most:
        raise RoomFull(f"the conference has its {most} participants")
