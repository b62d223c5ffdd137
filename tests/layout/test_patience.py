"""Limits of waiting count only the time in which the machine had any for us."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest

from mixer.layout.patience import Patience, run_delays

BUSY = "import os; os.sched_setaffinity(0, {int(os.environ['CORE'])})\nwhile True: pass"


async def waited(limit_s: float) -> float:
    """How long a limit is on the wall, for something that never comes."""
    began_s = time.monotonic()
    assert not await Patience(limit_s).wait({asyncio.get_running_loop().create_future()})
    return time.monotonic() - began_s


async def test_what_is_done_is_not_waited_for() -> None:
    """True at once, also where the limit is long."""
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    done.set_result(None)
    assert await Patience(3600).wait({done})


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="the kernel does not tell")
async def test_time_without_a_cpu_does_not_count() -> None:
    """Four processes of ours that share one core: a limit lasts longer, but does end."""
    core = str(min(os.sched_getaffinity(0)))
    environment = {**os.environ, "CORE": core}
    busy = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", BUSY, env=environment)
        for _ in range(4)
    ]
    try:
        before = sum(run_delays().values())
        while sum(run_delays().values()) < before + 200_000_000:  # they run, and wait
            await waited(0.1)
        assert await waited(0.7) > 1.4
    finally:
        for process in busy:
            process.kill()
            await process.wait()
