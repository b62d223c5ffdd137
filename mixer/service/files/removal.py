"""Removes files for good: from the storage, the session folders and the lists.

First nothing lists them any more, then they are deleted, then that is written down: a removal that
was interrupted is gone on with by the next sweep.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import select, update

from ...errors import StorageError
from ...records.models import Conference, Recording, Session
from .. import servers
from ..context import Service, now_ms
from ..errors import ApiError
from .people import forget_people_of

log = structlog.get_logger()

CLOSING_S = 15.0  # for which a request waits; most recordings have their files by then
POLL_S = 0.25


@dataclass(frozen=True, slots=True)
class Removed:
    """How much: published files, raw recordings, the bytes of the former, and stays whose people
    were forgotten."""

    files: int = 0
    raw: int = 0
    bytes: int = 0
    people: int = 0

    def __add__(self, other: Removed) -> Removed:
        return Removed(
            self.files + other.files,
            self.raw + other.raw,
            self.bytes + other.bytes,
            self.people + other.people,
        )


async def delete(service: Service, conference: Conference) -> Removed:
    """Everything recorded of a conference, for ever. Raises ApiError 409 while it is recorded, 421
    at another server than that which has the raw recordings, 503 while the storage does not answer.

    A recorder that waits for another start is ended first.
    """
    await servers.check_here(service, conference)
    if await _is_at_work(service, conference.id):
        if not await service.sessions.close_idle(conference.id):
            sentence = "The conference is being recorded: stop it and wait for its files first."
            raise ApiError(409, 4005, "RECORDING_IN_PROGRESS", sentence)
        if not await _is_closed_soon(service, conference.id):
            sentence = "The recording's files are being made: delete them in a minute."
            raise ApiError(409, 4005, "RECORDING_IN_PROGRESS", sentence, {"retry-after": "60"})
    try:
        return await remove_everything_of(service, conference.id)
    except FolderStays as error:
        sentence = (
            "The files are deleted, the raw recording is not: try again later; the log says why."
        )
        raise ApiError(503, 4007, "RAW_RECORDING_STAYS", sentence) from error
    except StorageError as error:
        sentence = "The storage does not answer: nothing is listed any more, try again later."
        raise ApiError(503, 4006, "STORAGE_UNAVAILABLE", sentence) from error


async def _is_at_work(service: Service, conference_id: str) -> bool:
    """Whether something is recorded or made of it."""
    of_it = select(Session.id).where(Session.conference_id == conference_id)
    async with service.database.reading() as db:
        return await db.scalar(of_it.where(Session.closed_at.is_(None)).limit(1)) is not None


async def _is_closed_soon(service: Service, conference_id: str) -> bool:
    """Within CLOSING_S."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CLOSING_S):
            while await _is_at_work(service, conference_id):  # noqa: ASYNC110 - a row tells nobody
                await asyncio.sleep(POLL_S)
            return True
    return False


async def remove_everything_of(service: Service, conference_id: str) -> Removed:
    """Files and raw recordings of a conference, and who was in it, if it has ended. Raises
    StorageError; call again then."""
    of_it = Recording.conference_id == conference_id, Recording.deleted_at.is_(None)
    raw = Session.conference_id == conference_id, Session.deleted_at.is_(None)
    async with service.database.writing() as db:
        await db.execute(update(Recording).where(*of_it).values(keep_until=0))
    async with service.database.reading() as db:
        files = list(await db.scalars(select(Recording).where(*of_it)))
        sessions = list(await db.scalars(select(Session).where(*raw)))
    removed = await remove_files(service, files) + await remove_raw(service, sessions)
    return removed + Removed(people=await forget_people_of(service, conference_id))


async def remove_files(service: Service, files: Sequence[Recording]) -> Removed:
    """Raises StorageError."""
    if not files:
        return Removed()
    await service.storage.delete([one.object_key for one in files])
    ids = [one.id for one in files]
    async with service.database.writing() as db:
        for first in range(0, len(ids), 500):
            chosen = Recording.id.in_(ids[first : first + 500])
            gone: dict[str, Any] = {"deleted_at": now_ms(), "details": {}}  # whose file it was
            await db.execute(update(Recording).where(chosen).values(gone))
    for one in files:
        log.info(
            "file.removed",
            conference=one.conference_id,
            recording=one.id,
            object=one.object_key,
            bytes=one.size,
        )
    return Removed(files=len(files), bytes=sum(one.size for one in files))


async def remove_raw(service: Service, sessions: Sequence[Session]) -> Removed:
    """Those of this server; others remove their own. Raises StorageError.

    All of them are closed: a recorder that is still there makes its report, which nobody will read.
    """
    sessions = [one for one in sessions if servers.is_here(service, one.server)]
    for one in sessions:
        await service.sessions.end_recorder(one.id)
        folder = service.settings.data / one.folder
        if folder.resolve().is_relative_to(service.settings.sessions_folder.resolve()):
            await asyncio.to_thread(_remove_folder, folder)
        async with service.database.writing() as db:
            chosen = update(Session).where(Session.id == one.id)
            await db.execute(chosen.values(deleted_at=now_ms()))
        log.info("raw.removed", conference=one.conference_id, session=one.id)
    return Removed(raw=len(sessions))


async def left_behind(service: Service) -> list[Session]:
    """Raw recordings that were removed before and whose folders are there again, or still: somebody
    wrote into them meanwhile."""
    names = await asyncio.to_thread(_names, service.settings.sessions_folder)
    found: list[Session] = []
    for first in range(0, len(names), 500):
        chosen = select(Session).where(Session.id.in_(names[first : first + 500]))
        async with service.database.reading() as db:
            found += await db.scalars(chosen.where(Session.deleted_at.is_not(None)))
    return found


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*") if path.is_dir())


class FolderStays(StorageError):
    """A raw recording cannot be removed from this machine's disk."""


def _remove_folder(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        reason = error.strerror or error
        log.error("raw.stays", folder=str(folder), reason=str(reason))
        raise FolderStays(f"cannot remove {folder}: {reason}; mend the disk") from error
