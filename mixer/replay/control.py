"""How a running replay is told what to do: keys in a terminal, or JSON lines on stdin. Pure but
for `listening`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import termios
import tty
from collections.abc import Callable, Iterator

from mixer.replay.player import Command

KEYS: dict[bytes, Command] = {
    b" ": Command("toggle"),
    b"\x1b[C": Command("seek", 10.0, relative=True),
    b"\x1b[D": Command("seek", -10.0, relative=True),
    b"\x1b[A": Command("seek", 60.0, relative=True),
    b"\x1b[B": Command("seek", -60.0, relative=True),
    b"q": Command("stop"),
}
HELP = "space: pause, ← →: 10 s, ↓ ↑: 60 s, q: stop"
MAX_LINE = 10_000  # bytes
MAX_SECONDS = 1e9


class Keys:
    """Bytes from a terminal → commands. A key's sequence may come in pieces."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Command]:
        self._rest += data
        found = []
        while self._rest:
            key = next((key for key in KEYS if self._rest.startswith(key)), None)
            if key is not None:
                found.append(KEYS[key])
            elif any(key.startswith(self._rest) for key in KEYS):
                break
            self._rest = self._rest[len(key) if key else 1 :]
        return found


class Lines:
    """Bytes → commands: {"command": "pause" | "resume" | "stop"}, {"command": "seek", "seconds": S}
    or {"command": "seek", "by": S}. `feed` gives an error's text for a line that is none."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Command | str]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._rest = self._rest[:MAX_LINE]
        return [parse_command(line) for line in lines if line.strip()]


def parse_command(line: bytes) -> Command | str:
    """The command, or what is wrong with the line."""
    try:
        given = json.loads(line)
        name = given["command"]
        if name in ("pause", "resume", "stop"):
            return Command(name)
        if name == "seek":
            relative = "by" in given
            seconds = float(given["by" if relative else "seconds"])
            if abs(seconds) <= MAX_SECONDS:
                return Command("seek", seconds, relative)
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    return (
        'give {"command": "pause"}, "resume" or "stop", {"command": "seek", "seconds": S} '
        'or {"command": "seek", "by": S}'
    )


@contextlib.contextmanager
def listening(
    tell: Callable[[Command], None], on_error: Callable[[str], None], *, as_json: bool
) -> Iterator[None]:
    """While the block lasts, stdin is read: lines if `as_json`, keys if it is a terminal."""
    fd = _stdin()
    if fd is None or not (as_json or os.isatty(fd)):
        yield
        return
    loop = asyncio.get_running_loop()
    reads: Keys | Lines = Lines() if as_json else Keys()

    def readable() -> None:
        data = os.read(fd, 65536)
        if not data:
            loop.remove_reader(fd)
        for one in reads.feed(data):
            on_error(one) if isinstance(one, str) else tell(one)

    with _unbuffered(fd) if not as_json else contextlib.nullcontext():
        try:
            loop.add_reader(fd, readable)
        except OSError:  # a file, or /dev/null: nothing will come
            yield
            return
        try:
            yield
        finally:
            loop.remove_reader(fd)


def _stdin() -> int | None:
    try:
        return sys.stdin.fileno()
    except (AttributeError, ValueError, OSError):  # there is none, or it is no file
        return None


@contextlib.contextmanager
def _unbuffered(fd: int) -> Iterator[None]:
    """Keys come one by one and are not shown; signals as before."""
    before = termios.tcgetattr(fd)
    tty.setcbreak(fd)
    try:
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)
