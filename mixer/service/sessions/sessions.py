"""What the rest of the service asks of recordings: `start` and its like answer at once.

They check, write what is wanted into the database, and wake whoever looks after it. `run` keeps
that going: sessions of a server that was killed, the processes.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ...engine.admission import HOLD_S, Carried, Machine, measured, refusal
from ...engine.launcher import Launcher, LocalLauncher
from ...engine.slots import Slots
from ...errors import UsageError
from ...lock import locked
from ...records.database import LOCKED
from ...records.models import Conference, Mix, Session
from .. import applications, servers
from ..applications import ApplicationSettings
from ..context import Service, now_ms
from ..errors import ApiError
from ..recorded_time import with_pause
from ..recording_choice import live_recording, recording_format
from ..settings import ServiceSettings
from . import store
from .keeper import Keeper
from .order import MixOrder, Wish, checked
from .remixes import Remixes
from .replays import Replays
from .report import report

log = structlog.get_logger()

MAX_MIXES = 16  # of one conference at once
RECONCILE_S = 4.0
LOCK_POLL_S = 0.2


class Sessions:
    """See the package."""

    def __init__(self, service: Service, launcher: Launcher | None = None) -> None:
        self.service = service
        settings = self._settings = service.settings
        self.remix_environment = render_environment(settings, kept_free=1)
        self._launcher = launcher or local_launcher(settings, render_environment(settings))
        self._keepers: dict[str, Keeper] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._begun: list[float] = []  # when recordings were begun whose load may not show yet
        self.remixes = Remixes(self)
        self.replays = Replays(self)

    # --- recording ----------------------------------------------------------------------------

    async def start(self, conference: Conference, order: MixOrder, *, by: str = "") -> None:
        """Starts a mix. Raises ApiError: 400, 404 (it has ended), 409 (it runs), 421, 503."""
        await servers.check_here(self.service, conference)
        service, settings = self.service, await self.settings_of(conference)
        format = recording_format(conference, settings)
        live = live_recording(conference, settings)
        allow = self._settings.allow_private_layouts
        wish = checked(order, settings, format, live=live, allow_private=allow)
        wanted = {"format": format, "live": live, "legs": settings.participant_audio, "by": by}
        async with service.database.writing() as db:
            await _going_on(db, conference.id)
            session = await store.open_session(db, conference.id, store.RECORD)
            mixes = await store.mixes_of(db, session.id) if session else []
            if session is not None and _is_retried(mixes, wish, live=session.wanted["live"]):
                return
            if session is None:
                await self._admit(db)
                session = store.new_session(service, conference, store.RECORD, wanted)
                db.add(session)
                await db.flush()
            if all(mix.stopped_at is not None for mix in mixes):  # what was paused has ended
                session.wanted = with_pause(session.wanted, False, now_ms())
            session.wanted = {**session.wanted, "closes": False}
            db.add(_row(session, wish, mixes))
        log.info("recording.start", conference=conference.id, mix=wish.mix_id, session=session.id)
        self.wake(session.id)

    async def stop(self, conference: Conference, mix_id: str | None = None) -> None:
        """Stops one mix, or all; those that do not run are no error. Raises ApiError 404 for a mix
        that there never was."""
        async with self.service.database.writing() as db:
            await db.get_one(Conference, conference.id, with_for_update=LOCKED)  # see going_on.py
            session = await store.open_session(db, conference.id, store.RECORD)
            mixes = await store.mixes_of(db, session.id) if session else []
            if mix_id is not None and not await store.was_started(db, conference.id, mix_id):
                sentence = "There is no mix of this mixId: stop one that was started."
                raise ApiError(404, 3006, "MIX_NOT_FOUND", sentence)
            for mix in mixes:
                if mix.stopped_at is None and mix_id in (None, mix.mix_id):
                    mix.stopped_at = now_ms()
        if session is not None:
            self.wake(session.id)
            self.service.rooms.recording_changed(conference.id)

    async def close_idle(self, conf_id: str) -> bool:
        """Where no mix runs, the recorder makes the files of the whole recording now instead of
        waiting for the next start: the session closes. False: one runs."""
        async with self.service.database.writing() as db:
            await db.get_one(Conference, conf_id, with_for_update=LOCKED)
            session = await store.open_session(db, conf_id, store.RECORD)
            mixes = await store.mixes_of(db, session.id) if session else []
            if session is None or any(mix.stopped_at is None for mix in mixes):
                return False
            session.wanted = {**session.wanted, "closes": True}
        self.wake(session.id)
        return True

    async def pause(self, conference: Conference) -> None:
        await self._pause(conference, True)

    async def resume(self, conference: Conference) -> None:
        await self._pause(conference, False)

    async def _pause(self, conference: Conference, paused: bool) -> None:
        """All mixes at once. Raises ApiError 409 when nothing is recorded."""
        async with self.service.database.writing() as db:
            await db.get_one(Conference, conference.id, with_for_update=LOCKED)  # see going_on.py
            session = await store.open_session(db, conference.id, store.RECORD)
            mixes = await store.mixes_of(db, session.id) if session else []
            if session is None or all(mix.stopped_at is not None for mix in mixes):
                sentence = "Nothing is being recorded: start a recording first."
                raise ApiError(409, 3007, "NOT_RECORDING", sentence)
            session.wanted = with_pause(session.wanted, paused, now_ms())
        self.wake(session.id)
        self.service.rooms.recording_changed(conference.id)

    async def state(self, conf_id: str) -> dict[str, Any]:
        """What is being recorded, in JSON: `status`, `paused`, `mixes`."""
        return await report(self.service, conf_id)

    async def conference_ended(self, conf_id: str) -> None:
        """Whatever is made of the conference is brought to its end. Also when told twice."""
        ending = []
        async with self.service.database.writing() as db:
            for kind in (store.RECORD, store.REPLAY):
                session = await store.open_session(db, conf_id, kind)
                if session is not None:
                    session.state = store.FINISHING
                    ending.append(session)
        for session in ending:  # a replay sees by itself that its conference has ended
            if session.kind == store.RECORD:
                self.wake(session.id)

    # --- remix, replay ------------------------------------------------------------------------

    async def remix(self, conference: Conference, order: MixOrder) -> dict[str, Any]:
        return await self.remixes.start(conference, order)

    async def remix_status(self, conference: Conference) -> dict[str, Any]:
        return await self.remixes.status(conference)

    async def replay(self, conference: Conference, offset_ms: int) -> Conference:
        return await self.replays.start(conference, offset_ms)

    # --- looking after them -------------------------------------------------------------------

    async def run(self) -> None:
        """Until cancelled. Recorders go on without us; they are found again."""
        folder = self._settings.sessions_folder
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            async with _only_one(folder / ".lock"):
                try:
                    tasks.create_task(self._launcher.run(), name="launcher")
                    while True:
                        await self._reconcile()
                        await asyncio.sleep(RECONCILE_S)
                finally:
                    self._tasks = None
                    await asyncio.shield(self._launcher.close())

    async def _reconcile(self) -> None:
        """Every open session of this machine has somebody who looks after it."""
        try:
            for session in await store.take_over(self.service):
                log.info("session.taken_over", session=session.id, fence=session.fence)
            for session in await store.mine(self.service):
                self._keep(session)
        except Exception:  # a database that is away for a while; recorders need none
            log.exception("sessions.reconcile_failed")

    def _keep(self, session: Session) -> None:
        if session.kind == store.RECORD:
            self.wake(session.id)
        elif session.kind == store.REMIX:
            self.remixes.keep(session.id)
        else:
            self.replays.keep(session.id)

    def wake(self, session_id: str) -> None:
        """Has somebody look at a recording now; from the next reconciliation on where none can."""
        if session_id in self._keepers:
            self._keepers[session_id].wake()
        elif self._tasks is not None:
            keeper = self._keepers[session_id] = Keeper(self.service, self._launcher, session_id)
            self.spawn(self._kept(session_id, keeper), f"session-{session_id}")

    async def end_recorder(self, session_id: str) -> None:
        """Ends what still works in the folder of a session that is closed: its report."""
        recorder = self._launcher.adopt(self._settings.sessions_folder / session_id)
        if recorder is not None:
            log.info("recorder.ended", session=session_id)
            await recorder.kill()

    def spawn(self, work: Any, name: str) -> asyncio.Task[Any] | None:
        """A task of `run`; none when that does not run."""
        if self._tasks is None:
            work.close()
            return None
        return self._tasks.create_task(work, name=name)

    async def _kept(self, session_id: str, keeper: Keeper) -> None:
        try:
            await keeper.run()
        finally:
            self._keepers.pop(session_id, None)

    # --- small things -------------------------------------------------------------------------

    async def settings_of(self, conference: Conference) -> ApplicationSettings:
        app = await applications.get(self.service.database, conference.app_key)
        return app.settings if app else ApplicationSettings()

    async def _admit(self, db: AsyncSession) -> None:
        """Raises ApiError 503 when this machine cannot carry one more recording."""
        chosen = select(Session).where(Session.kind == store.RECORD, Session.closed_at.is_(None))
        open_ones = list(await db.scalars(chosen.where(Session.owner == self.service.instance)))
        now = time.monotonic()
        self._begun = [at for at in self._begun if now - at < HOLD_S]
        people = sum(len(self.service.rooms.participants(s.conference_id)) for s in open_ones)
        carried = Carried(len(open_ones), len(self._begun), people)
        why = refusal(self.machine(), carried, self._settings.max_recorders)
        if why is not None:
            sentence = f"This machine cannot carry one more recording: {why}. Try again later."
            raise ApiError(503, 3008, "NO_CAPACITY", sentence, {"retry-after": "30"})
        self._begun.append(now)

    def machine(self) -> Machine:
        return measured(self._settings.data)


def render_environment(settings: ServiceSettings, *, kept_free: int = 0) -> dict[str, str]:
    """What renders of this machine are given: slots, all but some that are `kept_free` for others,
    and what pages may load from."""
    count = max(1, Slots.from_environment().count - kept_free)
    slots = Slots(settings.sessions_folder / ".slots", count)
    if settings.allow_private_layouts:
        return {**slots.to_environment(), "MIXER_LAYOUT_ALLOW": "0.0.0.0/0,::/0"}
    return {**slots.to_environment(), "MIXER_LAYOUT_ORIGIN": "refuse"}


def local_launcher(settings: ServiceSettings, environment: Mapping[str, str]) -> LocalLauncher:
    log_path = settings.sessions_folder / "recorders.log"
    return LocalLauncher(log_path, spares=settings.spare_recorders, environment=environment)


@contextlib.asynccontextmanager
async def _only_one(path: Path) -> Any:
    """One server at a time looks after a folder of sessions; a new one waits for the old one."""
    told = False
    while True:
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(locked(path, "another server looks after these sessions"))
            except UsageError:
                if not told:
                    log.warning("sessions.waiting", folder=str(path.parent))
                    told = True
                await asyncio.sleep(LOCK_POLL_S)
                continue
            yield
            return


async def _going_on(db: AsyncSession, conf_id: str) -> None:
    """Locks the conference's row. Raises ApiError 404 when it has ended."""
    row = await db.get_one(Conference, conf_id, with_for_update=LOCKED)
    if row.ended_at is not None:
        sentence = "The conference has ended: remix its recording instead."
        raise ApiError(404, 2002, "CONFERENCE_ENDED", sentence)


