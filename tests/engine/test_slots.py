"""Slots bound how many render at once, over processes, and are free again after a kill."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from mixer.engine.slots import Slots
from mixer.errors import UsageError

HOLD = """
import asyncio, sys
from mixer.engine.slots import Slots
async def hold():
    async with Slots.from_environment().slot():
        print("held", flush=True)
        await asyncio.Event().wait()
asyncio.run(hold())
"""


async def test_no_more_than_there_are_slots(tmp_path: Path) -> None:
    """Whoever comes later waits, and goes on when one is free."""
    slots = Slots(tmp_path / "slots", 2)
    inside, most = 0, 0

    async def render() -> None:
        nonlocal inside, most
        async with slots.slot():
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(render() for _ in range(6)))
    assert most <= 2
    assert slots.free() == 2


def test_a_killed_process_leaves_its_slot(tmp_path: Path) -> None:
    """The lock ends with its process."""
    slots = Slots(tmp_path, 1)
    argv = [sys.executable, "-c", HOLD]
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, env={**slots.to_environment(), "PYTHONPATH": "."}
    ) as child:
        assert child.stdout
        assert child.stdout.readline() == b"held\n"
        assert slots.free() == 0
        child.kill()
        child.wait()
    assert slots.free() == 1


async def test_without_a_folder_there_is_no_bound() -> None:
    """`mixer render` alone waits for nobody."""
    async with Slots.from_environment({}).slot():
        pass


def test_nonsense_is_refused() -> None:
    """A count that is none is said to be so."""
    with pytest.raises(UsageError, match="MIXER_SLOTS"):
        Slots.from_environment({"MIXER_SLOTS": "many"})
