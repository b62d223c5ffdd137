"""Ingest as its recorder sees it: one process at a time, from joining to leaving.

It is started again when it crashes or falls silent, told to pause while nothing is to be
journalled, and what it tells is kept for `session.py`, which decides.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

import structlog

from ..engine import Child, Warm
from ..engine.replies import raise_for
from ..errors import ConferenceUnreachable, MixerError
from ..journal import recover
from .parts import Parts
from .plan import RECORDER_LOCK, RecordFolder
from .presence import Presence
from .restarts import Restarts
from .settings import RecordSettings, Status

log = structlog.get_logger()

# Looks, ten a second: half a minute, in which ingest tells thirty times how it is. Counted, as a
# recorder that was held up itself has heard nothing, either.
SILENT_LOOKS = 300
RESUME_TIMEOUT_S = 10.0
STOPPED = "stopped"  # the reason, where somebody has asked for the end


class Receiving:
    """`run` until `stopping` is set, which `stop(reason)` does; `failed` hears of an error first.

    `leaving` has ingest while it hangs up, for which the files do not wait.
    """

    def __init__(
        self,
        settings: RecordSettings,
        parts: Parts,
        status: Status,
        warm: Warm,
        *,
        stopping: asyncio.Event,
        stop: Callable[[str], None],
        failed: Callable[[MixerError], None],
    ) -> None:
        self.joined = asyncio.Event()
        self.ended = asyncio.Event()  # all that there will be is in the journal
        self.presence = Presence(connected_s=time.monotonic())
        self.paused = False  # what ingest was told last
        self.leaving = contextlib.AsyncExitStack()
        self._settings = settings
        self._folder = RecordFolder(settings.out)
        self._parts = parts
        self._status = status
        self._warm = warm
        self._stopping = stopping
        self._stop = stop
        self._failed = failed
        self._resumed = asyncio.Event()
        self._resumed_ns = 0
        self._child: Child | None = None
        self._lives_since_s: float | None = None  # when the process that runs had joined
        self._unheard_looks = 0

    async def run(self) -> None:
        """Keeps one ingest process alive until the recording ends."""
        try:
            if self._parts.plan.ended:  # only the files were not finished
                self._stop(self._parts.plan.ended)
                return
            restarts = Restarts()
            while not await self._session():
                hopeful = self.joined.is_set() or self._settings.resume
                pause_s = restarts.pause_s(self._lived_s(), hopeful=hopeful)
                if pause_s is None:
                    path = self._settings.out / "ingest.log"
                    raise ConferenceUnreachable(f"the receiving process keeps failing: see {path}")
                self._status.ingest_restarts += 1
                log.warning("ingest.restart", failures=restarts.failures)
                await asyncio.sleep(pause_s)
        except MixerError as error:
            self._failed(error)
        finally:
            self._stop("ingest-ended")
            with contextlib.suppress(MixerError):
                await asyncio.to_thread(recover, self._folder.journal, besides=RECORDER_LOCK)
            self.ended.set()

    async def _session(self) -> bool:
        """One ingest process; True if it ended because the recording did."""
        self._lives_since_s = None
        argv = [self._parts.plan.url, "--name", self._settings.name]
        argv += ["--dir", str(self._folder.journal)]
        self.paused = self._wants_pause
        if self.paused:
            argv.append("--paused")
        async with contextlib.AsyncExitStack() as stack:
            child = await stack.enter_async_context(await self._started(argv))
            self._child = child
            if self._stopping.is_set():
                await child.stop()
            await self.steer()  # what it shall do may have changed meanwhile
            async for event in child.events:
                if self.heard(event):
                    self.leaving.push_async_exit(stack.pop_all())
                    return True
            self._child = None
            return self._stopping.is_set() and (await child.wait()).clean

    async def _started(self, argv: list[str]) -> Child:
        return await self._warm.child(
            "ingest",
            ["mixer.ingest", *argv],
            environment=self._settings.ingest_environment,
            log_path=self._settings.out / "ingest.log",
        )

    def _lived_s(self) -> float:
        """How long the last process was in the conference."""
        return 0.0 if self._lives_since_s is None else time.monotonic() - self._lives_since_s

    def heard(self, event: dict[str, Any]) -> bool:
        """What ingest tells; True when that is the recording's end."""
        match event.pop("event"):
            case "joined":
                self._lives_since_s = time.monotonic()
                self._unheard_looks = 0
                if self._status.joined_ns is None:
                    self._status.joined_ns = event["t_ns"]
                self.joined.set()
            case "resumed":
                self._resumed_ns = event["t_ns"]
                self._resumed.set()
            case "status":
                self._unheard_looks = 0
                self.presence.heard(event, time.monotonic())
                self._status.ingest = event
            case "failed":
                raise_for(event)
            case "ended":
                reason = event.get("reason", "conference-ended")
                if reason == STOPPED and not self._stopping.is_set():
                    return False  # a signal to it alone: nobody has asked for the end
                self._stop(reason)
                return True
            case _:
                pass
        return False

    def look(self) -> None:
        """Ten times a second. One that is in the conference and tells nothing any more is killed,
        and another takes its place."""
        self._unheard_looks += 1
        if self._child and self._lives_since_s is not None and self._unheard_looks > SILENT_LOOKS:
            log.warning("ingest.silent")
            self._child.kill()
            self._unheard_looks = 0

    async def hang_up(self) -> None:
        """Has it leave; returns when everything is journalled."""
        if self._child:
            await self._child.stop()
        await self.ended.wait()

    # --- pauses -------------------------------------------------------------------------------

    @property
    def _wants_pause(self) -> bool:
        """Whether nothing is to be journalled: someone paused, or no mix runs."""
        return self._parts.plan.paused or not self._parts.active

    async def steer(self) -> None:
        """Has ingest do what is wanted now."""
        if self._child is None or self._wants_pause == self.paused:
            return
        self.paused = self._wants_pause
        self._resumed.clear()
        await self._child.send("pause" if self.paused else "resume")

    async def resume(self) -> int | None:
        """Has ingest do what is wanted now. The moment at which journalling begins again; None
        where it was going on, is to stay paused, or does not begin within RESUME_TIMEOUT_S."""
        waiting = self.paused and not self._parts.plan.paused
        await self.steer()
        if waiting:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RESUME_TIMEOUT_S):
                    await self._resumed.wait()
        return self._resumed_ns if waiting and self._resumed.is_set() else None
