"""Starts recorders that outlive whoever started them, and finds them again by their folder.

`Launcher` is what the service knows; `LocalLauncher` is the one for this machine. A recorder runs
in a session of its own, without a tie to its parent: when the server is killed, it goes on. Whether
one lives says the lock in its folder, and who it is what it has written there; it is told by
control.sock, and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import structlog

from ..errors import MixerError
from ..lock import is_held
from .child import spawnable
from .identity import Identity
from .supervise import LEAN, without_secrets

log = structlog.get_logger()

STOP_TIMEOUT_S = 10.0
POLL_S = 0.05
SPARE_AFTER_S = 5.0  # a new spare is not to be in the way of the recording that took the last one
LOCK = Path("journal", "recorder.lock")


class Running(Protocol):
    """A recorder, whoever started it."""

    @property
    def folder(self) -> Path: ...
    def is_alive(self) -> bool: ...
    async def ask(self, command: str, **fields: Any) -> dict[str, Any]: ...
    async def kill(self, *, gently: bool = True) -> None: ...


class Launcher(Protocol):
    """Where recorders run."""

    async def start(self, order: Mapping[str, Any]) -> Running: ...
    def adopt(self, folder: Path) -> Running | None: ...
    async def run(self) -> None: ...
    async def close(self) -> None: ...


class LocalRecorder:
    """One recorder of this machine: started here (`process`), or found in its folder."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes] | None = None) -> None:
        self.folder = folder
        self._process = process

    def is_alive(self) -> bool:
        """Also while it has not taken its lock yet, or makes its report without it."""
        if self._process is not None:
            return self._process.poll() is None
        known = Identity.read(self.folder / LOCK)
        return is_held(self.folder / LOCK) or (known is not None and known.is_alive())

    async def ask(self, command: str, **fields: Any) -> dict[str, Any]:
        """Raises UsageError when it refuses or does not listen, MixerError when it is silent."""
        from ..recorder.control import ask

        return await ask(self.folder / "control.sock", command, **fields)

    async def kill(self, *, gently: bool = True) -> None:
        """SIGTERM, which it takes for `stop`; when it is not gone within 10 s, or not gently,
        SIGKILL: what it has not finished, another goes on with."""
        found = await self._identity()
        for sig in (signal.SIGTERM, signal.SIGKILL) if gently else (signal.SIGKILL,):
            if found is None or not self.is_alive():
                return
            found.signal(sig)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_TIMEOUT_S):
                    while self.is_alive():  # noqa: ASYNC110 - it may be nobody's child
                        await asyncio.sleep(POLL_S)

    async def _identity(self) -> Identity | None:
        """As it has written it itself, for one that hangs says nothing; one of an earlier version
        is asked. Whoever only renders in the folder, and holds the lock, is nobody of ours."""
        if self._process is not None:
            return Identity.of(self._process.pid)
        known = Identity.read(self.folder / LOCK)
        if known is not None:
            return known if known.is_alive() else None
        with contextlib.suppress(MixerError, ValueError, KeyError):
            return Identity.of(int((await self.ask("status"))["pid"]))
        return None


class LocalLauncher:
    """Starts recorders as processes of this machine; keeps `spares` of them ready.

    `environment`: what they and their children are given besides our own. `log_path`: where spares
    and what dies before it has its own log write.
    """

    def __init__(
        self, log_path: Path, *, spares: int = 1, environment: Mapping[str, str] | None = None
    ) -> None:
        self._log_path = log_path
        self._wanted = spares
        self._environment = environment or {}
        self._spares: list[subprocess.Popen[bytes]] = []
        self._taken = asyncio.Event()
        self._closed = False
        self._started: list[subprocess.Popen[bytes]] = []

    async def run(self) -> None:
        """Keeps spares ready, and buries the dead, until cancelled; also after `close`."""
        self._closed = False
        while True:
            self._spares = [one for one in self._spares if one.poll() is None]
            self._started = [one for one in self._started if one.poll() is None]
            if len(self._spares) < self._wanted and not self._closed:
                spawning = asyncio.ensure_future(asyncio.to_thread(self._spawn))
                spawning.add_done_callback(self._spawned)  # also when this is cancelled meanwhile
                with contextlib.suppress(OSError):
                    await asyncio.shield(spawning)
            self._taken.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SPARE_AFTER_S):
                    await self._taken.wait()
                await asyncio.sleep(SPARE_AFTER_S)

    async def start(self, order: Mapping[str, Any]) -> LocalRecorder:
        """A recorder at work on the order (mixer/recorder/settings.py). Raises OSError."""
        process = self._spare()
        if process is None:
            process = await asyncio.to_thread(self._spawn)
        self._taken.set()
        self._started.append(process)
        line = json.dumps(order).encode() + b"\n"
        try:
            await asyncio.to_thread(_give, process, line)
        except OSError:  # the spare has died in this very moment
            process = await asyncio.to_thread(self._spawn)
            self._started.append(process)
            await asyncio.to_thread(_give, process, line)
        log.info("recorder.started", pid=process.pid, folder=str(order["out"]))
        return LocalRecorder(Path(order["out"]), process)

    def adopt(self, folder: Path) -> LocalRecorder | None:
        """The recorder that lives in a folder, if one does; also one that makes its report."""
        found = LocalRecorder(folder)
        return found if found.is_alive() else None

    async def close(self) -> None:
        """Spares go; recorders stay."""
        self._closed = True
        spares, self._spares = self._spares, []
        for spare in spares:
            assert spare.stdin
            with contextlib.suppress(OSError):
                spare.stdin.close()
        for spare in spares:
            with contextlib.suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(spare.wait, STOP_TIMEOUT_S)
            if spare.poll() is None:
                spare.kill()

    def _spawned(self, spawning: asyncio.Future[subprocess.Popen[bytes]]) -> None:
        """There is one more spare; let go at once where none is wanted any more."""
        if spawning.cancelled():  # the process ends, and its pipe to the spare
            return
        if (error := spawning.exception()) is not None:
            # No memory, no processes: recordings go on without.
            log.warning("spare.failed", error=str(error))
            return
        spare = spawning.result()
        if not self._closed:
            self._spares.append(spare)
            return
        assert spare.stdin
        spare.stdin.close()
        self._started.append(spare)  # to be buried

    def _spare(self) -> subprocess.Popen[bytes] | None:
        while self._spares:
            spare = self._spares.pop(0)
            if spare.poll() is None:
                return spare
        return None

    def _spawn(self) -> subprocess.Popen[bytes]:
        """Popen rather than asyncio's: that one kills its children when its loop ends."""
        self._log_path.parent.mkdir(parents=True, exist_ok=True)
        with self._log_path.open("ab") as output:
            return subprocess.Popen(
                spawnable(["mixer.recorder.spare"]),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env={**LEAN, **without_secrets(os.environ), **self._environment},
                start_new_session=True,
            )


def _give(process: subprocess.Popen[bytes], line: bytes) -> None:
    assert process.stdin
    process.stdin.write(line)
    process.stdin.close()
