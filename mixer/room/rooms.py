"""All conferences of `mixer room` by name: opened on demand, forgotten when nobody is in them.

Everybody is let in. Fulfils mixer.room.access.Host.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections import OrderedDict

import structlog
from starlette.exceptions import HTTPException

from mixer.conference.state import State, empty
from mixer.room.access import EVERYBODY, Admission, Visitor
from mixer.room.attendance import Attendance
from mixer.room.identity import is_room_name
from mixer.room.janus_process import Janus
from mixer.room.live import LiveConference, RoomFull
from mixer.room.settings import RoomSettings

log = structlog.get_logger()

FORGET_AFTER_S = 60.0
SWEEP_S = 10.0
REMEMBERED = 10_000  # ended conferences, so that who was away learns of the end


class Stopping(Exception):
    """The server is about to stop: nothing new begins."""


class Rooms:
    """See the module."""

    def __init__(self, settings: RoomSettings, janus: Janus) -> None:
        self._settings = settings
        self._janus = janus
        self._by_name: dict[str, LiveConference] = {}
        self._ended: OrderedDict[str, str] = OrderedDict()  # id -> why
        self._stopping = False

    async def enter(self, name: str) -> LiveConference:
        """The conference of that name, a new one if there is none."""
        _check_name(name)
        if self._stopping:
            raise Stopping("the server stops")
        found = self._by_name.get(name)
        if found is not None:
            return found
        if len(self._by_name) >= self._settings.max_rooms:
            raise RoomFull(f"the server has its {self._settings.max_rooms} rooms")
        conference = LiveConference(
            name,
            grace_s=self._settings.grace_s,
            max_participants=self._settings.max_participants,
            wall_ms=lambda: round(time.time() * 1000),
        )
        self._by_name[name] = conference
        log.info("conference.opened", conference=conference.id)
        return conference

    async def existing(self, name: str) -> LiveConference:
        """The conference of that name, or one without anybody that is kept nowhere."""
        _check_name(name)
        return self._by_name.get(name) or LiveConference(
            name, grace_s=0, max_participants=0, wall_ms=lambda: 0
        )

    async def state(self, name: str, conference_token: str) -> State:
        """The state of the conference, an empty one if it has not begun."""
        _check_name(name)
        found = self._by_name.get(name)
        return found.told if found is not None else empty("", name)

    async def how_ended(self, id: str) -> str | None:
        """Why the conference of that id has ended; None if it goes on, or is not known (any more):
        one of before this server's start may be gone on with."""
        return self._ended.get(id)

    async def admit(self, conference: LiveConference, visitor: Visitor) -> Admission:
        """Everybody; mixers and robots with the server's mixer token if it has one."""
        wanted = self._settings.mixer_token
        shown = visitor.mixer_token.encode()
        guarded = wanted and visitor.type in ("mixer", "robot")
        if guarded and not hmac.compare_digest(shown, wanted.encode()):
            raise HTTPException(
                403,
                "recorders and replays need this server's mixer token: give them MIXER_ROOM_TOKEN",
            )
        return Admission(EVERYBODY - {"RECORD"})

    def check_watching(self, conference: LiveConference, conference_token: str) -> None:
        pass

    def check_ending(self, attendance: Attendance, conference: LiveConference) -> None:
        if attendance.type != "user":
            raise HTTPException(403, "only a participant of type user may end the conference")

    def capabilities(self, conference: LiveConference) -> dict[str, bool]:
        return {"recording": False, "replay": False}

    async def end(self, conference: LiveConference, reason: str) -> None:
        """Ends the conference for everybody and forgets it."""
        if self._by_name.get(conference.name) is conference:
            del self._by_name[conference.name]
        self._ended[conference.id] = reason
        while len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)
        conference.end(reason)
        log.info("conference.ended", conference=conference.id)
        await self._janus.forget_room(conference.name)

    async def sweep(self) -> None:
        """Forgets conferences that nobody has been in for a while; runs until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_S)
            oldest = time.monotonic() - FORGET_AFTER_S
            for conference in list(self._by_name.values()):
                if conference.idle and conference.idle_since < oldest:
                    await self.end(conference, "empty")

    def disconnect_all(self) -> None:
        """Janus is gone: every connection to it ends now and comes back."""
        for conference in self._by_name.values():
            for attendance in conference.attendances.values():
                for connection in list(attendance.connections):
                    connection.close(1012, "the media server restarts")

    def close(self) -> None:
        """The server stops: everything that is open ends, without a word to the state."""
        self._stopping = True
        self.disconnect_all()
        for conference in self._by_name.values():
            conference.close()


def _check_name(name: str) -> None:
    if not is_room_name(name):
        raise HTTPException(404, "a room's name is 1 to 100 of A-Z a-z 0-9 . _ -")
