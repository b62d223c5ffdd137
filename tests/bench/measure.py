"""Measures processes: CPU seconds of a whole tree, memory over time. Ratios are what counts."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import psutil

_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command took, all of its descendants included."""

    cpu_s: float
    wall_s: float
    peak_bytes: int
    status: int
    output: str = ""
    memory: Sequence[tuple[float, int]] = ()  # (time, bytes), twice a second


def adopt_orphans() -> None:
    """Makes this process inherit orphaned descendants, so that their CPU time is counted."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def run(argv: Sequence[str], *, check: bool = True, timeout_s: float = 3600) -> Cost:
    """Runs a command to its end and says what it cost."""
    adopt_orphans()
    _reap()  # of what was measured before, which would be counted here
    before, began = _children_cpu_s(), time.monotonic()
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    with Memory(process.pid) as memory:
        output, _ = process.communicate(timeout=timeout_s)
    _reap()
    cost = Cost(
        _children_cpu_s() - before,
        time.monotonic() - began,
        memory.peak_bytes,
        process.returncode,
        output,
        tuple(memory.samples),
    )
    if check and cost.status:
        raise SystemExit(f"bench: {' '.join(argv)} ended with {cost.status}")
    return cost


def mixer(*arguments: str) -> list[str]:
    """The command line of `mixer …` in this environment."""
    return [sys.executable, "-m", "mixer.cli", *arguments]


@dataclass(slots=True)
class Memory:
    """Samples the proportional memory (PSS) of a process tree twice a second."""

    pid: int
    samples: list[tuple[float, int]] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    @property
    def peak_bytes(self) -> int:
        return max((size for _, size in self.samples), default=0)

    def __enter__(self) -> Memory:
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._thread:
            self._thread.join()

    def _sample(self) -> None:
        while not self._ended.wait(0.5):
            self.samples.append((time.monotonic(), tree_bytes(self.pid)))


def tree_bytes(pid: int) -> int:
    """Proportional set size of a process and all its descendants."""
    total = 0
    with contextlib.suppress(psutil.Error):
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            with contextlib.suppress(psutil.Error, AttributeError):
                total += process.memory_full_info().pss
    return total


def tree_cpu_s(pid: int) -> float:
    """CPU seconds so far of a process and its living descendants, and of those it waited for."""
    total = 0.0
    with contextlib.suppress(psutil.Error):
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                total += times.user + times.system
                total += times.children_user + times.children_system
    return total


def _children_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _reap() -> None:
    """Waits for orphans that have ended."""
    deadline = time.monotonic() + 5
    while psutil.Process().children() and time.monotonic() < deadline:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)
        time.sleep(0.05)
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
