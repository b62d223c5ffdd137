"""How long the browser has been waited for, without the time in which it did not get the CPU.

What is recorded must not depend on how busy the machine is, so limits on the wall clock only count
while the browser could have gone on: the kernel tells for how long threads that wanted to run had
to wait (third of the scheduler's figures in /proc, nanoseconds). Where it does not tell (macOS),
limits are plain. Used by `page.py`, `opening.py`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

SLICE_S = 0.5
LEAST = 0.1  # of a slice counts always: every limit is reached at some time
Delays = dict[tuple[int, int], int]  # (process, thread) -> ns


def run_delays() -> Delays:
    """For how long each thread of this process and its descendants waited for a CPU so far, ns."""
    mine = psutil.Process()
    delays: Delays = {}
    for process in [mine, *mine.children(recursive=True)]:
        with suppress(OSError):  # it has gone, or this is no Linux
            for thread in Path(f"/proc/{process.pid}/task").iterdir():
                with suppress(OSError, IndexError):
                    told = (thread / "schedstat").read_text().split()
                    delays[process.pid, int(thread.name)] = int(told[1])
    return delays


class Patience:
    """A limit in seconds that begins now; those in which the machine had no time do not count."""

    def __init__(self, limit_s: float) -> None:
        self._left_s = limit_s
        self._seen_s = time.monotonic()
        self._delays: Delays | None = None  # unknown until the first slice is over

    def over(self) -> bool:
        """True once the limit is reached."""
        took_s = time.monotonic() - self._seen_s
        if took_s >= 0.9 * min(SLICE_S, self._left_s):
            self._seen_s += took_s
            self._left_s -= took_s - self._starved_s(took_s)
        return self._left_s <= 0

    def _starved_s(self, took_s: float) -> float:
        """How much of the slice that is just over does not count."""
        before, self._delays = self._delays, run_delays()
        if before is None:
            return 0.0
        waited_ns = sum(ns - before.get(thread, 0) for thread, ns in self._delays.items())
        return min(waited_ns / 1e9, took_s * (1 - LEAST))

    async def wait(self, futures: Collection[asyncio.Future[Any]]) -> bool:
        """True as soon as one of them is done, False if none is when the limit is reached."""
        while not self.over():
            slice_s, began_s = min(SLICE_S, self._left_s), time.monotonic()
            done, _ = await asyncio.wait(
                futures, timeout=slice_s, return_when=asyncio.FIRST_COMPLETED
            )
            if done:
                return True
            self._seen_s += max(0.0, time.monotonic() - began_s - slice_s)  # we came late ourselves
        return False
