"""Spares are kept while somebody looks after recordings, and only then."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import threading
from pathlib import Path

from mixer.engine.launcher import LocalLauncher


class Waiting(LocalLauncher):
    """Its spares wait for the end of their input, as real ones do, and have imported nothing."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "recorders.log")
        self.spawned: asyncio.Queue[subprocess.Popen[bytes]] = asyncio.Queue()
        self.spawning, self.may_spawn = threading.Event(), threading.Event()
        self.may_spawn.set()
        self._loop = asyncio.get_running_loop()

    def _spawn(self) -> subprocess.Popen[bytes]:
        self.spawning.set()
        self.may_spawn.wait(30)
        command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE)
        self._loop.call_soon_threadsafe(self.spawned.put_nowait, process)
        return process


async def test_spares_come_back(tmp_path: Path) -> None:
    """Whoever looks after recordings begins again after a fault: there are spares as before."""
    launcher = Waiting(tmp_path)
    for _ in range(2):
        running = asyncio.create_task(launcher.run())
        spare = await asyncio.wait_for(launcher.spawned.get(), 30)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await launcher.close()
        assert await asyncio.to_thread(spare.wait, 30) == 0
    assert launcher.spawned.empty()


async def test_a_spare_that_comes_too_late(tmp_path: Path) -> None:
    """One that was being started while the launcher closed is let go."""
    launcher = Waiting(tmp_path)
    launcher.may_spawn.clear()
    running = asyncio.create_task(launcher.run())
    assert await asyncio.to_thread(launcher.spawning.wait, 30)
    await launcher.close()
    launcher.may_spawn.set()
    spare = await asyncio.wait_for(launcher.spawned.get(), 30)
    assert await asyncio.to_thread(spare.wait, 30) == 0
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
