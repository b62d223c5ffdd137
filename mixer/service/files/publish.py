"""Makes finished files downloadable: into the storage, then into lists and events at one stroke.

Whatever fails half-way is done over by calling again: objects are put once more, and the rows and
events of a file are made together or not at all.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path

import structlog
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from ...records.models import Application, Attendance, Conference, Mix, Recording, Session
from ..applications import stored_settings
from ..context import Service, now_ms
from ..recording_choice import recording_format
from .deprecated import deprecated_events
from .made import FileMade, object_key, only_name, plain_name
from .retention import keep_until

log = structlog.get_logger()


async def publish(service: Service, session: Session, files: Sequence[FileMade]) -> list[Recording]:
    """Publishes those of a session's files that are not yet. Returns what is new.

    Raises StorageError when the storage takes nothing now: the files stay in the session's folder,
    call again later.
    """
    async with service.database.reading() as db:
        known = await _known_paths(db, session.id)
        of_it = Recording.conference_id == session.conference_id
        taken = set(await db.scalars(select(Recording.filename).where(of_it)))
    rows: list[Recording] = []
    for made in files:
        path = _relative(service, session, made.path)
        if path in known:
            continue
        name = only_name(plain_name(made, session.conference_id), made, taken)
        taken.add(name)
        key = object_key(made, session.conference_id, session.id, name)
        size = await service.storage.put(made.path, key, made.media_type)
        rows.append(_row(session, made, path, name, key, size))
    if not rows:
        return []
    try:
        return await _insert(service, session, rows)
    except IntegrityError:  # another owner of the session was quicker
        return await publish(service, session, files)


async def _insert(service: Service, session: Session, rows: list[Recording]) -> list[Recording]:
    async with service.database.writing() as db:
        app = await db.get_one(Application, session.app_key)
        settings = stored_settings(app.settings)
        conference = await db.get_one(Conference, session.conference_id)
        for row in rows:
            row.keep_until = keep_until(row.kind, row.created_at, settings)
            await _name_person(db, row)
        db.add_all(rows)
        await db.flush()
        add = service.outbox.add
        ids = [row.id for row in rows]
        await add(db, app.key, conference.id, "Recordings.Available", {}, ids)
        ours = Recording.session_id == session.id, Recording.deleted_at.is_(None)
        of_session = list(await db.scalars(select(Recording).where(*ours)))
        for due in deprecated_events(
            of_session,
            ids,
            mix_ids=await _mix_ids(db, session.id),
            both=recording_format(conference, settings) == "both",
            dolby_voice=bool(conference.parameters.get("dolbyVoice", True)),
        ):
            await add(db, app.key, conference.id, due.type, due.body, due.recordings)
    for row in rows:
        log.info(
            "file.published",
            conference=row.conference_id,
            session=row.session_id,
            recording=row.id,
            mix=row.mix_id,
            merged=row.merged,
            bytes=row.size,
        )
    return rows


def _row(session: Session, made: FileMade, path: str, name: str, key: str, size: int) -> Recording:
    mix = made.mix
    return Recording(
        id=str(uuid.uuid4()),
        app_key=session.app_key,
        conference_id=session.conference_id,
        session_id=session.id,
        kind=made.kind,
        media_type=made.media_type,
        merged=made.merged,
        remix=session.kind == "remix",
        mix_id=mix.mix_id if mix else None,
        part=made.part,
        layout_url=mix.layout_url if mix else None,
        layout_name=mix.layout_name if mix else None,
        width=mix.width if mix else None,
        height=mix.height if mix else None,
        filename=name,
        object_key=key,
        size=size,
        duration=made.duration,
        start_time=made.start_time,
        end_time=made.start_time + made.duration,
        details={**made.details, "path": path},
        created_at=now_ms(),
    )


async def _name_person(db: AsyncSession, row: Recording) -> None:
    """Who a participant's file is of, in the contract's words."""
    who = row.details.get("participantId")
    if row.kind != "participant" or not who:
        return
    stays = select(Attendance).where(
        Attendance.conference_id == row.conference_id, Attendance.participant_id == who
    )
    stay = await db.scalar(stays.order_by(Attendance.joined_at.desc()).limit(1))
    told = (
        {}
        if stay is None
        else {
            "externalName": stay.name,
            "externalId": stay.external_id,
            "externalPhotoUrl": stay.avatar_url,
            "ipAddress": stay.ip_address,
        }
    )
    row.details = {**told, **row.details, "userId": who}


async def _known_paths(db: AsyncSession, session_id: str) -> set[str]:
    """Of the session's files that were published, also of those that are deleted by now."""
    found = await db.scalars(select(Recording.details).where(Recording.session_id == session_id))
    return {details.get("path", "") for details in found}


async def _mix_ids(db: AsyncSession, session_id: str) -> int:
    started = select(func.count(Mix.mix_id.distinct())).where(Mix.session_id == session_id)
    return await db.scalar(started) or 0


def _relative(service: Service, session: Session, path: Path) -> str:
    folder = service.settings.data / session.folder
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path.name)
