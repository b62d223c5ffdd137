"""Children that wait: they take their arguments late, and go when they are not needed."""

from __future__ import annotations

from pathlib import Path

import psutil

from mixer.engine import Warm

MODULE = "mixer.render.worker"


async def test_a_child_that_waited_does_what_a_new_one_does(tmp_path: Path) -> None:
    """It has its arguments and its log by its first command; the next one asked for is new."""
    log = tmp_path / "worker.log"
    argv = [MODULE, "--journal", str(tmp_path), "--work", str(tmp_path)]
    async with Warm() as warm:
        await warm.start(MODULE)
        waiting = await warm.child("worker-0", argv, environment={"X": "1"}, log_path=log)
        assert waiting.is_running
        async with waiting as child:
            assert child.name == "worker-0"
            assert (await anext(child.events))["event"] == "ready"
            assert log.exists()
        assert not (await warm.child("worker-1", argv, log_path=log)).is_running


async def test_one_that_has_died_is_not_handed_out(tmp_path: Path) -> None:
    """A new one takes its place."""
    async with Warm() as warm:
        await warm.start(MODULE)
        children = waiting()
        assert children
        for process in children:
            process.kill()
        psutil.wait_procs(children, 10)
        for child in warm._waiting[MODULE]:
            await child.wait()
        assert not (await warm.child("worker", [MODULE])).is_running


async def test_what_was_not_needed_goes() -> None:
    """At the end of the block nothing of it is left."""
    async with Warm() as warm:
        await warm.start(MODULE)
        assert warm.count(MODULE) == 1
    assert not waiting()


def waiting() -> list[psutil.Process]:
    """Those of this module: the process that runs the tests has other children too."""
    return [p for p in psutil.Process().children() if MODULE in p.cmdline()]
