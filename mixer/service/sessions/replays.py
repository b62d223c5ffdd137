"""Replays: a raw recording in a conference of its own, its participants as robots.

`mixer replay` begins when somebody has come to watch, and the conference ends with it. It is our
child: a replay does not outlive the server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ...engine import Child
from ...records.models import Conference, Session
from .. import applications, servers
from ..context import now_ms
from ..errors import ApiError
from . import store

if TYPE_CHECKING:
    from .sessions import Sessions

log = structlog.get_logger()

MAX_REPLAYS = 4  # of one conference at once: each is a conference of robots
ALONE_S = 120.0  # nobody has come, or everybody has gone
POLL_S = 0.5


class Replays:
    """`start` gives the new conference; `keep` plays into it."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._playing: set[str] = set()  # sessions
        self._starting = asyncio.Lock()

    async def start(self, conference: Conference, offset_ms: int) -> Conference:
        """A new conference of type REPLAY. Raises ApiError: 404 (nothing was recorded), 409 (it is
        replayed often enough)."""
        async with self._starting:  # one server only looks after these sessions
            return await self._start(conference, offset_ms)

    async def _start(self, conference: Conference, offset_ms: int) -> Conference:
        from .. import conferences

        service = self._sessions.service
        await servers.check_here(service, conference)
        async with service.database.reading() as db:
            raw = await store.raw_session(service, db, conference.id)
            running = await _running(db, conference.app_key)
        app = await applications.get(service.database, conference.app_key)
        if raw is None or app is None:
            sentence = "There is no raw recording of this conference to be replayed."
            raise ApiError(404, 3104, "NOTHING_RECORDED", sentence)
        if sum(one.wanted["raw"] == raw.id for one in running) >= MAX_REPLAYS:
            sentence = f"{MAX_REPLAYS} replays of this conference run: join one, or end one first."
            raise ApiError(409, 3105, "TOO_MANY_REPLAYS", sentence)
        created = await conferences.create(
            service,
            app,
            owner_external_id=conference.owner_external_id,
            alias=None,
            parameters={},
            permissions={},
            type="REPLAY",
        )
        wanted = {"raw": raw.id, "offset_ms": max(0, offset_ms), "live": False, "format": "mp4"}
        async with service.database.writing() as db:
            session = store.new_session(service, created.conference, store.REPLAY, wanted)
            db.add(session)
        self.keep(session.id)
        return created.conference

    def keep(self, session_id: str) -> None:
        if session_id not in self._playing:
            self._playing.add(session_id)
            if self._sessions.spawn(self._run(session_id), f"replay-{session_id}") is None:
                self._playing.discard(session_id)

    async def _run(self, session_id: str) -> None:
        from .. import conferences

        service = self._sessions.service
        problem = None
        try:
            view = await store.view(service, session_id)
            conf_id = view.conference.id
            if await self._somebody(conf_id):
                await store.change(service, session_id, state=store.RUNNING)
                problem = await self._play(view)
            await conferences.terminate(service, conf_id, "ended")
            await store.change(
                service,
                session_id,
                state=store.FAILED if problem else store.FINISHED,
                error=problem,
                closed_at=now_ms(),
            )
        except Exception:
            log.exception("replay.broken", session=session_id)
        finally:
            self._playing.discard(session_id)

    async def _play(self, view: store.View) -> str | None:
        """Until it has ended, or nobody watches any more; None, or what went wrong."""
        service, wanted = self._sessions.service, view.session.wanted
        conf_id = view.conference.id
        raw = service.settings.sessions_folder / str(wanted["raw"])
        argv = ["mixer.cli", "replay", str(raw), "--into", service.rooms.address(conf_id)]
        argv += ["--offset", f"{wanted['offset_ms'] / 1000:g}", "--json"]
        argv += ["--tls-insecure"] if service.settings.secure else []
        secrets = {"MIXER_ROOM_TOKEN": service.tokens.mixer_token(conf_id)}
        log_path = service.settings.sessions_folder / view.session.id / "replay.log"
        async with Child("replay", argv, environment=secrets, log_path=log_path) as child:
            said: list[str] = []
            hearing = asyncio.create_task(_heard(child, said))
            try:
                while not hearing.done():
                    await asyncio.wait({hearing}, timeout=POLL_S)
                    if not hearing.done() and not await self._somebody(conf_id):
                        await child.stop()
                        break
                await hearing
            finally:
                hearing.cancel()
            return said[0] if said else None

    async def _somebody(self, conf_id: str) -> bool:
        """Waits for a person, for ALONE_S at most."""
        service = self._sessions.service
        try:
            async with asyncio.timeout(ALONE_S):
                while not any(_is_person(one) for one in service.rooms.participants(conf_id)):
                    async with service.database.reading() as db:
                        row = await db.get(Conference, conf_id)
                    if row is None or row.ended_at is not None:
                        return False
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            return False
        return True


async def _running(db: AsyncSession, app_key: str) -> Sequence[Session]:
    """All replays of an application that have not ended."""
    chosen = select(Session).where(Session.kind == store.REPLAY, Session.closed_at.is_(None))
    return (await db.scalars(chosen.where(Session.app_key == app_key))).all()


def _is_person(one: dict[str, Any]) -> bool:
    return str(one.get("type", "user")).lower() in ("user", "listener")


async def _heard(child: Child, said: list[str]) -> None:
    async for event in child.events:
        if event.get("event") == "error":
            said.append(str(event.get("message", "")))
