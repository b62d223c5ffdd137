"""One recording: ingest from joining to leaving, one render for each mix, and the result.

The recorder is the parent of ingest (`mixer.ingest`) and of every render's processes. It decides
when a mix starts and stops, writes `plan.json` before it acts, and answers `control.sock`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from ..clock import SECOND
from ..engine import Warm
from ..engine.identity import Identity
from ..errors import MixerError, UsageError
from ..journal import Journal, UnusedFrames
from ..layout.shipped import layout_path
from ..lock import locked
from ..render.job import warmed
from .control import listening
from .finish import files_of, finish, is_there
from .limits import limit_reached
from .parts import Parts
from .plan import MixPlan, RecordFolder
from .receiving import STOPPED, Receiving
from .settings import RecordSettings, Status, check_folder
from .start import first_shown_ns

log = structlog.get_logger()

POLL_S = 0.1
LOOK_EVERY_S = 20.0  # for what came in vain
MAX_WARM = 2
LATE_STOP_NS = SECOND  # a stop that comes later than this ends its mix when it was asked for


class Recorder:
    """`await Recorder(settings).run()`; `stop(reason)` from anywhere in the loop ends it.

    `warm`: children that were started ahead of time and wait for their arguments (spare.py).
    """

    def __init__(
        self,
        settings: RecordSettings,
        on_status: Callable[[Status], None] = lambda status: None,
        *,
        warm: Warm | None = None,
    ) -> None:
        self.settings = settings
        self.status = Status()
        self.folder = RecordFolder(settings.out)
        self.files: list[Path] = []  # of the whole recording, in the end
        self._warm = warm or Warm()
        self._parts = Parts(
            self.folder,
            settings.plan(),
            self._changed,
            settings.keep_work,
            self._warm,
            keep_free=settings.min_free_bytes,
        )
        self._on_status = on_status
        self._stop = asyncio.Event()
        self._starting = asyncio.Lock()  # of parts, one after the other
        self._error: MixerError | None = None
        self._receiving = Receiving(
            settings,
            self._parts,
            self.status,
            self._warm,
            stopping=self._stop,
            stop=self.stop,
            failed=self._failed,
        )
        self._journal: Journal | None = None
        self._unused = UnusedFrames()

    def stop(self, reason: str = STOPPED) -> None:
        """Ends the recording: what is under way is finished. Safe to repeat."""
        if not self._stop.is_set():
            self.status.reason = self.status.reason or reason
            self._stop.set()

    async def run(self) -> Status:
        """Records until something ends it, then finishes the files.

        Raises the error that ended it, if one did, after everything recorded is finished.
        """
        if self.settings.resume:
            self.folder.load()  # there is something to go on with
        else:
            for mix in self._parts.plan.mixes:
                self._check_layout(mix)
        check_folder(self.settings)
        me = Identity.of(os.getpid())
        busy = f"{self.settings.out} is being recorded already"
        with locked(self.folder.lock, busy, me.to_json() if me else ""):
            if self.settings.resume:
                self._parts.plan = self.settings.resumed(self.folder.load())
            self._parts.save()
            async with self._receiving.leaving, listening(self.folder.socket, self._answer):
                async with self._warm, asyncio.TaskGroup() as group:
                    group.create_task(self._receiving.run())
                    group.create_task(self._warm_up())
                    group.create_task(self._steer(group))
                    group.create_task(self._look_for_unused())
                await self._finish()
        if self._error:
            raise self._error
        return self.status

    # --- steering -----------------------------------------------------------------------------

    async def _steer(self, group: asyncio.TaskGroup) -> None:
        """From joining to the stop: starts the mixes, watches time, people and the disk."""
        joined = asyncio.ensure_future(self._receiving.joined.wait())
        stopped = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait({joined, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if self._receiving.joined.is_set():
            self.status.stage = "recording"
            group.create_task(self._start_first_mixes())
        while not self._stop.is_set():
            self._look()
            self._receiving.look()
            self._changed()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._stop.wait()
        joined.cancel()
        stopped.cancel()
        self.status.stage = "finishing"
        self._parts.save(ended=self.status.reason)
        await self._receiving.hang_up()

    def _look(self) -> None:
        """Ends the recording when a limit is reached."""
        s, now_ns = self.settings, self._now_ns()
        with contextlib.suppress(OSError):  # then it is what it was
            self.status.free_bytes = shutil.disk_usage(s.out).free
        joined_ns = self.status.joined_ns
        self.status.elapsed_s = 0.0 if joined_ns is None else (now_ns - joined_ns) / SECOND
        if self._journal is not None and not self._receiving.paused:
            self._journal.refresh()  # knows the pauses
            self.status.recorded_s = self._parts.recorded_s(self._journal, now_ns)
        reached = limit_reached(
            s,
            self.status,
            paused=self._receiving.paused,
            user_seen=self._receiving.presence.user_seen,
            alone_s=self._receiving.presence.alone_s(time.monotonic()),
            away_s=self._receiving.presence.away_s(time.monotonic()),
        )
        if reached is not None:
            reason, error = reached
            self._error = error or self._error
            self.stop(reason)

    async def _look_for_unused(self) -> None:
        """Of what came in vain recording.json tells in the end, which is not to wait for it."""
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._stop.wait()
            if self._journal is not None:
                with contextlib.suppress(OSError):  # then the end tells of it
                    await asyncio.to_thread(self._unused.look, self._journal)

    async def _warm_up(self) -> None:
        """While the conference is being joined, what the first mixes need is started."""
        plan = self._parts.plan
        if not (plan.has_video and plan.live) or plan.ended:
            return
        wanted = min(MAX_WARM, sum(mix.runs for mix in plan.mixes))
        for _ in range(wanted - self._warm.count("mixer.layout")):
            await warmed(self._warm)

    # --- mixes --------------------------------------------------------------------------------

    async def _start_first_mixes(self) -> None:
        """The first mixes start at the first moment that shows everybody's picture. Those that an
        earlier recorder had started go on, over the gap; what it had not finished is finished."""
        joined_ns = self.status.joined_ns
        assert joined_ns is not None
        try:
            async with self._starting:
                journal = await self._open_journal()
                if len(journal.runs) > 1:  # counted since an earlier recorder joined
                    self.status.joined_ns = journal.runs[0].started_ns
                self._parts.go_on(journal)
                waiting = [mix for mix in self._parts.plan.mixes if mix.start_ns is None]
                if not waiting:
                    return
                start_ns = await first_shown_ns(journal, joined_ns, self._receiving.ended)
                for mix in waiting:
                    if self._parts.is_planned(mix):
                        self._parts.start(journal, replace(mix, start_ns=start_ns))
        except MixerError as error:
            self._failed(error)
            self.stop("failed")

    async def _open_journal(self) -> Journal:
        while self._journal is None:
            try:
                self._journal = Journal.open(self.folder.journal)
            except MixerError:
                if self._receiving.ended.is_set():
                    raise
                await asyncio.sleep(POLL_S)
        self._parts.save(conference=self._journal.conference)
        return self._journal

    async def _finish(self) -> None:
        """Everything is journalled: ends the mixes there, waits for their files, joins parts."""
        if is_there(self.folder, self._parts.plan):  # an earlier recorder has finished it
            self.files = list(files_of(self.folder, self._parts.plan))
        elif (self.folder.journal / "journal.json").exists():
            try:
                await self._finish_parts(self._journal or await self._go_on())
            except MixerError as error:
                self._failed(error)
        else:
            # Nothing was journalled: the folder can be used again.
            self.folder.plan.unlink(missing_ok=True)
        self.status.stage = "finished"
        self._changed()

    async def _go_on(self) -> Journal:
        """With what there is, of a recording that was stopped before it had joined."""
        journal = await self._open_journal()
        self._parts.go_on(journal)
        return journal

    async def _finish_parts(self, journal: Journal) -> None:
        journal.refresh()
        lost_ns = self._receiving.presence.lost_ns
        if self.status.reason == "unreachable" and lost_ns is not None:
            for mix in self._parts.plan.mixes:
                if mix.runs and mix.start_ns is not None:
                    await self._parts.end_earlier(journal, lost_ns, mix.id)
        await self._parts.stop_all(journal.watermark_ns)
        await self._parts.done()
        self._error = self._error or self._parts.first_error
        made = await finish(
            self.folder,
            self._parts.plan,
            journal,
            self.status,
            self._parts.errors,
            unused=self._unused,
            keep_work=self.settings.keep_work,
            keep_free=self.settings.min_free_bytes,
        )
        await self._parts.cleaned()
        self._error = self._error or made.first_error
        outputs = [*made.videos.values(), *made.sounds]
        self.files = [self.folder.directory / output.path for output in outputs]

    async def _start_part(self, mix: MixPlan) -> None:
        """Starts a planned mix now; where nothing was journalled, at the moment at which that
        begins. Raises UsageError when it was stopped before that."""
        assert self._journal is not None
        resumed_ns = await self._receiving.resume()
        if self._stop.is_set() or not self._parts.is_planned(mix):
            if self._parts.is_planned(mix):
                self._parts.drop(mix)
            raise UsageError(f"mix {mix.id!r} was stopped before it could start")
        start_ns = self._now_ns() if resumed_ns is None else resumed_ns
        self._parts.start(self._journal, replace(mix, start_ns=start_ns))

    async def _stop_part(self, mix_id: str, at_ms: Any) -> bool:
        """Stops a mix now, or at a moment (epoch ms) that is past: who was to tell us has died, or
        we did not listen. False if it does not run."""
        journal = self._journal
        if journal is None and self._parts.plan.parts(mix_id)[-1].start_ns is not None:
            # of an earlier recorder, while this one has not joined yet
            journal = await asyncio.to_thread(Journal.open, self.folder.journal)
        late_ns = 0
        if isinstance(at_ms, int | float):
            late_ns = max(0, time.time_ns() - int(at_ms * 1_000_000))
        if journal is None:  # it has not begun
            return await self._parts.stop(mix_id, 0)
        if late_ns < LATE_STOP_NS:
            return await self._parts.stop(mix_id, journal.now_ns())
        return await self._parts.end_earlier(journal, journal.now_ns() - late_ns, mix_id)

    # --- control ------------------------------------------------------------------------------

    async def _answer(self, command: str, fields: dict[str, Any]) -> dict[str, Any]:
        self._parts.obey(fields.pop("fence", None))
        match command:
            case "status":
                return self.report()
            case "stop":
                self.stop(STOPPED)
                return {}
            case "start_mix":
                mix = self._parts.next_of(fields)
                self._check_layout(mix)
                async with self._starting:
                    self._check_running()
                    mix = self._parts.add(mix)
                    await self._start_part(mix)
                return {"id": mix.id, "part": mix.part}
            case "stop_mix":
                mix_id = str(fields.get("id", "default"))
                stopped = await self._stop_part(mix_id, fields.get("at_ms"))
                await self._receiving.steer()
                return {"id": mix_id, "stopped": stopped}
            case "pause" | "resume":
                self._check_running()
                self._parts.save(paused=command == "pause")
                await self._receiving.steer()
                return {"paused": self._parts.plan.paused}
        raise UsageError(
            f"unknown command {command!r}: status, start_mix, stop_mix, pause, resume or stop"
        )

    def _check_running(self) -> None:
        if self._stop.is_set():
            raise UsageError("the recording has ended; its files are being finished")
        if self._journal is None:
            raise UsageError("the recording is not running yet; try again when it is")

    def report(self) -> dict[str, Any]:
        """The status as JSON: what `mixer ctl DIR status --json` and `--json` progress show."""
        return {
            "pid": os.getpid(),
            "stage": self.status.stage,
            "elapsed_s": round(self.status.elapsed_s, 3),
            "recorded_s": round(self.status.recorded_s, 3),
            "paused": self._parts.plan.paused,
            "reason": self.status.reason,
            "free_bytes": self.status.free_bytes,
            "ingest": self.status.ingest,
            "ingest_restarts": self.status.ingest_restarts,
            **self._parts.report(self._journal, self._now_ns()),
        }

    def _changed(self) -> None:
        try:
            self._on_status(self.status)
        except OSError as error:  # who looked on has gone; the recording goes on
            log.warning("status.unseen", error=str(error))
            self._on_status = lambda status: None

    # --- small things -------------------------------------------------------------------------

    def _failed(self, error: MixerError) -> None:
        """The first error is the one that is told."""
        self._error = self._error or error

    def _now_ns(self) -> int:
        return self._journal.now_ns() if self._journal else self.status.joined_ns or 0

    def _check_layout(self, mix: MixPlan) -> None:
        """Raises LayoutError where there is no such layout; a page's faults show later."""
        if self._parts.plan.has_video:
            layout_path(mix.layout)
