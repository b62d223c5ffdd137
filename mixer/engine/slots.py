"""Machine-wide bound on simultaneous renders: whoever renders holds one of N locked files.

A lock ends with its process, so nothing is left behind by a kill. Renders wait for a slot before
they start their children: they are late then, and lose nothing. Ingest takes none.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError

DIRECTORY = "MIXER_SLOTS_DIR"
COUNT = "MIXER_SLOTS"
POLL_S = 0.25


@dataclass(frozen=True, slots=True)
class Slots:
    """`count` locked files in `directory`; without a directory there is no bound."""

    directory: Path | None = None
    count: int = 0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Slots:
        """MIXER_SLOTS_DIR, and MIXER_SLOTS (default: as many as there are cores)."""
        directory = environment.get(DIRECTORY, "")
        text = environment.get(COUNT, "") or str(os.cpu_count() or 1)
        if not text.isdecimal() or int(text) < 1:
            raise UsageError(f"{COUNT}={text!r}: give how many renders may run at once")
        return cls(Path(directory) if directory else None, int(text))

    def to_environment(self) -> dict[str, str]:
        if self.directory is None:
            return {}
        return {DIRECTORY: str(self.directory), COUNT: str(self.count)}

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Holds a slot, after waiting for one. A folder that cannot be written bounds nothing:
        a recording is worth more than an even load."""
        descriptor = None
        while self.directory is not None and descriptor is None:
            try:
                descriptor = self._take(self.directory)
            except OSError:
                break
            if descriptor is None:
                await asyncio.sleep(POLL_S)
        try:
            yield
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def free(self) -> int:
        """How many could be taken now."""
        taken = []
        with suppress(OSError):
            while self.directory and (descriptor := self._take(self.directory)) is not None:
                taken.append(descriptor)
        for descriptor in taken:
            os.close(descriptor)
        return len(taken)

    def _take(self, directory: Path) -> int | None:
        directory.mkdir(parents=True, exist_ok=True)
        for number in range(self.count):
            path = directory / f"slot-{number + 1}"
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return descriptor
            except BlockingIOError:
                os.close(descriptor)
        return None
