"""Real processes for system tests: a conference server, publishers, the command line."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

PATIENCE_S = 90.0


@contextlib.contextmanager
def process(*argv: str, log: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A Python module of ours as a process of its own group; gone when the block ends."""
    with log.open("ab") as stderr:
        child = subprocess.Popen(
            [sys.executable, "-m", *argv],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            start_new_session=True,
            env={**os.environ, **environment},
        )
    try:
        yield child
    finally:
        for sig in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, sig)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(10)
        if child.stdin:
            child.stdin.close()
        if child.stdout:
            child.stdout.close()


def told(child: subprocess.Popen[str], event: str) -> dict[str, Any]:
    """The child's next event of that name."""
    assert child.stdout
    for line in child.stdout:
        with contextlib.suppress(ValueError):
            found: dict[str, Any] = json.loads(line)
            if found.get("event") == event:
                return found
    raise AssertionError(f"the process ended with {child.wait()} without telling {event!r}")


@contextlib.contextmanager
def room(directory: Path, name: str = "test") -> Iterator[str]:
    """A conference server of its own; gives the address of a room."""
    argv = ("mixer.room", "--port", "0", "--log-dir", str(directory))
    with process(*argv, log=directory / "room.log") as server:
        yield f"{told(server, 'ready')['url']}/rooms/{name}"


@contextlib.contextmanager
def publisher(directory: Path, url: str, name: str, *options: str) -> Iterator[None]:
    """A synthetic participant who is sending."""
    argv = ("tests.instruments.publisher", "--room", url, "--name", name, *options)
    with process(*argv, log=directory / f"{name}.log") as child:
        told(child, "published")
        yield


def mixer(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Runs `mixer …` to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "mixer.cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert not check or done.returncode == 0, done.stderr
    return done


def until(condition: Callable[[], object], what: str) -> None:
    """Waits until something holds; fails with its name if it never does."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"it never came that {what}"
        time.sleep(0.05)
