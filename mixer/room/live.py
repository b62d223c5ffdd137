"""A conference that is going on: its state, who follows it, who is present.

Everything here happens on the event loop's thread without awaiting, so every change is atomic.
Changes are made by the HTTP interface (mixer/room/http.py) and by what the Janus proxy observes
(mixer/room/proxy.py, by way of sending.py); all of them become events of docs/conference-state.md.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import structlog

from mixer.conference.playing import brought_to
from mixer.conference.state import (
    Participant,
    ParticipantType,
    Presentation,
    State,
    apply,
    empty,
    find,
    participant,
)
from mixer.room.attendance import Attendance, Connection, Follower, Origin
from mixer.room.gate import Observation
from mixer.room.sending import SentStreams

log = structlog.get_logger()

NOT_RECORDED = {"participantId": None, "paused": False}
SHARING = {"file": "SHARE_FILE", "video": "SHARE_VIDEO"}  # what presenting takes, by its kind


class RoomFull(Exception):
    """There is no place for another participant, or another room."""


class Observer(Protocol):
    """Who is told of what happens in a conference: the service, for its database and webhooks.

    Called on the event loop's thread; does nothing that takes long.
    """

    def joined(self, conference: LiveConference, attendance: Attendance) -> None: ...

    def left(
        self, conference: LiveConference, attendance: Attendance, someone: Participant, reason: str
    ) -> None:
        """Reasons: "left", "gone" (unreachable for too long), "kicked", "ended"."""
        ...

    def changed(self, conference: LiveConference, type: str, data: dict[str, Any]) -> None:
        """Any event of the state."""
        ...


class LiveConference:
    """See the module. `name` is that of Janus' room; `id` and `alias` are the state's, if they
    are not a new id and the name."""

    def __init__(
        self,
        name: str,
        *,
        grace_s: float,
        max_participants: int,
        wall_ms: Callable[[], int],
        id: str | None = None,
        alias: str | None = None,
        observer: Observer | None = None,
        hosted: bool = False,
    ) -> None:
        self.name = name
        self.pin = secrets.token_urlsafe(16)
        self.state: State = empty(id or secrets.token_hex(16), name if alias is None else alias)
        self.attendances: dict[str, Attendance] = {}
        if hosted:  # by a service, which knows whose recording it is and whether it is paused
            self.state = apply(self.state, "recording.updated", NOT_RECORDED)
        self.recorded_by: str | None = None  # the participant who asked for the recording
        self._hosted = hosted
        self._kicked: set[str] = set()
        self._observer = observer
        self.ended = False
        self.idle_since = time.monotonic()
        self.presented_in: Path | None = None  # its files, if they are to outlive this process
        self.on_close: list[Callable[[], object]] = []  # what else ends with the conference
        self._followers: set[Follower] = set()
        self._sent = SentStreams(lambda: self.state, self._emit, self._speaks, grace_s)
        self._grace_s = grace_s
        self._max_participants = max_participants
        self._wall_ms = wall_ms

    @property
    def id(self) -> str:
        return self.state["conference"]["id"]

    @property
    def told(self) -> State:
        """The state as people are told it now: a video that plays is where it is by now."""
        return brought_to(self.state, self._wall_ms())

    @property
    def now_ms(self) -> int:
        """Milliseconds since 1970 by this server's clock."""
        return self._wall_ms()

    @property
    def idle(self) -> bool:
        return not self.attendances and not self._followers

    # -- participants ----------------------------------------------------------------------------

    def join(
        self,
        id: str,
        token: str,
        type: ParticipantType,
        profile: Mapping[str, Any],
        *,
        records: bool = True,
        permissions: frozenset[str] = frozenset(),
        origin: Origin | None = None,
    ) -> None:
        """Adds the participant, or takes them back under the same id. Raises RoomFull."""
        if id in self.attendances:
            self._change_participant(id, profile)
            self.record(id, records)
            self.permit(id, permissions)
            return
        if len(self.attendances) >= self._max_participants:
            raise RoomFull(f"the room has its {self._max_participants} participants")
        attendance = Attendance(
            id, token, type, records, permissions, origin or Origin(), self._wall_ms()
        )
        self.attendances[id] = attendance
        someone = participant(
            id,
            profile["name"],
            type,
            external_id=profile["externalId"],
            avatar_url=profile["avatarUrl"],
            status="connecting",
        )
        self._emit("participant.added", {"participant": dict(someone)})
        self._update_recording()
        self._expect_return(attendance, factor=3.0)
        if self._observer is not None:
            self._observer.joined(self, attendance)
        log.info("participant.joined", conference=self.id, type=type)

    def update(self, id: str, profile: Mapping[str, Any], muted: Mapping[str, Any]) -> None:
        """Changes name, avatar, and mute by stream: {"camera": {"audio": {"muted": True}}}."""
        self._change_participant(id, profile)
        self._sent.mute(self.attendances[id], muted)

    def record(self, id: str, records: bool) -> None:
        """A mixer says whether it records just now."""
        self.attendances[id].records = records
        self._update_recording()

    def leave(self, id: str, reason: str) -> None:
        """Removes the participant and closes what they have open."""
        attendance = self.attendances.pop(id, None)
        if attendance is None:
            return
        attendance.cancel_timers()
        self._sent.forget(id)
        self._gone(attendance, reason)
        self._stop_presenting_of(id)
        self._emit("participant.removed", {"id": id})
        self._update_recording()
        for connection in list(attendance.connections):
            connection.close(4003 if reason == "kicked" else 4000, reason)
        for follower in list(attendance.followers):
            follower.close()
        self.idle_since = time.monotonic()
        log.info("participant.left", conference=self.id, reason=reason)

    def kick(self, id: str) -> None:
        """Removes somebody who is told so, and who does not come back with the same token."""
        self._kicked.add(id)
        self.tell("kicked", {}, [id])
        self.leave(id, "kicked")

    def was_kicked(self, id: str) -> bool:
        return id in self._kicked

    def permit(self, id: str, permissions: frozenset[str]) -> None:
        """Other permissions from now on; they are told, and what is against them ends."""
        attendance = self.attendances[id]
        if attendance.permissions == permissions:
            return
        attendance.permissions = permissions
        self.tell("permissions.updated", {"permissions": sorted(permissions)}, [id])
        if self.presentation is not None and SHARING[self.presentation["kind"]] not in permissions:
            self._stop_presenting_of(id)
        for connection in list(attendance.connections):
            connection.permit(permissions)

    def tell(self, type: str, data: dict[str, Any], to: Iterable[str] | None = None) -> None:
        """An event that changes no state, for those participants, or for all of them."""
        for id in list(self.attendances) if to is None else to:
            attendance = self.attendances.get(id)
            for follower in list(attendance.followers) if attendance else []:
                follower.put((type, data))

    def end(self, reason: str) -> None:
        """Ends the conference: everybody is told, then disconnected."""
        self.ended = True
        self._emit("conference.ended", {"reason": reason})
        for id in list(self.attendances):
            attendance = self.attendances.pop(id)
            attendance.cancel_timers()
            self._gone(attendance, "ended")
            for connection in list(attendance.connections):
                connection.close(4001, "the conference has ended")
        self.close()

    def _gone(self, attendance: Attendance, reason: str) -> None:
        someone = find(self.state, attendance.id)
        if self._observer is not None and someone is not None:
            self._observer.left(self, attendance, someone, reason)

    def close(self) -> None:
        """Ends all readers and timers, without an event: the server stops."""
        self._sent.close()
        for attendance in self.attendances.values():
            attendance.cancel_timers()
        for follower in list(self._followers):
            follower.close()
        for close in _taken(self.on_close):
            close()

    # -- presence --------------------------------------------------------------------------------

    def follow(self, id: str | None) -> Follower:
        """A new reader, whose first event is the state; `id` is who is present by reading."""
        follower = Follower()
        attendance = self.attendances.get(id) if id else None
        if attendance is not None:
            attendance.followers.add(follower)
            self._arrived(attendance)
        follower.put(("state", dict(self.told)))
        self._followers.add(follower)
        return follower

    def unfollow(self, follower: Follower, id: str | None) -> None:
        """The reader is gone."""
        self._followers.discard(follower)
        self.idle_since = time.monotonic()
        attendance = self.attendances.get(id) if id else None
        if attendance is not None:
            attendance.followers.discard(follower)
            self._expect_return(attendance)

    def connected(self, id: str, connection: Connection) -> None:
        """The participant has a connection to Janus."""
        attendance = self.attendances[id]
        attendance.connections.add(connection)
        self._arrived(attendance)

    def disconnected(self, id: str, connection: Connection, feeds: frozenset[str]) -> None:
        """The connection is gone; its streams stay for the time of grace, then they go too."""
        attendance = self.attendances.get(id)
        if attendance is None:
            return
        attendance.connections.discard(connection)
        self._expect_return(attendance)
        self._sent.lost(id, feeds)

    def _arrived(self, attendance: Attendance) -> None:
        if attendance.leaving is not None:
            attendance.leaving.cancel()
            attendance.leaving = None
        self._change_participant(attendance.id, {"status": "connected"})

    def _expect_return(self, attendance: Attendance, factor: float = 1.0) -> None:
        if attendance.present or attendance.leaving is not None:
            return
        loop = asyncio.get_running_loop()
        attendance.leaving = loop.call_later(
            self._grace_s * factor, self.leave, attendance.id, "gone"
        )

    def observe(self, id: str, observation: Observation) -> None:
        """What a participant's connection to Janus says about what they send."""
        attendance = self.attendances.get(id)
        if attendance is not None:
            self._sent.observe(attendance, observation)

    # -- presentations ---------------------------------------------------------------------------

    @property
    def presentation(self) -> Presentation | None:
        return self.state.get("presentation")

    def present(self, presentation: Presentation) -> None:
        """Shows a file or a video to all, instead of what is presented now."""
        self.stop_presenting()
        self._emit("presentation.started", {"presentation": dict(presentation)})

    def change_presentation(self, changes: Mapping[str, Any]) -> None:
        """Turns a page of what is presented, or plays, pauses and seeks."""
        now: Mapping[str, Any] | None = self.presentation
        if now is not None and any(now.get(key) != value for key, value in changes.items()):
            self._emit("presentation.updated", {"id": now["id"], **changes})

    def stop_presenting(self) -> None:
        if self.presentation is not None:
            self._emit("presentation.stopped", {"id": self.presentation["id"]})

    def _stop_presenting_of(self, id: str) -> None:
        if self.presentation is not None and self.presentation["ownerId"] == id:
            self.stop_presenting()

    # -- events ----------------------------------------------------------------------------------

    def _change_participant(self, id: str, fields: Mapping[str, Any]) -> None:
        now = next(p for p in self.state["participants"] if p["id"] == id)
        changed = {k: v for k, v in fields.items() if now.get(k) != v}
        if changed:
            self._emit("participant.updated", {"id": id, **changed})

    def _speaks(self, id: str, speaking: bool) -> None:
        if id in self.attendances:
            self.attendances[id].speaks(speaking)

    def _update_recording(self) -> None:
        """Whether any mixer in the conference records it, for all to see."""
        active = any(a.type == "mixer" and a.records for a in self.attendances.values())
        if active != self.state["recording"]["active"]:
            changes: dict[str, Any] = {"active": active}
            changes["startedAt"] = self._wall_ms() if active else None
            if self._hosted:
                changes |= {"participantId": self.recorded_by if active else None, "paused": False}
            self._emit("recording.updated", changes)

    def recording_began(self, at_ms: int) -> None:
        """The recording that goes on is older than this server knew, which was restarted."""
        now = self.state["recording"]
        if now["active"] and at_ms < (now["startedAt"] or 0):
            self._emit("recording.updated", {"active": True, "startedAt": at_ms})

    def recording_paused(self, paused: bool) -> None:
        """Whether the recording that does not record just now is one that is paused."""
        recording: Mapping[str, Any] = self.state["recording"]
        if not recording["active"] and recording.get("paused", False) != paused:
            changes = {"active": False, "startedAt": None, "paused": paused}
            self._emit("recording.updated", changes)

    def _emit(self, type: str, data: dict[str, Any]) -> None:
        self.state = apply(self.state, type, data)
        for follower in list(self._followers):
            if not follower.put((type, data)):
                self._followers.discard(follower)
                log.warning("follower.dropped", conference=self.id)
        if self._observer is not None:
            self._observer.changed(self, type, data)


def _taken(actions: list[Callable[[], object]]) -> list[Callable[[], object]]:
    taken, actions[:] = list(actions), []
    return taken
