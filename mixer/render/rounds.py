"""Runs calls in threads, a round of them at a time, while their owner prepares the next round.

Decoding and mixing in one thread, encoding in others: both spend their time outside of Python's
lock. Neighbours: audio_making.py and normal.py.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Self


class Rounds:
    """Each round starts when the one before it has ended; a failed call's error is raised then, or
    at the end of the `with` block, which waits for everything."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(len(os.sched_getaffinity(0)), "round")
        self._busy: list[Future[None]] = []

    def __enter__(self) -> Self:
        return self

    def start(self, calls: Iterable[Callable[[], None]]) -> None:
        self._await()
        self._busy = [self._pool.submit(call) for call in calls]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._await()
        finally:
            self._pool.shutdown(cancel_futures=True)

    def _await(self) -> None:
        busy, self._busy = self._busy, []
        wait(busy)
        for future in busy:
            future.result()
