"""Who is and was in a conference: one row a stay, and the events that tell of coming and going.

Everything here happens within a transaction of the caller's. presence.py listens to the rooms and
calls it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ..records.database import LOCKED
from ..records.models import Attendance, Conference
from . import announce
from .context import Service, now_ms

PEOPLE = ("user", "listener")  # whom events tell of; mixers and robots are none
REASONS = {"gone": "timeoutEviction", "kicked": "forced", "ended": "forced"}


@dataclass(frozen=True, slots=True)
class Stay:
    """Somebody who has come in, as their room knows them."""

    participant_id: str
    external_id: str
    name: str
    avatar_url: str
    type: str  # user, listener, mixer, robot
    ip_address: str = ""
    user_agent: str = ""


async def joined(service: Service, db: AsyncSession, conf_id: str, stay: Stay) -> None:
    """Begins a stay, unless one goes on: who comes back after a restart has never left."""
    conference = await db.get(Conference, conf_id, with_for_update=LOCKED)
    if conference is None or conference.ended_at is not None:
        return
    if await _open_stay(db, conf_id, stay.participant_id) is not None:
        return
    now = now_ms()
    row = Attendance(
        conference_id=conf_id,
        participant_id=stay.participant_id,
        external_id=stay.external_id,
        name=stay.name,
        avatar_url=stay.avatar_url,
        type=stay.type,
        ip_address=stay.ip_address[:64],
        user_agent=stay.user_agent[:500],
        joined_at=now,
        speaking_ms=0,
    )
    db.add(row)
    if conference.started_at is None and stay.type in PEOPLE:
        conference.started_at = now
    if stay.type in PEOPLE:
        await announce.participant_joined(service, db, conference, row)


async def left(
    service: Service,
    db: AsyncSession,
    conf_id: str,
    participant_id: str,
    reason: str,
    speaking_ms: int = 0,
) -> None:
    """Ends a stay. `reason`: "left", "gone" (unreachable for too long), "kicked" or "ended"."""
    # whoever changes stays has the conference's row first: of two who end one, one does
    conference = await db.get(Conference, conf_id, with_for_update=LOCKED)
    row = await _open_stay(db, conf_id, participant_id)
    if conference is None or row is None:
        return
    row.left_at = now_ms()
    row.reason = REASONS.get(reason, "hangUp")
    row.speaking_ms = max(row.speaking_ms, speaking_ms)
    if row.type in PEOPLE:
        await announce.participant_left(service, db, conference, row)


async def close_all(
    service: Service,
    db: AsyncSession,
    conference: Conference,
    reason: str,
    spoken_ms: Mapping[str, int],
) -> None:
    """Ends the stays that go on, because the conference does, and tells of its end. `spoken_ms`:
    for how long those who are there have spoken, by participant's id."""
    for row in await present(db, conference.id):
        spoke_ms = spoken_ms.get(row.participant_id, 0)
        await left(service, db, conference.id, row.participant_id, reason, spoke_ms)
    await announce.conference_ended(service, db, conference, await all_stays(db, conference.id))


async def renamed(db: AsyncSession, conf_id: str, participant_id: str, name: str) -> None:
    """Keeps the name that a participant has now."""
    await db.execute(
        update(Attendance)
        .where(
            Attendance.conference_id == conf_id,
            Attendance.participant_id == participant_id,
            Attendance.left_at.is_(None),
        )
        .values(name=name)
    )


async def present(db: AsyncSession, conf_id: str) -> Sequence[Attendance]:
    """The stays that go on, in the order of joining."""
    chosen = select(Attendance).where(
        Attendance.conference_id == conf_id, Attendance.left_at.is_(None)
    )
    return (await db.scalars(chosen.order_by(Attendance.joined_at, Attendance.id))).all()


async def all_stays(db: AsyncSession, conf_id: str) -> Sequence[Attendance]:
    """All stays, in the order of joining."""
    chosen = select(Attendance).where(Attendance.conference_id == conf_id)
    return (await db.scalars(chosen.order_by(Attendance.joined_at, Attendance.id))).all()


async def _open_stay(db: AsyncSession, conf_id: str, participant_id: str) -> Attendance | None:
    found: Attendance | None = await db.scalar(
        select(Attendance)
        .where(
            Attendance.conference_id == conf_id,
            Attendance.participant_id == participant_id,
            Attendance.left_at.is_(None),
        )
        .limit(1)
    )
    return found
