"""Follows the rooms: stays are written down, conferences end with their room or when left empty.

What is empty is decided by the database's stays, so that a restart forgets nothing: stays that a
server left open when it was killed end when their participants have not come back in time.
"""

from __future__ import annotations

import asyncio
from typing import Any

import structlog
from sqlalchemy import func, or_, select

from ..records.database import AWAY
from ..records.models import Attendance, Conference, Server
from . import attendance, conferences, lost, recording_choice
from .attendance import Stay
from .context import Service, now_ms
from .servers import GONE_MS

log = structlog.get_logger()

FIRST_MS = 120_000  # for the first to come (contract 2.1, ttl: at least 30 s)
GRACE_MS = 30_000  # for coming back after a restart
EMPTY_MS = 10_000  # so that the only participant may load the page again
EVERY_S = 2.0
AGAIN_S = 1.0  # between tries to reach a database that is away


class Presence:
    """`on_event` is to be appended to the rooms' `on_event`; `run` ends conferences in time."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._since = now_ms()

    async def on_event(self, conf_id: str, type: str, data: dict[str, Any]) -> None:
        """What happens in a room (docs/conference-state.md).

        While the database is away it is tried again: nobody else remembers who came, who left and
        which conference has ended.
        """
        while True:
            try:
                return await self._write_down(conf_id, type, data)
            except AWAY as error:
                reason = str(error).splitlines()[0][:200]
                log.warning("presence.database_away", conference=conf_id, type=type, error=reason)
                await asyncio.sleep(AGAIN_S)

    async def _write_down(self, conf_id: str, type: str, data: dict[str, Any]) -> None:
        if type == "conference.ended":
            await conferences.terminate(self._service, conf_id, str(data.get("reason", "ended")))
            return
        if type not in ("participant.added", "participant.removed", "participant.updated"):
            return
        async with self._service.database.writing() as db:
            if type == "participant.added":
                await attendance.joined(self._service, db, conf_id, _stay(data))
            elif type == "participant.removed":
                reason, spoken_ms = str(data.get("reason", "left")), int(data.get("speakingMs", 0))
                await attendance.left(
                    self._service, db, conf_id, str(data["id"]), reason, spoken_ms
                )
            elif "name" in data:
                await attendance.renamed(db, conf_id, str(data["id"]), str(data["name"]))

    async def run(self) -> None:
        """Ends conferences that have been empty for their time to live; until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.sweep(now_ms())
            except Exception:  # the database is away: the next round may find it
                log.exception("presence.failed")

    async def sweep(self, now: int) -> None:
        """One round, at `now` (epoch ms)."""
        if now - self._since >= GRACE_MS:
            await self._close_forgotten()
        await self._follow_ends()
        for conf_id in await self._left_behind(now):
            await conferences.terminate(self._service, conf_id, "gone")
        await lost.settle(self._service)
        for conference, last_left in await self._empty():
            if now >= max(self._since, _due(conference, last_left)):
                await conferences.terminate(self._service, conference.id, "empty")

    async def _empty(self) -> list[tuple[Conference, int | None]]:
        """Live conferences without people, and when the last of them left."""
        here = (
            select(Attendance.id)
            .where(
                Attendance.conference_id == Conference.id,
                Attendance.left_at.is_(None),
                Attendance.type.in_(attendance.PEOPLE),
            )
            .exists()
        )
        last = (
            select(func.max(Attendance.left_at))
            .where(
                Attendance.conference_id == Conference.id,
                Attendance.type.in_(attendance.PEOPLE),
            )
            .scalar_subquery()
        )
        chosen = select(Conference, last).where(Conference.ended_at.is_(None), ~here)
        chosen = chosen.where(self._is_ours())
        async with self._service.database.reading() as db:
            return [(row[0], row[1]) for row in await db.execute(chosen)]

    async def _follow_ends(self) -> None:
        """Conferences that another server, or somebody's transaction, has ended: rooms end, too."""
        ids = self._service.rooms.ids
        if self._service.server is None or not ids:
            return  # whoever ends them here ends the room himself
        ended = select(Conference.id, Conference.end_reason)
        ended = ended.where(Conference.id.in_(ids), Conference.ended_at.is_not(None))
        async with self._service.database.reading() as db:
            rows = (await db.execute(ended)).all()
        for conf_id, reason in rows:
            await self._service.rooms.end(conf_id, reason or "ended")
            await self._service.sessions.conference_ended(conf_id)

    async def _left_behind(self, now: int) -> list[str]:
        """Live conferences of servers that have not been seen for long: nobody else ends them."""
        if self._service.server is None:
            return []
        of = select(Conference.id).join(Server, Server.id == Conference.server)
        left = of.where(Conference.ended_at.is_(None), Server.seen_at < now - GONE_MS)
        async with self._service.database.reading() as db:
            return list(await db.scalars(left.where(Server.id != self._service.server)))

    def _is_ours(self) -> Any:
        return or_(Conference.server.is_(None), Conference.server == self._service.server)

    async def _close_forgotten(self) -> None:
        """Ends stays of before this server's start whose participants have not come back."""
        chosen = select(Attendance).where(
            Attendance.left_at.is_(None), Attendance.joined_at < self._since
        )
        chosen = chosen.join(Conference, Conference.id == Attendance.conference_id)
        chosen = chosen.where(self._is_ours())  # of another server's rooms we know nothing
        async with self._service.database.reading() as db:
            open_stays = (await db.scalars(chosen)).all()
        for stay in open_stays:
            here = self._service.rooms.participants(stay.conference_id)
            if not any(one["id"] == stay.participant_id for one in here):
                async with self._service.database.writing() as db:
                    await attendance.left(
                        self._service, db, stay.conference_id, stay.participant_id, "gone"
                    )


def _due(conference: Conference, last_left: int | None) -> int:
    """When an empty conference ends (epoch ms)."""
    ttl_ms = 1000 * recording_choice.ttl_s(conference)
    if last_left is None:
        return conference.created_at + max(FIRST_MS, ttl_ms)
    return last_left + max(EMPTY_MS, ttl_ms)


def _stay(data: dict[str, Any]) -> Stay:
    someone = data["participant"]
    return Stay(
        participant_id=someone["id"],
        external_id=someone["externalId"],
        name=someone["name"],
        avatar_url=someone["avatarUrl"],
        type=someone["type"],
        ip_address=str(data.get("ipAddress", "")),
        user_agent=str(data.get("userAgent", "")),
    )
