"""Who was in a conference is forgotten with what was recorded of them.

Stays hold names, external ids, addresses on the network and browsers; the log of events, too. They
are needed as long as something can be downloaded, replayed or remixed. How many there were, and
when, stays, as does which events were sent: it says nothing about anybody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from sqlalchemy import CursorResult, Text, cast, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ...records.models import Attendance, Conference, Event, Recording, Session
from ..context import Service

log = structlog.get_logger()

AT_ONCE = 500  # conferences in one transaction
_PERSONAL = (
    Attendance.name,
    Attendance.external_id,
    Attendance.avatar_url,
    Attendance.ip_address,
    Attendance.user_agent,
)


async def forget_people(service: Service, ended_before: Mapping[str, int]) -> int:
    """Removes them from the stays of ended conferences of which nothing is left; returns how many
    stays that were. `ended_before`: by application, in epoch ms: until then conferences of which
    nothing was ever recorded keep theirs.
    """
    forgotten = 0
    for app_key, latest in ended_before.items():
        after = ""
        while ids := await _due(service, app_key, latest, after):
            async with service.database.writing() as db:
                forgotten += await _forget(db, ids)
            after = ids[-1]
    return forgotten


async def forget_people_of(service: Service, conference_id: str) -> int:
    """Of a conference of which everything was removed; one that goes on needs them. Returns how
    many stays that were."""
    async with service.database.writing() as db:
        conference = await db.get_one(Conference, conference_id)
        return 0 if conference.ended_at is None else await _forget(db, [conference_id])


async def _due(service: Service, app_key: str, latest: int, after: str) -> Sequence[str]:
    """The next conferences whose people are to be forgotten, in the order of ids."""
    of_it = Session.conference_id == Conference.id
    recorded = select(Session.id).where(of_it).exists()
    raw = select(Session.id).where(of_it, Session.deleted_at.is_(None)).exists()
    file = (
        select(Recording.id)
        .where(Recording.conference_id == Conference.id, Recording.deleted_at.is_(None))
        .exists()
    )
    known = select(Attendance.id).where(Attendance.conference_id == Conference.id, _is_known())
    told = select(Event.id).where(Event.conference_id == Conference.id, *_is_told())
    query = (
        select(Conference.id)
        .where(Conference.app_key == app_key, Conference.ended_at.is_not(None))
        .where(Conference.id > after, ~raw, ~file)
        .where(or_(known.exists(), told.exists(), *_names_somebody()))
        .where(or_(recorded, Conference.ended_at <= latest))
    )
    async with service.database.reading() as db:
        return list(await db.scalars(query.order_by(Conference.id).limit(AT_ONCE)))


async def _forget(db: AsyncSession, conference_ids: Sequence[str]) -> int:
    stays: CursorResult[Any] = await db.execute(  # type: ignore[assignment]
        update(Attendance)
        .where(Attendance.conference_id.in_(conference_ids), _is_known())
        .values(dict.fromkeys(_PERSONAL, ""))
    )
    nobodys: dict[str, Any] = {"permissions": {}, "owner_external_id": ""}  # both have external ids
    await db.execute(update(Conference).where(Conference.id.in_(conference_ids)).values(nobodys))
    blank: dict[str, Any] = {"body": {}, "sent_body": None}
    theirs = Event.conference_id.in_(conference_ids), *_is_told()
    await db.execute(update(Event).where(*theirs).values(blank))
    for id in conference_ids:
        log.info("people.forgotten", conference=id)
    return stays.rowcount


def _is_known() -> Any:
    return or_(*(column != "" for column in _PERSONAL))


def _names_somebody() -> tuple[Any, ...]:
    """Of conferences: the owner's external id, those that something was permitted to."""
    return Conference.owner_external_id != "", cast(Conference.permissions, Text) != "{}"


def _is_told() -> tuple[Any, ...]:
    """Events that are delivered or given up, and still say what they said."""
    says = or_(cast(Event.body, Text) != "{}", Event.sent_body.is_not(None))
    return Event.state != "pending", says
