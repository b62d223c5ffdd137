"""Conferences in the database: created, found, changed, ended.

REST, rooms and dashboard use this; who is in a conference is kept by attendance.py. Everything that
changes a conference also puts the event that tells of it into the outbox, in one transaction.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from ..records.database import LOCKED
from ..records.models import Conference
from . import announce, attendance, servers
from .applications import Application
from .context import Service, now_ms
from .errors import ApiError

log = structlog.get_logger()

PERMISSIONS = (
    "INVITE",
    "JOIN",
    "SEND_AUDIO",
    "SEND_VIDEO",
    "SHARE_SCREEN",
    "SHARE_VIDEO",
    "SHARE_FILE",
    "SEND_MESSAGE",
    "RECORD",
    "STREAM",
    "KICK",
    "UPDATE_PERMISSIONS",
)
MAX_ALIAS_CHARS = 250
MAX_INVITED = 1000  # participants of one conference with permissions of their own
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Created:
    """A conference, and whether this call made it."""

    conference: Conference
    is_new: bool


def alias_key(alias: str) -> str:
    """What two aliases have in common when they are the same: upper and lower case are."""
    folded = alias.casefold()
    if len(folded) <= MAX_ALIAS_CHARS:
        return folded
    return "sha256:" + hashlib.sha256(folded.encode()).hexdigest()  # some letters fold to several


def is_conference_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


async def create(
    service: Service,
    app: Application,
    *,
    owner_external_id: str,
    alias: str | None,
    parameters: Mapping[str, Any],
    permissions: Mapping[str, list[str]],
    type: str = "SDK_CONF",
) -> Created:
    """A new conference, or the live one of the same alias. Rooms are told of it.

    Without an alias its id is its alias; an alias that is the id of a live conference is that
    conference (contract 6.3). `parameters` are checked ones, in the words of the wire.
    """
    while True:
        try:
            async with service.database.writing() as db:
                found = await _live(db, app.key, alias) if alias else None
                if found is not None:
                    found.permissions = _joined(found.permissions, permissions)
                    created = Created(found, False)
                else:
                    new = _row(app, owner_external_id, alias, parameters, permissions, type)
                    new.server = service.server
                    db.add(new)
                    await db.flush()
                    await announce.conference_created(service, db, new)
                    created = Created(new, True)
        except IntegrityError:  # another instance has created the same alias meanwhile
            log.info("conference.raced", app=app.key)
            continue
        break
    if created.is_new:
        log.info("conference.created", conference=created.conference.id, app=app.key)
    await service.rooms.open(created.conference)
    return created


async def find(service: Service, app_key: str, conf_id: str) -> Conference:
    """The application's conference, live or ended. Raises ApiError 404."""
    conference = None
    if is_conference_id(conf_id):
        async with service.database.reading() as db:
            conference = await db.get(Conference, conf_id)
    if conference is None or conference.app_key != app_key:
        raise not_found()
    return conference


def not_found() -> ApiError:
    sentence = "There is no conference with this id: create it, or look for its id."
    return ApiError(404, 2001, "CONFERENCE_NOT_FOUND", sentence)


async def find_live(service: Service, app_key: str, conf_id: str) -> Conference:
    """The application's conference, which goes on. Raises ApiError 404."""
    conference = await find(service, app_key, conf_id)
    if conference.ended_at is not None:
        sentence = "The conference has ended: create one of the same alias to go on."
        raise ApiError(404, 2002, "CONFERENCE_ENDED", sentence)
    return conference


async def permit(
    service: Service, conference: Conference, changed: Mapping[str, list[str]]
) -> Conference:
    """Gives participants these permissions instead of those they had. Raises ApiError 421."""
    await servers.check_here(service, conference)
    async with service.database.writing() as db:
        row = await db.get_one(Conference, conference.id, with_for_update=LOCKED)
        row.permissions = _joined(row.permissions, changed)
    for external_id, permissions in changed.items():
        await service.rooms.set_permissions(conference.id, external_id, tuple(permissions))
    return row


async def terminate(service: Service, conf_id: str, reason: str) -> bool:
    """Ends it for everybody: recordings are finished, events go out. False: it had ended."""
    spoken_ms = service.rooms.spoken_ms(conf_id)  # stays end here before the room tells of them
    async with service.database.writing() as db:
        ended = await db.execute(
            update(Conference)
            .where(Conference.id == conf_id, Conference.ended_at.is_(None))
            .values(ended_at=now_ms(), end_reason=reason)
        )
        if ended.rowcount == 0:  # type: ignore[attr-defined]
            return False
        row = await db.get_one(Conference, conf_id)
        await attendance.close_all(service, db, row, reason, spoken_ms)
    log.info("conference.ended", conference=conf_id, reason=reason)
    await service.rooms.end(conf_id, reason)
    await service.sessions.conference_ended(conf_id)
    return True


async def _live(db: AsyncSession, app_key: str, alias: str) -> Conference | None:
    """Locked: what several give to its participants at once is joined."""
    live = select(Conference).where(Conference.app_key == app_key, Conference.ended_at.is_(None))
    live = live.with_for_update(**LOCKED)
    found = await db.scalar(live.where(Conference.alias_key == alias_key(alias)))
    if found is None and is_conference_id(alias.lower()):
        found = await db.scalar(live.where(Conference.id == alias.lower()))
    return found


def _row(
    app: Application,
    owner_external_id: str,
    alias: str | None,
    parameters: Mapping[str, Any],
    permissions: Mapping[str, list[str]],
    type: str,
) -> Conference:
    id = str(uuid.uuid4())
    return Conference(
        id=id,
        app_key=app.key,
        alias=alias or id,
        alias_key=alias_key(alias or id),
        type=type,
        owner_external_id=owner_external_id,
        parameters=dict(parameters),
        permissions=dict(permissions),
        protected=app.settings.access_control,
        created_at=now_ms(),
    )


def _joined(known: Mapping[str, Any], changed: Mapping[str, list[str]]) -> dict[str, Any]:
    """Raises ApiError 400 when there are too many."""
    joined = {**known, **changed}
    if len(joined) > MAX_INVITED:
        sentence = f"A conference has at most {MAX_INVITED} participants with permissions."
        raise ApiError(400, 2003, "TOO_MANY_PARTICIPANTS", sentence)
    return joined
