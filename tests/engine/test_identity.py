"""A process is known by its number and its start: another with that number is not touched."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mixer.engine.identity import Identity
from mixer.lock import is_held, locked
from tests.system.processes import until

WAITS = [sys.executable, "-c", "import sys; sys.stdin.read()"]


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(WAITS, stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def test_a_stranger_is_left_alone(child: subprocess.Popen[bytes]) -> None:
    """Its number was somebody else's, who was started at another time."""
    me = Identity.of(child.pid)
    assert me is not None and me.is_alive()
    former = replace(me, started=me.started - 60)
    assert not former.is_alive()
    former.signal(signal.SIGKILL)
    me.signal(signal.SIGSTOP)
    me.signal(signal.SIGKILL)
    assert child.wait(30) == -signal.SIGKILL


def test_the_dead_are_dead(child: subprocess.Popen[bytes]) -> None:
    """Also before they are buried, and when nobody has their number."""
    me = Identity.of(child.pid)
    assert me is not None
    child.kill()
    until(lambda: not me.is_alive(), "it is dead")
    assert Identity.of(child.pid) is not None  # a zombie: nobody has waited for it
    child.wait()
    assert not me.is_alive() and Identity.of(child.pid) is None
    me.signal(signal.SIGKILL)


def test_a_lock_tells_its_holder(tmp_path: Path) -> None:
    """Whoever held it last is in it; what is no identity is none."""
    path, me = tmp_path / "a.lock", Identity(7, 1.5)
    for holder in (replace(me, started=123456.789), me):
        with locked(path, "held", holder.to_json()):
            assert is_held(path) and Identity.read(path) == holder
    assert not is_held(path) and Identity.read(path) == me
    path.write_text("[]")
    assert Identity.read(path) is None and Identity.read(tmp_path / "none") is None
