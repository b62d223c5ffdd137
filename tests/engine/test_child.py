"""A parent and its children understand each other, and neither survives the other wrongly."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from mixer.engine import Child
from tests.system.processes import until

ECHO = """
import asyncio
from mixer.engine import Port
async def main():
    async with Port() as port:
        print("noise on stdout")
        port.emit("ready")
        async for command in port.commands:
            port.emit("heard", what=command)
        port.emit("ended", reason="asked")
asyncio.run(main())
"""

ENVIRONMENT = """
import json, os
print(json.dumps({"event": "ready", "values": list(os.environ.values())}), flush=True)
"""

DEAF = """
import signal, time, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('{"event": "ready"}', flush=True)
while True: time.sleep(1)
"""


LEAVING = """
import subprocess
left = subprocess.Popen(["sleep", "600"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
print('{"event": "ready", "left": %d}' % left.pid, flush=True)
"""


def program(directory: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> list[str]:
    (directory / "program_of_test.py").write_text(textwrap.dedent(source))
    monkeypatch.setenv("PYTHONPATH", f"{directory}:{Path(__file__).parents[2]}")
    return ["program_of_test"]


async def test_a_nice_one_steps_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where Linux shares the processor out by sessions: several that start at once."""
    argv = program(tmp_path, monkeypatch, ECHO)
    async with contextlib.AsyncExitStack() as stack:
        for number in range(3):
            child = await stack.enter_async_context(Child(f"echo-{number}", argv, nice=5))
            assert os.getpriority(os.PRIO_PROCESS, child.pid) == 5
            group = Path(f"/proc/{child.pid}/autogroup")
            if group.exists() and group.read_text():
                async with asyncio.timeout(20):
                    while not group.read_text().endswith("nice 5\n"):  # noqa: ASYNC110
                        await asyncio.sleep(0.02)


async def test_commands_and_events_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands arrive in order, stray prints do not disturb, stop ends the child cleanly."""
    async with Child("echo", program(tmp_path, monkeypatch, ECHO)) as child:
        events = child.events
        assert (await anext(events))["event"] == "ready"
        await child.send("one", x=1)
        assert await anext(events) == {"event": "heard", "what": {"command": "one", "x": 1}}
        await child.stop()
        assert (await anext(events))["event"] == "ended"
        assert [event async for event in events] == []
        assert (await child.wait()).clean


async def test_a_child_inherits_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of the storage and the database do not get near the browsers of pages."""
    for name in ("MIXER_S3_SECRET_KEY", "AWS_SECRET_ACCESS_KEY", "MIXER_DATABASE_URL"):
        monkeypatch.setenv(name, "hidden")
    argv = program(tmp_path, monkeypatch, ENVIRONMENT)
    async with Child("telling", argv, environment={"MIXER_GIVEN": "given"}) as child:
        told = [event["values"] async for event in child.events]
    assert "given" in told[0]
    assert "hidden" not in told[0]


def _lives(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


async def test_what_a_child_leaves_behind_ends_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, and nothing is killed under its number later: that may be another's by then."""
    async with Child("leaving", program(tmp_path, monkeypatch, LEAVING)) as child:
        told = [event async for event in child.events]
        left = psutil.Process(told[0]["left"])
        await child.wait()
        await asyncio.to_thread(until, lambda: not _lives(left), "what it left has ended")
        monkeypatch.setattr(os, "killpg", lambda *_: pytest.fail("somebody else may be killed"))
        child.kill()


async def test_a_deaf_child_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that ignores stop and SIGTERM is gone after the timeout."""
    child = Child("deaf", program(tmp_path, monkeypatch, DEAF), stop_timeout_s=0.2)
    async with child:
        await anext(child.events)
    assert (await child.wait()).status == -signal.SIGKILL


PARENT = """
import asyncio
from mixer.engine import Child
async def main():
    async with Child("echo", ["program_of_test"]) as child:
        async for event in child.events:
            print(child.pid, flush=True)
asyncio.run(main())
"""


def test_children_end_when_their_parent_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kill -9 of the parent ends the child: no orphan goes on recording."""
    program(tmp_path, monkeypatch, ECHO)
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    line = next(line for line in parent.stdout if line.strip().isdigit())
    child = psutil.Process(int(line))
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    child.wait(10)
