"""Who may do what in a conference, and what the room's interface needs of whoever keeps rooms.

`mixer room` keeps them by name and lets everybody in (mixer/room/rooms.py); the service keeps those
of its database and checks tokens (mixer/service/rooms.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from mixer.conference.state import ParticipantType, State
from mixer.room.attendance import Attendance
from mixer.room.live import LiveConference

# Names of the permissions of a conference access token's claim `authorities`.
_NAMES = (
    *("INVITE", "JOIN", "SEND_AUDIO", "SEND_VIDEO", "SHARE_SCREEN", "SHARE_VIDEO", "SHARE_FILE"),
    *("SEND_MESSAGE", "RECORD", "STREAM", "KICK", "UPDATE_PERMISSIONS"),
)
PERMISSIONS = frozenset(_NAMES)
MODERATION = frozenset({"INVITE", "KICK", "UPDATE_PERMISSIONS", "STREAM"})
EVERYBODY = PERMISSIONS - MODERATION  # where there is no access control
LISTENING = frozenset({"JOIN"})


class Ended(Exception):
    """The conference is over, or it is for this participant; `reason` is for programs."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who wants to join, and what they show for it."""

    id: str
    type: ParticipantType
    conference_token: str
    mixer_token: str


@dataclass(frozen=True, slots=True)
class Admission:
    """What a visitor may do. `external_id`: who they are, '' for nobody in particular; None:
    whoever they say that they are."""

    permissions: frozenset[str]
    external_id: str | None = None


class Host(Protocol):
    """Keeps the conferences. Errors are HTTPException, RoomFull, Stopping and Ended."""

    async def enter(self, name: str) -> LiveConference:
        """The conference of that name or id, to join it or to follow it."""
        ...

    async def existing(self, name: str) -> LiveConference:
        """The same, for those who are in it."""
        ...

    async def state(self, name: str, conference_token: str) -> State:
        """The state for somebody who is not in it (yet)."""
        ...

    async def how_ended(self, id: str) -> str | None:
        """Why the conference of that id has ended; None if it goes on, or is not known."""
        ...

    async def admit(self, conference: LiveConference, visitor: Visitor) -> Admission: ...

    def check_watching(self, conference: LiveConference, conference_token: str) -> None:
        """Refuses those who may not follow a conference without being in it."""
        ...

    def check_ending(self, attendance: Attendance, conference: LiveConference) -> None:
        """Refuses those who may not end the conference for everybody."""
        ...

    async def end(self, conference: LiveConference, reason: str) -> None: ...

    def capabilities(self, conference: LiveConference) -> dict[str, bool]:
        """What the server can do in this conference, whoever may: recording, replay."""
        ...


@runtime_checkable
class Moderated(Protocol):
    """What a service offers beyond a room of its own: mixer/room/conduct.py has the routes."""

    async def start_recording(self, conference: LiveConference, by: Attendance) -> None: ...

    async def stop_recording(self, conference: LiveConference, by: Attendance) -> None: ...

    async def recording(self, conference: LiveConference) -> dict[str, Any]: ...

    async def replay(
        self, name: str, offset_ms: int, token: str, conference_token: str
    ) -> dict[str, Any]:
        """Begins a replay: `conferenceId` of the new conference in which it is, and where that
        takes one, a `conferenceAccessToken` to listen with."""
        ...

    async def change_permissions(
        self, conference: LiveConference, external_id: str, permissions: frozenset[str]
    ) -> None: ...

    async def invite(
        self, conference: LiveConference, invited: Mapping[str, frozenset[str]]
    ) -> dict[str, str]:
        """Conference access tokens by external id."""
        ...
