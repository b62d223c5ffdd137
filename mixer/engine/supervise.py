"""The parent's end: starts a child, reads its JSON lines, stops it, kills it if it must."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import structlog

from .child import die_with_parent, spawnable

log = structlog.get_logger()

LINE_LIMIT = 1 << 20
# One heap for all threads: big pictures come and go in several of them, and what one has freed
# another can use; what is freed goes back to the system. Node.js is Playwright's driver.
LEAN = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_TRIM_THRESHOLD_": "1000000",
    "NODE_OPTIONS": "--max-semi-space-size=1",
}
# None of a child's business, and pages run in children of children. Who needs one is given it.
SECRET = ("MIXER_S3_", "AWS_", "MIXER_DATABASE_URL")
STOP_TIMEOUT_S = 10.0
AUTOGROUP_TRIES, AUTOGROUP_PAUSE_S = 5, 0.12  # Linux takes one change each 0.1 s, of all together


@dataclass(frozen=True, slots=True)
class ChildExit:
    """How a child ended: its exit status, negative for a signal."""

    status: int

    @property
    def clean(self) -> bool:
        return self.status == 0

    def __str__(self) -> str:
        if self.status < 0:
            return f"killed by {signal.Signals(-self.status).name}"
        return f"exit status {self.status}"


class Child:
    """One running child process.

    async with Child("ingest", ["mixer.ingest", …]) as child:
        async for event in child.events: …
    """

    def __init__(
        self,
        name: str,
        argv: list[str],
        *,
        nice: int = 0,
        environment: Mapping[str, str] | None = None,
        log_path: Path | None = None,
        stop_timeout_s: float = STOP_TIMEOUT_S,
    ) -> None:
        self.name = name
        self._argv = argv
        self._nice = nice
        self._environment = environment or {}
        self._log_path = log_path
        self._stop_timeout_s = stop_timeout_s
        self._process: asyncio.subprocess.Process | None = None
        self._burying: asyncio.Task[None] | None = None
        self._buried = False
        self._stepping_back: asyncio.Task[None] | None = None  # held, so that it runs to its end

    @property
    def pid(self) -> int:
        return self._running.pid

    @property
    def _running(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._process

    async def __aenter__(self) -> Self:
        if self._process is None:
            await self._start()
        return self

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def begin(
        self, argv: list[str], *, environment: Mapping[str, str], log_path: Path | None
    ) -> None:
        """Gives a child that was started with `--wait` its arguments (`child.begun`)."""
        given = _set(environment)
        log = str(log_path) if log_path else ""
        await self.send("begin", arguments=argv, environment=given, log=log)

    async def _start(self) -> None:
        stderr = self._log_path.open("ab") if self._log_path else None
        try:
            self._process = await asyncio.create_subprocess_exec(
                *spawnable(self._argv),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
                env=_set({**LEAN, **without_secrets(os.environ), **self._environment}),
                limit=LINE_LIMIT,
                preexec_fn=_preparation(self._nice),
                start_new_session=True,  # Ctrl-C is the parent's to handle
            )
        finally:
            if stderr:
                stderr.close()
        self._burying = asyncio.create_task(self._bury(), name=f"bury-{self.name}")
        if self._nice:
            self._stepping_back = asyncio.create_task(_step_back(self.pid, self._nice))
        log.info("child.started", child=self.name, pid=self.pid)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        ending = asyncio.ensure_future(self._end())
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError:
            await asyncio.wait({ending})  # nobody else would, and the child would outlive its owner
            raise

    @property
    async def events(self) -> AsyncIterator[dict[str, Any]]:
        """What the child tells, until it ends."""
        stdout = self._running.stdout
        assert stdout is not None
        while line := await stdout.readline():
            with contextlib.suppress(ValueError):
                yield json.loads(line)

    async def send(self, command: str, **fields: Any) -> None:
        """Gives the child a command; one that has gone is no error."""
        stdin = self._running.stdin
        assert stdin is not None
        with contextlib.suppress(OSError, RuntimeError):
            stdin.write(json.dumps({"command": command, **fields}).encode() + b"\n")
            await stdin.drain()

    async def stop(self) -> None:
        await self.send("stop")

    async def wait(self) -> ChildExit:
        """Waits for the end; read `events` to their end first."""
        return ChildExit(await self._running.wait())

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    async def _bury(self) -> None:
        """What a child leaves behind is killed when it ends, and never later: its number may be
        another process' by then."""
        await self._running.wait()
        self.kill()
        self._buried = True

    def _signal(self, sig: signal.Signals) -> None:
        if self._buried:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, sig)

    async def _end(self) -> None:
        if self._running.returncode is None:
            await self.stop()
            self._signal(signal.SIGTERM)  # for programs that do not listen on stdin
            try:
                async with asyncio.timeout(self._stop_timeout_s):
                    async for _ in self.events:
                        pass
                    await self.wait()
            except TimeoutError:
                log.warning("child.killed", child=self.name, pid=self.pid)
        self.kill()
        ended = await self.wait()
        if self._burying is not None:
            await self._burying
        log.info("child.ended", child=self.name, pid=self.pid, how=str(ended))


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: v for name, v in environment.items() if not name.startswith(SECRET)}


def _preparation(nice: int) -> Callable[[], None]:
    def prepare() -> None:
        die_with_parent()
        if nice:
            os.nice(nice)

    return prepare


async def _step_back(pid: int, nice: int) -> None:
    """Where Linux groups processes by session (sched(7), "The autogroup feature"), their own
    niceness holds within their session only, and a child has one of its own: the session's counts.
    """
    for _ in range(AUTOGROUP_TRIES):
        try:
            Path(f"/proc/{pid}/autogroup").write_text(str(nice))
            return
        except BlockingIOError:
            await asyncio.sleep(AUTOGROUP_PAUSE_S)
        except OSError:
            return  # not grouped so, or gone already


def _set(variables: Mapping[str, str]) -> dict[str, str]:
    """Without those of ours that are empty: a child's own environment takes them away."""
    return {name: value for name, value in variables.items() if value or name not in LEAN}
