"""The child's end of the line to its parent: JSON lines out on stdout, in on stdin.

    async with Port() as port:
        port.emit("ready")
        async for command in port.commands:   # ends at {"command": "stop"}, EOF or SIGTERM
            ...

Whatever else the process prints to stdout goes to stderr instead. `supervise.py` is the other end.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Self, TextIO

import structlog

MAX_COMMANDS = 64
_PR_SET_PDEATHSIG = 1


def spawnable(argv: list[str]) -> list[str]:
    """The command line that runs a module of this package: `spawnable(["mixer.ingest", …])`."""
    return [sys.executable, "-m", *argv]


def die_with_parent(sig: int = signal.SIGTERM) -> None:
    """Asks the kernel for `sig` when the parent dies (Linux; nothing elsewhere)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, sig)


WAIT = "--wait"


async def begun(port: Port, arguments: list[str]) -> list[str] | None:
    """The arguments of a process: its own, or with `--wait` those of the first command it gets,
    {"command": "begin", "arguments": […], "environment": {…}, "log": "/…/x.log" or ""}.

    A process that waits has imported everything: what it is for begins at once, and secrets come
    on no command line. None: it is not needed.
    """
    if arguments != [WAIT]:
        return arguments
    async for order in port.commands:
        if order.get("command") == "begin":
            os.environ.update(order["environment"])
            if order["log"]:
                log_to(order["log"])
            return list(order["arguments"])
    return None


def log_to(path: str) -> None:
    """Both of stdout and stderr go to the end of that file from now on."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for descriptor in (1, 2):
        os.dup2(file, descriptor)
    os.close(file)


class Port:
    """The parent as the child sees it: `emit` tells it something, `commands` is what it wants."""

    def __init__(self) -> None:
        self.stopping = asyncio.Event()
        self.commanded = False  # to stop, by the parent itself: not orphaned, nor by a signal
        self._queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue(MAX_COMMANDS)
        self._out: TextIO | None = None
        self._reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        die_with_parent()
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
        loop = asyncio.get_running_loop()
        for sig in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(sig, self.stop)
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._reader:
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader
        if self._out:
            with contextlib.suppress(OSError):
                self._out.close()

    def emit(self, event: str, **fields: Any) -> None:
        """Tells the parent; a parent that has gone is no error (`stopping` will be set)."""
        if self._out is None:
            raise RuntimeError("emit outside of `async with`")
        try:
            self._out.write(json.dumps({"event": event, **fields}, ensure_ascii=False) + "\n")
            self._out.flush()
        except (OSError, ValueError):
            self.stop()

    @property
    async def commands(self) -> AsyncIterator[dict[str, Any]]:
        """The parent's commands but `stop`, which ends them."""
        while (command := await self._queue.get()) is not None:
            yield command

    def stop(self) -> None:
        """What SIGTERM, EOF and the command `stop` do."""
        if not self.stopping.is_set():
            self.stopping.set()
            while self._queue.full():
                self._queue.get_nowait()
            self._queue.put_nowait(None)

    async def _read(self) -> None:
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            try:
                command = json.loads(line)
            except ValueError:
                continue
            if command.get("command") == "stop":
                self.commanded = True
                break
            await self._queue.put(command)
        self.stop()
