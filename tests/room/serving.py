"""A real conference server in a process of its own, and waiting for conditions."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

TIMEOUT_S = 30.0


class Server:
    """`python -m mixer.room`, started by `serving`."""

    def __init__(self, log_dir: Path, port: int, arguments: tuple[str, ...]) -> None:
        self._command = [sys.executable, "-m", "mixer.room", "--port", str(port)]
        self._command += ["--log-dir", str(log_dir), *arguments]
        self._process: asyncio.subprocess.Process | None = None
        self.url = ""

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def room(self, name: str) -> str:
        return f"{self.url}/rooms/{name}"

    def janus(self) -> psutil.Process | None:
        """The running Janus of this server."""
        for child in psutil.Process(self.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if child.name() == "janus" and child.status() != psutil.STATUS_ZOMBIE:
                    return child
        return None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *self._command, stdout=asyncio.subprocess.PIPE
        )
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), TIMEOUT_S)
        self.url = json.loads(line)["url"]

    async def stop(self, number: int = signal.SIGTERM) -> int:
        """Ends it; its exit code."""
        process = self._process
        assert process is not None
        if process.returncode is None:
            os.kill(process.pid, number)
        return await asyncio.wait_for(process.wait(), TIMEOUT_S)


@asynccontextmanager
async def serving(log_dir: Path, *arguments: str, port: int = 0) -> AsyncIterator[Server]:
    server = Server(log_dir, port, arguments)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def until(
    condition: Callable[[], bool | Awaitable[bool]], what: str, timeout_s: float = TIMEOUT_S
) -> None:
    """Waits until the condition holds; fails saying what was waited for."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    while True:
        holds = condition()
        if not isinstance(holds, bool):
            holds = await holds
        if holds:
            return
        assert loop.time() < deadline, f"waited {timeout_s} s for: {what}"
        await asyncio.sleep(0.05)
