"""What a page takes of the machine: memory and CPU time of its browser, watched from outside.

Too much of either ends the page, like any other failure of it. Limits are in what the browser
used, never in how long that took: how busy the machine is decides nothing.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

WATCH_S = 0.25
TREE_S = 1.0  # between looks for new processes
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Allowance:
    """`memory` in bytes, without what processes share of files; CPU: `cpu_s` once, and
    `cpu_per_s` seconds for each second of page time."""

    memory: int = 2 << 30
    cpu_s: float = 240.0
    cpu_per_s: float = 40.0

    @classmethod
    def from_environment(cls) -> Allowance:
        """Reads MIXER_LAYOUT_MEMORY, in MB."""
        given = os.environ.get("MIXER_LAYOUT_MEMORY", "")
        return cls(memory=int(given) << 20) if given.isdecimal() else cls()


def tree(root: psutil.Process) -> dict[int, psutil.Process]:
    """A process and its descendants; none if it has gone."""
    with suppress(psutil.Error):
        return {one.pid: one for one in (root, *root.children(recursive=True))}
    return {}


def memory(pid: int) -> int:
    """Bytes that only this process, or it and a few, can have asked for; 0 if it has gone."""
    kib = 0
    with suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(("RssAnon:", "RssShmem:")):
                kib += int(line.split()[1])
    return kib << 10


def cpu_s(pid: int) -> float:
    """CPU time of a process so far; 0 if it has gone."""
    with suppress(OSError, IndexError, ValueError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * TICK_S
    return 0.0


class Appetite:
    """Watches one browser. `page_s` is the page's time; `too_much` hears once, in words."""

    def __init__(
        self,
        root: psutil.Process,
        allowance: Allowance,
        page_s: Callable[[], float],
        too_much: Callable[[str], None],
    ) -> None:
        self._root = root
        self._allowance = allowance
        self._page_s = page_s
        self._too_much = too_much
        self._began: dict[int, float] = {p: cpu_s(p) for p in tree(root)}
        self._cpu: dict[int, float] = {}

    async def watch(self) -> None:
        """Until something is too much; what takes the most is killed then."""
        processes: dict[int, psutil.Process] = {}
        for turn in range(1 << 62):
            if turn % round(TREE_S / WATCH_S) == 0:
                processes = tree(self._root)
            used = {pid: memory(pid) for pid in processes}
            reason = self._judge(sum(used.values()), self._spent_s(processes))
            if reason is not None:
                self._too_much(reason)
                with suppress(psutil.Error, ValueError):
                    processes[max(used, key=lambda pid: used[pid])].kill()
                return
            await asyncio.sleep(WATCH_S)

    def _spent_s(self, pids: Iterable[int]) -> float:
        for pid in pids:
            spent = cpu_s(pid) - self._began.get(pid, 0.0)
            self._cpu[pid] = max(spent, self._cpu.get(pid, 0.0))
        return sum(self._cpu.values())

    def _judge(self, used: int, spent_s: float) -> str | None:
        allowed = self._allowance
        if used > allowed.memory:
            return f"the page used more than {allowed.memory >> 20} MB of memory"
        page_s = self._page_s()
        if spent_s > allowed.cpu_s + allowed.cpu_per_s * page_s:
            return f"the page used {spent_s:.0f} s of CPU time for {page_s:.1f} s of its own"
        return None
