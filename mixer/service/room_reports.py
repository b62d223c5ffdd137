"""What happens in the rooms, told to the service's other parts: in order, one after the other.

Rooms report from the middle of their work and never wait; who listens may use the database. Between
the two is a bounded queue: when listeners are far behind, what nobody keeps (who speaks, which
streams) is left out, and whatever is kept (comings, goings, ends, recordings) is not.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from ..conference.state import Participant, find
from ..room.attendance import Attendance
from ..room.live import LiveConference

log = structlog.get_logger()

OnEvent = Callable[[str, str, dict[str, Any]], Awaitable[object]]

PASSING_EVENTS = 1000  # so many are waiting: the rest of the passing ones is left out
DRAIN_S = 5.0
PASSING = ("participant.speaking", "participant.updated", "stream.")


class Reports:
    """Observes rooms (mixer.room.live.Observer) and calls `on_event` while `run` runs.

    Callbacks get (conference's id, type, data) with the types of docs/conference-state.md.
    `participant.added` also has `ipAddress`, `userAgent`, `joinedAt`; `participant.removed` has
    `reason` ("left", "gone", "kicked", "ended"), `speakingMs`, and the `participant` as last seen.
    """

    def __init__(self) -> None:
        self.on_event: list[OnEvent] = []
        self._queue: asyncio.Queue[tuple[str, str, dict[str, Any]]] = asyncio.Queue()

    def joined(self, conference: LiveConference, attendance: Attendance) -> None:
        someone = find(conference.state, attendance.id)
        if someone is None:
            return
        data = {
            "participant": dict(someone),
            "ipAddress": attendance.origin.ip_address,
            "userAgent": attendance.origin.user_agent,
            "joinedAt": attendance.joined_at,
        }
        self._put(conference, "participant.added", data)

    def left(
        self, conference: LiveConference, attendance: Attendance, someone: Participant, reason: str
    ) -> None:
        data = {
            "id": attendance.id,
            "reason": reason,
            "speakingMs": attendance.spoken_ms,
            "participant": dict(someone),
        }
        self._put(conference, "participant.removed", data)

    def changed(self, conference: LiveConference, type: str, data: dict[str, Any]) -> None:
        if type in ("participant.added", "participant.removed", "conference.ended"):
            return  # told by joined, left and ended
        if type.startswith(PASSING) and self._queue.qsize() > PASSING_EVENTS and "name" not in data:
            return
        self._put(conference, type, data)

    def ended(self, conference: LiveConference, reason: str) -> None:
        """After everybody has left."""
        self._put(conference, "conference.ended", {"reason": reason})

    async def run(self) -> None:
        """Delivers until cancelled; what was reported before then is delivered still."""
        try:
            while True:
                await self._deliver(*await self._queue.get())
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_S):
                    while not self._queue.empty():
                        await self._deliver(*self._queue.get_nowait())

    async def _deliver(self, conference: str, type: str, data: dict[str, Any]) -> None:
        for callback in list(self.on_event):
            try:
                await callback(conference, type, data)
            except Exception:  # one listener's fault is nobody else's
                log.exception("room.report_failed", conference=conference, type=type)

    def _put(self, conference: LiveConference, type: str, data: dict[str, Any]) -> None:
        self._queue.put_nowait((conference.id, type, data))
