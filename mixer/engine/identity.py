"""Which process it is: by its number and its start, for numbers are used again.

Written into a lock's file by who holds it, so that others can find a holder that answers nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import psutil

TOLERANCE_S = 2.0  # the kernel tells a start by ticks since its own, which clocks round differently


@dataclass(frozen=True, slots=True)
class Identity:
    """`started`: epoch seconds."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """None where there is no such process."""
        try:
            return cls(pid, psutil.Process(pid).create_time())
        except (psutil.Error, ValueError):
            return None

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """What a process has written there of itself; None where that is not known."""
        try:
            value = json.loads(path.read_text())
            return cls(int(value["pid"]), float(value["started"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    def is_alive(self) -> bool:
        """Whether this very process runs; one that is dead and not buried does not."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < TOLERANCE_S
            return same and bool(process.status() != psutil.STATUS_ZOMBIE)
        except (psutil.Error, ValueError):
            return False

    def signal(self, sig: signal.Signals) -> None:
        """Sends a signal to this very process, never to another that has its number by now."""
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            descriptor = os.pidfd_open(self.pid)  # from here on the number cannot change hands
            stack.callback(os.close, descriptor)
            if self.is_alive():
                signal.pidfd_send_signal(descriptor, sig)
