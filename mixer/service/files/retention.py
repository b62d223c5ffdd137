"""How long files are kept, and the sweep that removes what is too old.

A published file's day is fixed when it is published, by its application's settings of then. Raw
recordings are session folders; theirs is counted from the session's end.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import delete, exists, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import aliased

from ...errors import StorageError
from ...records.models import Application, Event, Recording, Session
from ..applications import ApplicationSettings, stored_settings
from ..context import Service, now_ms
from .people import forget_people
from .removal import Removed, remove_files, remove_left_behind, remove_raw

log = structlog.get_logger()

DAY_MS = 24 * 3600 * 1000
SWEEP_EVERY_S = 3600.0
AT_ONCE = 500
EVENTS_KEPT_DAYS = 90


def keep_until(kind: str, created_at: int, settings: ApplicationSettings) -> int:
    """When a published file may be removed, in epoch ms. `kind`: mix or participant."""
    days = {
        "mix": settings.retention_mix_days,
        "participant": settings.retention_participant_days,
    }[kind]
    return created_at + days * DAY_MS


@dataclass(frozen=True, slots=True)
class Overdue:
    """What a sweep is to remove."""

    recordings: list[Recording]
    sessions: list[Session]


def overdue(
    recordings: Sequence[Recording],
    sessions: Sequence[Session],
    settings: Mapping[str, ApplicationSettings],
    now: int,
) -> Overdue:
    """Decides. A session that is not closed keeps its folder, whatever its age.

    `settings`: by application.
    """
    return Overdue(
        [
            one
            for one in recordings
            if one.deleted_at is None and one.keep_until is not None and one.keep_until <= now
        ],
        [
            one
            for one in sessions
            if one.deleted_at is None
            and one.closed_at is not None
            and one.closed_at + settings[one.app_key].retention_raw_days * DAY_MS <= now
        ],
    )


async def sweep(service: Service, now: int | None = None) -> Removed:
    """Removes what is overdue; returns what that was. Raises StorageError."""
    now = now if now is not None else now_ms()
    removed = Removed()
    while True:
        found = await _overdue(service, now)
        if not found.recordings and not found.sessions:
            break
        removed += await remove_files(service, found.recordings)
        removed += await remove_raw(service, found.sessions)
    async with service.database.writing() as db:
        old = Event.state != "pending", Event.created_at < now - EVENTS_KEPT_DAYS * DAY_MS
        await db.execute(delete(Event).where(*old))
    settings = await _settings(service)
    days = {key: one.retention_mix_days for key, one in settings.items()}
    before = {key: now - most * DAY_MS for key, most in days.items()}
    removed += Removed(people=await forget_people(service, before))
    await remove_left_behind(service)
    log.info("retention.swept", **dataclasses.asdict(removed))
    return removed


async def _settings(service: Service) -> dict[str, ApplicationSettings]:
    """Of all applications, also of those that are gone."""
    async with service.database.reading() as db:
        apps = await db.scalars(select(Application))
        return {app.key: stored_settings(app.settings) for app in apps}


async def run(service: Service) -> None:
    """Sweeps every hour until cancelled."""
    while True:
        try:
            await sweep(service)
        except (StorageError, SQLAlchemyError) as error:
            log.warning("retention.failed", error=str(error).splitlines()[0][:200])
        await asyncio.sleep(SWEEP_EVERY_S)


async def _overdue(service: Service, now: int) -> Overdue:
    files = select(Recording).where(Recording.deleted_at.is_(None), Recording.keep_until <= now)
    busy = aliased(Session)  # a remix reads what a recording has written
    at_work = exists().where(busy.conference_id == Session.conference_id, busy.closed_at.is_(None))
    closed = select(Session).where(Session.deleted_at.is_(None), Session.closed_at.is_not(None))
    closed = closed.where(~at_work.correlate(Session))
    closed = closed.where(Session.server.is_not_distinct_from(service.server))  # folders of ours
    settings = await _settings(service)
    async with service.database.reading() as db:
        shortest = min((one.retention_raw_days for one in settings.values()), default=1)
        return overdue(
            list(await db.scalars(files.order_by(Recording.keep_until).limit(AT_ONCE))),
            list(await db.scalars(closed.where(Session.closed_at <= now - shortest * DAY_MS))),
            settings,
            now,
        )
