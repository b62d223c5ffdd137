"""Several servers on one PostgreSQL database: who they are, and which conference is at which.

A conference is at the server that made it: its room, the media, its recordings' folders. What is
in the database and the storage every server can do; what needs the room or a folder is refused
elsewhere, with the address of where it is (`check_here`). A server is its data folder: one that is
started again is the same. SQLite is for one server, whose everything is: there the id is None.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import make_url, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from ..errors import StorageError, UsageError
from ..lock import locked
from ..records.models import Conference, Server, Session
from ..storage.location import Location
from .errors import ApiError
from .settings import ServiceSettings

if TYPE_CHECKING:
    from .context import Service

log = structlog.get_logger()

SEEN_EVERY_S = 5.0
FRESH_MS = 15_000  # one that was seen within this time is there
GONE_MS = 20 * 60_000  # its recorders have given up, too (unreachable_timeout_s)
PATIENCE_S = 20.0  # for one that is just ending, or was killed: longer than FRESH_MS
POLL_S = 0.25
LOCK = 0x6D697866  # "mixf", of PostgreSQL's advisory locks
ID_FILE = "server-id"
STORAGE_MARK = ".mixer-storage"  # tells folders of the same name on two machines apart


def server_id(settings: ServiceSettings) -> str | None:
    """This data folder's, made at its first use; None with SQLite. Raises StorageError."""
    if settings.database_address.startswith("sqlite"):
        return None
    return _kept_id(settings.data / ID_FILE)


def _kept_id(path: Path) -> str:
    try:
        with contextlib.suppress(FileExistsError), path.open("x") as file:
            file.write(uuid.uuid4().hex)
        return path.read_text().strip()
    except OSError as error:
        raise StorageError(f"cannot use {path}: {error.strerror or error}") from error


def _storage_id(location: Location) -> str:
    """The same for all servers that have the same storage, and for no other."""
    if location.folder is None:
        return f"{location.endpoint or ''} {location}"
    try:
        location.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or error
        raise StorageError(f"cannot use the folder {location.folder}: {reason}") from error
    return _kept_id(location.folder / STORAGE_MARK)


# --- one server a data folder, and with SQLite a database -----------------------------------------


@contextlib.asynccontextmanager
async def alone(settings: ServiceSettings) -> AsyncIterator[None]:
    """Holds the data folder and a SQLite database; waits for one that is just ending.

    Raises UsageError while another server has them.
    """
    deadline = time.monotonic() + PATIENCE_S
    while True:
        with contextlib.ExitStack() as held:
            try:
                for path, refusal in _locks(settings):
                    held.enter_context(locked(path, refusal))
            except UsageError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(POLL_S)
                continue
            yield
            return


def _locks(settings: ServiceSettings) -> Iterator[tuple[Path, str]]:
    folder = settings.data
    sentence = f"another mixer serve has the data folder {folder}: stop it, or choose another"
    yield folder / ".serving", f"{sentence} --data"
    database = make_url(settings.database_address).database
    if settings.database_url is not None and server_id(settings) is None and database:
        sentence = f"another mixer serve has the database {database}, and SQLite is for one: "
        yield Path(f"{database}.serving"), f"{sentence}use PostgreSQL for several"


# --- several on one database ----------------------------------------------------------------------


class Servers:
    """`present` as long as this server runs; `gone` says whose conferences nobody is left for."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._id = service.server

    @contextlib.asynccontextmanager
    async def present(self) -> AsyncIterator[None]:
        """Raises UsageError beside a server with which this one cannot work together."""
        if self._id is None:
            yield
            return
        await self._enter()
        try:
            yield
        finally:
            with contextlib.suppress(Exception):  # without it others wait a little longer
                await self._seen(runs=False)

    async def run(self) -> None:
        """Says every few seconds that it is there; until cancelled."""
        while True:
            await asyncio.sleep(SEEN_EVERY_S)
            if self._id is not None:
                try:
                    await self._seen()
                except Exception as error:  # the database is away
                    reason = str(error).splitlines()[0][:200]
                    log.warning("server.database_away", error=reason)

    async def _enter(self) -> None:
        mine = await asyncio.to_thread(_storage_id, self._service.storage.location)
        deadline = time.monotonic() + PATIENCE_S
        while (why := await self._entered(mine)) is not None:
            if time.monotonic() > deadline:
                raise UsageError(why)
            await asyncio.sleep(POLL_S)

    async def _entered(self, storage: str) -> str | None:
        """Writes itself down; or why it cannot be, beside the others."""
        from .context import now_ms

        assert self._id is not None
        address = self._service.settings.base_url
        async with self._service.database.writing() as db:
            await db.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
            there = Server.runs, Server.seen_at > now_ms() - FRESH_MS, Server.id != self._id
            for other in await db.scalars(select(Server).where(*there)):
                if other.storage != storage:
                    return (
                        f"the server {other.address} on the same database keeps its files "
                        "elsewhere: give all of them one storage_url, such as s3://BUCKET"
                    )
                if other.address == address:
                    return (
                        f"another server on the same database is {address}, too: "
                        "give each a public_url of its own"
                    )
            await db.merge(
                Server(id=self._id, address=address, storage=storage, runs=True, seen_at=now_ms())
            )
            await self._adopt(db)
        return None

    async def _adopt(self, db: AsyncSession) -> None:
        """Recordings whose folders are here are ours, whoever made them; of before there were
        several servers, live conferences, too."""
        here = {one.name for one in self._service.settings.sessions_folder.iterdir()}
        chosen = select(Session.id).where(Session.deleted_at.is_(None))
        others = chosen.where(Session.server.is_distinct_from(self._id))
        for id in [id for id in await db.scalars(others) if id in here]:
            await db.execute(update(Session).where(Session.id == id).values(server=self._id))
        known = Conference.server.is_(None), Conference.ended_at.is_(None)
        await db.execute(update(Conference).where(*known).values(server=self._id))

    async def _seen(self, *, runs: bool = True) -> None:
        from .context import now_ms

        async with self._service.database.writing() as db:
            mine = update(Server).where(Server.id == self._id)
            await db.execute(mine.values(seen_at=now_ms(), runs=runs))


def is_here(service: Service, server: str | None) -> bool:
    """Of a row: whether this server has its room or its folder."""
    return server is None or server == service.server


async def check_here(service: Service, conference: Conference) -> None:
    """Raises ApiError 421 for a conference that is at another server (RFC 9110, 15.5.20)."""
    if not is_here(service, conference.server):
        where = await address(service, conference.server) or "another server"
        sentence = f"The conference is at {where}: send the request there."
        raise ApiError(421, 2004, "CONFERENCE_ELSEWHERE", sentence)


async def address(service: Service, server: str | None) -> str:
    """Where a server is reached; empty for one that nobody knows."""
    async with service.database.reading() as db:
        known = await db.get(Server, server) if server is not None else None
    return known.address if known is not None else ""