def _is_retried(mixes: list[Mix], wish: Wish, *, live: bool) -> bool:
    """Whether the wish has come true already. Raises ApiError 409 where it cannot."""
    running = [mix for mix in mixes if mix.stopped_at is None]
    same = next((mix for mix in running if mix.mix_id == wish.mix_id), None)
    if same is not None:
        if wish.is_of(same) and now_ms() - same.started_at < store.RETRY_MS:
            return True
        sentence = f"A recording of the mixId {wish.mix_id!r} is running: stop it first."
        raise ApiError(409, 3004, "ALREADY_RECORDING", sentence)
    if running and not live:
        sentence = "Without liveRecording there is one recording at a time: stop the other first."
        raise ApiError(409, 3005, "ONE_RECORDING_AT_A_TIME", sentence)
    if len(running) >= MAX_MIXES:
        sentence = f"{MAX_MIXES} mixes of this conference are running: stop one first."
        raise ApiError(409, 3009, "TOO_MANY_MIXES", sentence)
    return False


def _row(session: Session, wish: Wish, mixes: list[Mix]) -> Mix:
    """The next part of a mix; of a raw recording, of all."""
    live = session.wanted["live"]
    earlier = [mix.part for mix in mixes if not live or mix.mix_id == wish.mix_id]
    return store.new_mix(session, wish, max(earlier, default=0) + 1)
