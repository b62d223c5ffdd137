"""Children that have imported everything before they are needed.

Imports take longer than a conference is willing to wait. Whoever knows what will be needed starts
it early (`start`); whoever needs a child asks here (`child`) and gets one that waits, or else a new
one. What waits costs memory and no CPU.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from .child import WAIT
from .supervise import Child


class Warm:
    """Waiting children, by the module that they run. Without any it just makes new ones."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Child]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        waiting, self._waiting = self._waiting, {}
        async with contextlib.AsyncExitStack() as ending:
            for child in (child for children in waiting.values() for child in children):
                ending.push_async_exit(child)

    async def start(
        self, module: str, *, nice: int = 0, environment: Mapping[str, str] | None = None
    ) -> None:
        """One more that waits."""
        child = Child(module, [module, WAIT], nice=nice, environment=environment)
        await child.__aenter__()
        self._waiting.setdefault(module, []).append(child)

    def count(self, module: str) -> int:
        return len(self._waiting.get(module, ()))

    async def child(
        self,
        name: str,
        argv: list[str],
        *,
        nice: int = 0,
        environment: Mapping[str, str] | None = None,
        log_path: Path | None = None,
    ) -> Child:
        """A child as `Child` takes it, for `async with`: one that waited, if there is one."""
        waiting = self._waiting.get(argv[0], [])
        while waiting:
            child = waiting.pop(0)
            if child.is_running:
                child.name = name
                await child.begin(argv[1:], environment=environment or {}, log_path=log_path)
                return child
            await child.__aexit__(None, None, None)
        return Child(name, argv, nice=nice, environment=environment, log_path=log_path)
