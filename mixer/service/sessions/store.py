"""Sessions and mixes in the database: what is wanted, who looks after it, what became of it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from ...records.models import Conference, Mix, Session
from ..context import Service, now_ms
from .order import Wish

RETRY_MS = 60_000  # the same request within this time is the same one, sent once more
RECORD, REMIX, REPLAY = "record", "remix", "replay"
QUEUED, RUNNING, FINISHING = "queued", "running", "finishing"
FINISHED, FAILED = "finished", "failed"


@dataclass(frozen=True, slots=True)
class View:
    """One session with its mixes, in the order of their starts, and its conference."""

    session: Session
    mixes: list[Mix]
    conference: Conference

    @property
    def ended(self) -> bool:
        return self.conference.ended_at is not None

    @property
    def running(self) -> list[Mix]:
        return [mix for mix in self.mixes if mix.stopped_at is None]

    @property
    def closes(self) -> bool:
        """It is not to wait for further starts (Sessions.close_idle)."""
        return bool(self.session.wanted.get("closes")) and not self.running


def new_session(
    service: Service, conference: Conference, kind: str, wanted: dict[str, Any]
) -> Session:
    """A row, looked after by this instance, and its folder."""
    id = str(uuid.uuid4())
    (service.settings.sessions_folder / id).mkdir(parents=True)
    now = now_ms()
    return Session(
        id=id,
        conference_id=conference.id,
        app_key=conference.app_key,
        kind=kind,
        folder=f"sessions/{id}",
        wanted=wanted,
        state=QUEUED,
        server=service.server,
        owner=service.instance,
        fence=1,
        created_at=now,
    )


def new_mix(session: Session, wish: Wish, part: int) -> Mix:
    return Mix(
        session_id=session.id,
        mix_id=wish.mix_id,
        part=part,
        layout_url=wish.layout_url,
        layout_name=wish.layout_name,
        width=wish.width,
        height=wish.height,
        started_at=now_ms(),
    )


async def open_session(db: AsyncSession, conf_id: str, kind: str) -> Session | None:
    """The session of that kind that goes on in a conference."""
    found = await db.scalars(
        select(Session)
        .where(Session.conference_id == conf_id, Session.kind == kind)
        .where(Session.closed_at.is_(None))
        .order_by(Session.created_at.desc())
        .limit(1)
    )
    return found.first()


async def last_session(db: AsyncSession, conf_id: str, kind: str) -> Session | None:
    chosen = select(Session).where(Session.conference_id == conf_id, Session.kind == kind)
    return (await db.scalars(chosen.order_by(Session.created_at.desc()).limit(1))).first()


async def raw_session(service: Service, db: AsyncSession, conf_id: str) -> Session | None:
    """The last recording of a conference whose journal is there."""
    chosen = select(Session).where(Session.conference_id == conf_id, Session.kind == RECORD)
    folder = service.settings.sessions_folder
    for session in await db.scalars(chosen.order_by(Session.created_at.desc())):
        if (folder / session.id / "journal" / "journal.json").exists():
            return session
    return None


async def mixes_of(db: AsyncSession, session_id: str) -> list[Mix]:
    return list(await db.scalars(select(Mix).where(Mix.session_id == session_id).order_by(Mix.id)))


async def was_started(db: AsyncSession, conf_id: str, mix_id: str) -> bool:
    """Whether a mix of this id was ever recorded in a conference."""
    of_it = Session.conference_id == conf_id, Session.kind == RECORD
    chosen = select(Mix.id).join(Session, Mix.session_id == Session.id).where(*of_it)
    return await db.scalar(chosen.where(Mix.mix_id == mix_id).limit(1)) is not None


async def view(service: Service, session_id: str) -> View:
    async with service.database.reading() as db:
        session = await db.get_one(Session, session_id)
        conference = await db.get_one(Conference, session.conference_id)
        return View(session, await mixes_of(db, session_id), conference)


async def change(service: Service, session_id: str, **values: Any) -> None:
    async with service.database.writing() as db:
        await db.execute(update(Session).where(Session.id == session_id).values(**values))


# --- owners ------------------------------------------------------------------------------------


async def take_over(service: Service) -> list[Session]:
    """Open sessions whose folders are here, now looked after by this instance.

    The caller holds the lock of the data folder: whoever had them before is dead, or was never
    here. The fence says so to recorders.
    """
    folder = service.settings.sessions_folder
    chosen = (
        select(Session)
        .where(Session.closed_at.is_(None))
        .where(or_(Session.owner.is_(None), Session.owner != service.instance))
    )
    taken = []
    async with service.database.writing() as db:
        for session in await db.scalars(chosen.with_for_update(skip_locked=True)):
            if not (folder / session.id).is_dir():
                continue  # of another machine
            session.server = service.server
            session.owner = service.instance
            session.fence += 1
            taken.append(session)
    return taken


async def mine(service: Service) -> list[Session]:
    """Open sessions that this instance looks after."""
    async with service.database.reading() as db:
        chosen = select(Session).where(
            Session.owner == service.instance, Session.closed_at.is_(None)
        )
        return list(await db.scalars(chosen))
