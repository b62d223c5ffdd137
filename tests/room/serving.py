"""A real conference server in a process of its own, and waiting for conditions."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

TIMEOUT_S = 60.0


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
            with contextlib.suppress(ProcessLookupError):  # ended, and not told yet
                os.kill(process.pid, number)
        return await asyncio.wait_for(process.wait(), TIMEOUT_S)


class Line:
    """A way to a server that can be cut: `address` leads to `url` until `cut`, and after `mend`."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = str(parts.hostname), int(parts.port or 80)
        self._own_port = free_port()
        self._listener: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.address = f"http://127.0.0.1:{self._own_port}"

    async def mend(self) -> None:
        self._listener = await asyncio.start_server(self._carry, "127.0.0.1", self._own_port)

    async def cut(self) -> None:
        """Nobody gets through, and what was open is broken off."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for writer in self._open:
            writer.transport.abort()

    async def __aenter__(self) -> Line:
        await self.mend()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cut()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
        both = {writer, far_writer}
        self._open |= both
        try:
            with contextlib.suppress(OSError):
                await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
        finally:
            self._open -= both
            for one in both:
                one.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.write_eof()


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


async def until(condition: Callable[[], Any], what: str, timeout_s: float = TIMEOUT_S) -> None:
    """Waits until the condition, which may have to be awaited, holds; fails saying what was waited
    for."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    while True:
        holds = condition()
        if inspect.isawaitable(holds):
            holds = await holds
        if holds:
            return
        assert loop.time() < deadline, f"waited {timeout_s} s for: {what}"
        await asyncio.sleep(0.05)
