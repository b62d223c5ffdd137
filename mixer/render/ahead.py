"""Runs an iterator in a thread of its own, a few items ahead of who takes them.

Composing and encoding are two halves of a worker's time, both spent outside of Python's lock: so
two cores work on one segment.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
_POLL_S = 0.1


class _End:
    """The last item: how the source ended."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def ahead(source: Iterable[T], depth: int) -> Iterator[T]:
    """The items of `source`, at most `depth` of them made in advance; its errors are raised here.

    A taker who stops early stops the source at its next item.
    """
    made: queue.Queue[T | _End] = queue.Queue(depth)
    stopped = threading.Event()

    def put(item: T | _End) -> None:
        while not stopped.is_set():
            try:
                made.put(item, timeout=_POLL_S)
                return
            except queue.Full:
                continue

    def run() -> None:
        error: BaseException | None = None
        try:
            for item in source:
                put(item)
                if stopped.is_set():
                    return
        except BaseException as raised:  # handed over, whatever it is
            error = raised
        put(_End(error))

    thread = threading.Thread(target=run, name="ahead", daemon=True)
    thread.start()
    try:
        while not isinstance(item := made.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        stopped.set()
        thread.join()
