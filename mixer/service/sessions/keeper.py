"""Looks after one recording: what the database wants, its recorder does, whoever dies meanwhile.

Every step is decided anew from the rows, the folder's plan.json and whether a recorder lives, so
that a server that was killed goes on where it was, and nothing is done twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Iterable, Sequence
from pathlib import Path
from typing import Any

import structlog

from ...engine.launcher import Launcher, Running
from ...errors import MixerError, UsageError
from ...recorder.plan import MixPlan, Plan, RecordFolder
from ...records.database import LOCKED
from ...records.models import Conference, Mix, Session
from ..context import Service, now_ms
from ..files import FileMade, publish
from . import going_on, missing, publishing, store
from .found import Look, load_plan, started_ms
from .order import RAW_ID, layout_of_mix
from .store import View

log = structlog.get_logger()

IDLE_S = 1.0  # between looks, when nobody wakes the keeper
BUSY_S = 0.25  # while something is on its way
BACKOFF_S = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
STEADY_S = 10.0  # one that has lived so long counts as started
MAX_FAILURES = 8  # starts in a row that came to nothing
ASK_S = 15.0  # one that was told nothing for so long is asked whether it still hears
MAX_SILENT = 3  # each after control.TIMEOUT_S
NO_PLAN_S = 60.0  # the first thing that a recorder does is to write its plan
MAX_FINISHES = 3  # tries to make the files
HAND_OUT_AGAIN_S = 1.0  # after a storage that has refused; its own patience comes before
END_PATIENCE_MS = 5_000  # a recorder sees by itself that the conference has ended


class Keeper:
    """`run` until the session is closed; `wake` when the rows have changed."""

    def __init__(self, service: Service, launcher: Launcher, session_id: str) -> None:
        self._service = service
        self._launcher = launcher
        self._id = session_id
        self._directory = service.settings.sessions_folder / session_id
        self._folder = RecordFolder(self._directory)
        self._recorder: Running | None = None
        self._wake = asyncio.Event()
        self._failures = 0  # starts in a row
        self._finishes = 0
        self._silent = 0  # commands in a row that nobody answered
        self._heard_at = 0.0  # when one was answered, or refused
        self._planless_since: float | None = None  # a recorder lives, and there is no plan
        self._next_start = 0.0
        self._started_at = 0.0
        self._handed: set[tuple[Path, bool]] = set()
        self._handing: asyncio.Task[bool | None] | None = None  # one: events stay in order
        self._next_handing = 0.0
        self._closing: View | None = None  # as it was when there was nothing more to record

    def wake(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        try:
            while True:
                self._wake.clear()
                busy = await self._guarded(self._step())
                if busy is None:
                    return
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(BUSY_S if busy else IDLE_S):
                        await self._wake.wait()
        finally:
            if self._handing is not None:
                self._handing.cancel()
                await asyncio.wait({self._handing})

    async def _guarded(self, work: Awaitable[bool | None]) -> bool | None:
        """False where it fails: it is tried again at the next look."""
        try:
            return await work
        except (MixerError, OSError) as error:
            log.warning("session.step_failed", session=self._id, error=str(error))
        except Exception:  # one session's fault must not end the others
            log.exception("session.step_broken", session=self._id)
        return False

    async def _step(self) -> bool | None:
        """One look at everything. True: something is on its way; None: the session is closed."""
        view = await store.view(self._service, self._id)
        if view.session.closed_at is not None or view.session.owner != self._service.instance:
            return None  # it is done with, or another server looks after it
        plan = await asyncio.to_thread(load_plan, self._folder)
        if plan is not None:
            await self._note_beginnings(view, plan)
        if plan is not None and plan.ended:
            await self._pass_on(view, plan)
        if plan is not None and plan.merged and plan.ended:  # all is made; it may still report
            return await self._wound_up(view, plan)
        recorder = self._living()
        if recorder is not None:
            busy = await self._steer(view, plan, recorder)
            await self._is_handed_out(view, plan)
            return busy
        if self._is_over(view, plan):
            return await self._wound_up(view, plan)
        self._closing = None
        if plan is None and view.session.wanted.get("paused"):
            return False  # nothing is to be seen of the time until somebody resumes
        await self._start(view, plan)
        return True

    async def _wound_up(self, view: View, plan: Plan | None) -> bool | None:
        """Closes the session when all its files are handed out; None when that is done. What is
        started meanwhile is recorded in another session."""
        waits = plan is not None and going_on.cut(view, plan)  # for people who miss it, or the end
        self._closing = None if waits else self._closing or view
        if not await self._is_handed_out(view, plan, whole=True) or self._closing is None:
            return False
        await self._close(self._closing, plan)
        return None

    def _living(self) -> Running | None:
        if self._recorder is None or not self._recorder.is_alive():
            self._recorder = self._launcher.adopt(self._directory)
        return self._recorder

    # --- starting -----------------------------------------------------------------------------

    async def _start(self, view: View, plan: Plan | None) -> None:
        """A recorder for a new folder, or one that goes on where another died."""
        if time.monotonic() < self._next_start:
            return
        if self._failures:
            log.warning("session.restart", session=self._id, failures=self._failures)
        delay = BACKOFF_S[min(self._failures, len(BACKOFF_S) - 1)]
        self._next_start = time.monotonic() + delay
        self._failures += 1
        self._started_at = time.monotonic()
        self._planless_since = None
        order = self._order(view, plan)
        await store.change(self._service, self._id, state=store.RUNNING)
        self._recorder = await self._launcher.start(order)

    def _order(self, view: View, plan: Plan | None) -> dict[str, Any]:
        service, wanted = self._service, view.session.wanted
        token = service.tokens.mixer_token(view.conference.id)
        insecure = {"MIXER_TLS_INSECURE": "1"} if service.settings.secure else {}
        order: dict[str, Any] = {
            "url": service.rooms.address(view.conference.id),
            "out": str(self._directory),
            "log": str(self._directory / "recorder.log"),
            "fence": view.session.fence,
            "unreachable_timeout_s": service.settings.unreachable_timeout_s,
            "environment": {"MIXER_ROOM_TOKEN": token, **insecure},
        }
        if plan is not None:
            finish = bool(plan.ended) or view.ended or view.closes
            self._finishes += finish
            return {**order, "resume": True, "finish": finish}
        return {
            **order,
            "mixes": [self._fields(mix, wanted) for mix in view.running],
            "format": wanted["format"],
            "live": wanted["live"],
            "audio": {"legs": wanted["legs"]},
        }

    def _fields(self, mix: Mix, wanted: dict[str, Any]) -> dict[str, Any]:
        allow = self._service.settings.allow_private_layouts
        return {
            "id": self._plan_id(mix, wanted),
            "part": mix.part,
            "size": f"{mix.width}x{mix.height}",
            "layout": layout_of_mix(mix, allow_private=allow),
            "layout_name": mix.layout_name or "",
        }

    @staticmethod
    def _plan_id(mix: Mix, wanted: dict[str, Any]) -> str:
        return mix.mix_id if wanted["live"] else RAW_ID

    # --- steering -----------------------------------------------------------------------------

    async def _steer(self, view: View, plan: Plan | None, recorder: Running) -> bool:
        """Tells the recorder what is wanted and not planned yet. True: it was told something."""
        if plan is None:
            await self._await_plan(recorder)
            return True
        self._planless_since = None
        if time.monotonic() - self._started_at > STEADY_S:
            self._failures = 0
        told = False
        for mix in view.mixes:
            planned = self._planned(plan, mix, view.session.wanted)
            told |= await self._stop_mix(view, plan, mix, planned, recorder)
        # after the stops, which are not to last until somebody resumes; before the starts, whose
        # first moments are not to be paused
        wanted = bool(view.session.wanted.get("paused")) and bool(view.running)
        if plan.paused != wanted and not plan.ended:
            command = "pause" if wanted else "resume"
            told |= await self._told(view, recorder, command)
        for mix in view.running:
            told |= await self._start_mix(view, plan, mix, recorder)
        patient = now_ms() - (view.conference.ended_at or now_ms()) < END_PATIENCE_MS
        if (view.closes or (view.ended and not patient)) and not plan.ended:
            told |= await self._told(view, recorder, "stop")
        if not told and time.monotonic() - self._heard_at > ASK_S:
            await self._told(view, recorder, "status")
        waits = any(mix.began_at is None for mix in view.running)
        return told or waits or view.ended or view.closes

    async def _await_plan(self, recorder: Running) -> None:
        """One that hangs before it can be told anything is killed."""
        now = time.monotonic()
        self._planless_since = self._planless_since or now
        if now - self._planless_since > NO_PLAN_S:
            log.warning("session.hangs", session=self._id)
            self._planless_since = None
            await recorder.kill(gently=False)

    async def _start_mix(self, view: View, plan: Plan, mix: Mix, recorder: Running) -> bool:
        wanted = view.session.wanted
        if plan.ended or view.ended or self._planned(plan, mix, wanted) is not None:
            return False
        return await self._told(view, recorder, "start_mix", **self._fields(mix, wanted))

    async def _stop_mix(
        self, view: View, plan: Plan, mix: Mix, planned: MixPlan | None, recorder: Running
    ) -> bool:
        """With the moment at which it was asked for: a server may have died since."""
        if mix.stopped_at is None:
            return False
        if planned is None and mix.error is None:
            await publishing.tell_failure(
                self._service, view.conference, missing.NEVER_BEGAN, of=mix
            )
        if planned is None or not planned.runs or plan.ended:
            return False
        fields = {"id": planned.id, "at_ms": mix.stopped_at}
        return await self._told(view, recorder, "stop_mix", **fields)

    async def _told(self, view: View, recorder: Running, command: str, **fields: Any) -> bool:
        """One that does not listen (yet) is told again, one that is silent for long is killed at
        once, for it would end the recording where it can: another goes on where it was. Always
        true: look again soon."""
        try:
            await recorder.ask(command, fence=view.session.fence, **fields)
            self._silent, self._heard_at = 0, time.monotonic()
        except UsageError as error:
            self._heard_at = time.monotonic()
            log.info("session.untold", session=self._id, command=command, error=str(error))
        except MixerError as error:
            self._silent += 1
            log.warning("session.silent", session=self._id, command=command, error=str(error))
            if self._silent >= MAX_SILENT:
                self._silent = 0
                await recorder.kill(gently=False)
        return True

    def _planned(self, plan: Plan, mix: Mix, wanted: dict[str, Any]) -> MixPlan | None:
        key = self._plan_id(mix, wanted), mix.part
        return next((one for one in plan.mixes if (one.id, one.part) == key), None)

    async def _note_beginnings(self, view: View, plan: Plan) -> None:
        """Also of mixes that have ended since the last look: it may have been another server's."""
        wanted = view.session.wanted
        for mix in view.mixes:
            planned = self._planned(plan, mix, wanted) if mix.began_at is None else None
            if planned is None or planned.start_ns is None:
                continue
            began_at = started_ms(self._folder, planned.start_ns)
            live, video = wanted["live"], wanted["format"] != "mp3"
            await publishing.tell_progress(
                self._service, view.conference, mix, began_at, live=live, video=video
            )

    # --- what came of it ----------------------------------------------------------------------

    async def _is_handed_out(self, view: View, plan: Plan | None, *, whole: bool = False) -> bool:
        """Whether all files that there are lie in the storage. What does not is brought there
        beside us: a storage takes its time, and nobody's start or stop waits for it."""
        if plan is None or not view.session.wanted["live"]:
            return True
        if self._handing is not None and not self._handing.done():
            return False
        look = Look(self._folder, plan, view.mixes)
        found = await asyncio.to_thread(lambda: [*look.parts(), *(look.whole() if whole else ())])
        batches = _together(one for one in found if self._key(one) not in self._handed)
        if not batches:
            return True
        if time.monotonic() >= self._next_handing:
            handing = self._guarded(self._hand_out(view, batches))
            self._handing = asyncio.create_task(handing, name=f"hand-out-{self._id}")
            self._handing.add_done_callback(lambda _: self.wake())
        return False

    async def _hand_out(self, view: View, batches: Sequence[Sequence[FileMade]]) -> None:
        """In order; after a failure the rest is tried again together with it. Whoever comes after
        us, if we are killed, finds what is published in the database and goes on."""
        self._next_handing = time.monotonic() + HAND_OUT_AGAIN_S
        for batch in batches:
            await publish(self._service, view.session, batch)
            self._handed |= {self._key(one) for one in batch}
        self._next_handing = 0.0

    @staticmethod
    def _key(made: FileMade) -> tuple[Path, bool]:
        return made.path, made.merged

    def _is_over(self, view: View, plan: Plan | None) -> bool:
        """Whether there is nothing (more) for a recorder to do."""
        if plan is None:
            return view.ended or not view.running or self._failures >= MAX_FAILURES
        if missing.is_made(self._folder, plan) and (
            not plan.live or self._finishes >= MAX_FINISHES
        ):
            return True
        tries = MAX_FAILURES + (MAX_FINISHES if plan.ended or view.ended or view.closes else 0)
        return self._failures >= tries

    async def _close(self, view: View, plan: Plan | None) -> None:
        """Tells of what there is not, and is done with it."""
        problems = missing.problems(self._folder, view, plan)
        saved = ["raw"] if plan is not None else []
        for mix, reason in problems:
            await publishing.tell_failure(
                self._service, view.conference, reason, of=mix or view.session, saved=saved
            )
        await self._closed(view, plan, problems)

    async def _closed(self, view: View, plan: Plan | None, problems: list[missing.Problem]) -> None:
        now, known = now_ms(), {mix.id for mix in view.mixes}
        async with self._service.database.writing() as db:
            # whoever starts a mix locks this row, too: what comes later finds the session closed
            row = await db.get_one(Conference, view.conference.id, with_for_update=LOCKED)
            session = await db.get_one(Session, self._id, with_for_update=True)
            mixes = await store.mixes_of(db, self._id)
            later = [mix for mix in mixes if mix.id not in known]
            new = await going_on.moved(self._service, db, view, later)
            for mix in (mix for mix in mixes if mix.id in known and mix.stopped_at is None):
                mix.stopped_at = self._ended_at(mix, plan, session.wanted) or row.ended_at or now
            session.state = store.FAILED if problems else store.FINISHED
            session.error = problems[0][1] if problems else None
            session.closed_at = now
        log.info("session.closed", session=self._id, problems=len(problems))
        if new is not None:
            self._service.sessions.wake(new.id)

    def _ended_at(self, mix: Mix, plan: Plan | None, wanted: dict[str, Any]) -> int | None:
        """When a mix that nobody has stopped ended all the same (epoch ms)."""
        planned = self._planned(plan, mix, wanted) if plan is not None and mix.error else None
        if planned is None or planned.stop_ns is None:
            return None
        return started_ms(self._folder, planned.stop_ns)

    async def _pass_on(self, view: View, plan: Plan) -> None:
        """What was started while this recording ends by itself is recorded in another session; so
        is what it was to record, and people are told that its files end early."""
        wanted, service = view.session.wanted, self._service
        new: list[Session | None] = []
        late = {mix.id for mix in view.running if self._planned(plan, mix, wanted) is None}
        if late:
            new.append(await going_on.passed_on(service, view, late))
            view.mixes[:] = [mix for mix in view.mixes if mix.id not in late]
        cut = going_on.cut(view, plan)
        if cut and going_on.is_missed(service, view):
            told, session = await going_on.cut_short(service, view, cut, plan.ended)
            new.append(session)
            for mix in (mix for mix in view.mixes if told and mix.id in cut):
                mix.error = told
        for one in filter(None, new):
            log.info("session.passed_on", session=self._id, to=one.id)
            service.sessions.wake(one.id)


def _together(found: Iterable[FileMade]) -> list[list[FileMade]]:
    """Files that one event is to tell of: those of one part, or of the whole recording."""
    batches: dict[tuple[bool, str, int | None], list[FileMade]] = {}
    for one in found:
        video = one.media_type.startswith("video/") and not one.merged
        name = one.mix.mix_id if video and one.mix else ""
        batches.setdefault((one.merged, name, one.part), []).append(one)
    return list(batches.values())
