"""Servers that are lost with their data folders: others close what only they could finish.

A server that does not come back may have its data folder served by another machine: nobody closes
its recordings for that reason alone. `mixer app forget-server` says that the folder is lost; that
is noted in the server's row, and the servers that run do the rest. Neighbours: servers.py says who
there is, presence.py ends the live conferences of servers that are away and calls `settle`.
"""

from __future__ import annotations

import structlog
from sqlalchemy import exists, select, update

from ..errors import UsageError
from ..records import Database
from ..records.database import LOCKED
from ..records.models import Conference, Mix, Server, Session
from .context import Service, now_ms
from .servers import GONE_MS
from .sessions import publishing, store

log = structlog.get_logger()

REASON = "the server that recorded it is lost, and its raw recording with it"


async def forget(database: Database, which: str) -> list[str]:
    """Notes that a server's data folder is lost: `seen_at` is negative from now on, until it comes
    back. `which`: its id, or its address, which may be that of its successor, too. Returns the ids
    of those that are forgotten.

    Raises UsageError where nobody knows such a server, or it may still be there.
    """
    async with database.writing() as db:
        known = list(await db.scalars(select(Server).order_by(Server.seen_at.desc())))
        found = [one for one in known if which in (one.id, one.address)]
        if not found:
            names = ", ".join(f"{one.address} ({one.id})" for one in known) or "none"
            raise UsageError(f"there is no server {which!r}; there are {names}")
        away = [one for one in found if one.seen_at + GONE_MS <= now_ms()]
        if not away:
            raise UsageError(
                f"{found[0].address} was there less than 20 minutes ago, and its data folder has "
                "its recordings: if that is lost, try again when those have passed"
            )
        for one in away:
            one.seen_at, one.runs = -abs(one.seen_at), False
    return [one.id for one in away]


async def settle(service: Service) -> None:
    """Closes what lost servers had."""
    if service.server is None:
        return  # with SQLite there are no others
    chosen = select(Server).where(Server.seen_at < 0, Server.id != service.server)
    async with service.database.reading() as db:
        lost = list(await db.scalars(chosen))
    for server in lost:
        await _settle(service, server)


async def _settle(service: Service, server: Server) -> None:
    """Its recordings have failed and are gone, its conferences are everybody's."""
    of_it = Session.server == server.id, Session.closed_at.is_(None)
    async with service.database.reading() as db:
        open_ones = list(await db.scalars(select(Session).where(*of_it)))
    for session in open_ones:
        await _close(service, session, -server.seen_at)
    async with service.database.writing() as db:
        row = await db.get(Server, server.id, with_for_update=True)
        if row is None or row.seen_at >= 0:
            return  # another one was quicker, or it is there again
        its_own = Conference.server == server.id
        if await db.scalar(select(exists().where(its_own, Conference.ended_at.is_(None)))):
            return  # they are just being ended
        gone = Session.server == server.id, Session.deleted_at.is_(None)
        await db.execute(update(Session).where(*gone).values(deleted_at=now_ms()))
        await db.execute(update(Conference).where(its_own).values(server=None))
        await db.delete(row)
    log.warning("server.forgotten", server=server.id, sessions=len(open_ones))


async def _close(service: Service, session: Session, at: int) -> None:
    """`at`: when it was there last, in epoch ms."""
    async with service.database.writing() as db:
        conference = await db.get_one(Conference, session.conference_id, with_for_update=LOCKED)
        row = await db.get_one(Session, session.id, with_for_update=True)
        if row.closed_at is not None:
            return
        running = [mix for mix in await store.mixes_of(db, row.id) if mix.stopped_at is None]
        concerned: list[Mix | Session] = [*running] or [row]
        for of in concerned:
            await publishing.note_failure(service, db, conference, REASON, of=of)
        for mix in running:
            mix.stopped_at = max(mix.started_at, min(at, conference.ended_at or at))
        row.state, row.error = store.FAILED, REASON
        row.closed_at = row.deleted_at = now_ms()
    log.warning("session.lost", session=session.id, conference=session.conference_id)
