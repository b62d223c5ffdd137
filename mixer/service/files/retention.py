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
from sqlalchemy import delete, exists, select, tuple_
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import aliased

from ...errors import StorageError
from ...records.models import Application, Event, Recording, Session
from ..applications import ApplicationSettings, stored_settings
from ..context import Service, now_ms
from .people import forget_people
from .removal import Removed, left_behind, remove_files, remove_raw

log = structlog.get_logger()

DAY_MS = 24 * 3600 * 1000
SWEEP_EVERY_S = 3600.0
AT_ONCE = 500
REFUSALS = 3  # by a bucket, one after the other, before it counts as away
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
    """Removes what is overdue; returns what that was. What cannot be removed stays for the next
    sweep and keeps nothing else: raises StorageError at the end."""
    now = now if now is not None else now_ms()
    failed: list[StorageError] = []
    removed = await _remove_files(service, now, failed)
    removed += await _remove_raw(service, await _overdue_raw(service, now), failed)
    async with service.database.writing() as db:
        old = Event.state != "pending", Event.created_at < now - EVENTS_KEPT_DAYS * DAY_MS
        await db.execute(delete(Event).where(*old))
    settings = await _settings(service)
    days = {key: one.retention_mix_days for key, one in settings.items()}
    before = {key: now - most * DAY_MS for key, most in days.items()}
    removed += Removed(people=await forget_people(service, before))
    await _remove_raw(service, await left_behind(service), failed)
    log.info("retention.swept", **dataclasses.asdict(removed), stay=len(failed))
    if failed:
        more = f" (and {len(failed) - 1} more: the log says what stays)" if failed[1:] else ""
        raise StorageError(f"{failed[0]}{more}")
    return removed


async def _remove_files(service: Service, now: int, failed: list[StorageError]) -> Removed:
    """Published ones. A batch that fails is tried file by file, those that may have failed before
    last."""
    removed, after = Removed(), (-1, "")
    while files := await _overdue_files(service, now, after):
        after = files[-1].keep_until or 0, files[-1].id
        try:
            removed += await remove_files(service, files)
        except StorageError:
            gone = await _remove_each(service, files[::-1], failed)
            if not gone.files and service.storage.location.folder is None:
                break  # the bucket is away: each attempt would take its time
            removed += gone
    return removed


async def _remove_each(
    service: Service, files: Sequence[Recording], failed: list[StorageError]
) -> Removed:
    """One by one. Of a bucket that refuses the first of them no more is asked."""
    removed = Removed()
    for number, one in enumerate(files):
        if number >= REFUSALS and not removed.files and service.storage.location.folder is None:
            break
        try:
            removed += await remove_files(service, [one])
        except StorageError as error:
            log.error("file.stays", recording=one.id, object=one.object_key, reason=str(error))
            failed.append(error)
    return removed


async def _remove_raw(
    service: Service, sessions: Sequence[Session], failed: list[StorageError]
) -> Removed:
    removed = Removed()
    for one in sessions:
        try:
            removed += await remove_raw(service, [one])
        except StorageError as error:  # it is in the log
            failed.append(error)
    return removed


async def _settings(service: Service) -> dict[str, ApplicationSettings]:
    """Of all applications."""
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


async def _overdue_files(service: Service, now: int, after: tuple[int, str]) -> list[Recording]:
    """The next ones, in the order of their day."""
    place = tuple_(Recording.keep_until, Recording.id)
    files = select(Recording).where(Recording.deleted_at.is_(None), Recording.keep_until <= now)
    files = files.where(place > tuple_(*after)).order_by(Recording.keep_until, Recording.id)
    async with service.database.reading() as db:
        return overdue(list(await db.scalars(files.limit(AT_ONCE))), [], {}, now).recordings


async def _overdue_raw(service: Service, now: int) -> list[Session]:
    """Those whose folders this server has."""
    busy = aliased(Session)  # a remix reads what a recording has written
    at_work = exists().where(busy.conference_id == Session.conference_id, busy.closed_at.is_(None))
    closed = select(Session).where(Session.deleted_at.is_(None), Session.closed_at.is_not(None))
    closed = closed.where(~at_work.correlate(Session))
    closed = closed.where(Session.server.is_not_distinct_from(service.server))
    settings = await _settings(service)
    shortest = min((one.retention_raw_days for one in settings.values()), default=1)
    closed = closed.where(Session.closed_at <= now - shortest * DAY_MS)
    async with service.database.reading() as db:
        return overdue([], list(await db.scalars(closed)), settings, now).sessions
