"""All runs' events in the order of time, as they come: a journal is asked for them again and again
while it grows, and sorts each only once.

With hindsight, a video that was presented is there from the moment at which it was: while it was
recorded it had to be loaded first, and what is rendered live can only show it from then on.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from .model import Event

if TYPE_CHECKING:
    from .run import Run

_Item = tuple[int, int, int, Event]  # time, run, place in the run: no two are equal


class EventOrder:
    """`take` what runs have gained, then ask `between`."""

    def __init__(self, hindsight: bool = False) -> None:
        self._items: list[_Item] = []
        self._taken: dict[int, int] = {}  # by run
        self._presented: dict[str, int] | None = {} if hindsight else None

    def take(self, runs: Iterable[Run]) -> None:
        """In the order of their numbers."""
        for run in runs:
            taken = self._taken.get(run.number, 0)
            for place, event in enumerate(run.events[taken:], taken):
                event = self._in_hindsight(event)
                insort(self._items, (event.t_ns, run.number, place, event))
            self._taken[run.number] = len(run.events)

    def between(self, from_ns: int, to_ns: int) -> list[Event]:
        """Those with from_ns <= t < to_ns."""
        first, end = (bisect_left(self._items, (t_ns,)) for t_ns in (from_ns, to_ns))
        return [event for _, _, _, event in self._items[first:end]]

    def _in_hindsight(self, event: Event) -> Event:
        """A video's file and stream at the time at which it was first presented."""
        if self._presented is None:
            return event
        if event.type == "presentation.started":
            shown = event.data["presentation"]
            for known in (shown["id"], shown.get("streamId", "")):
                self._presented.setdefault(known, event.t_ns)
        began_ns: int | None = None
        if event.type == "presentation.updated" and "object" in event.data:
            began_ns = self._presented.get(event.data["id"])
        elif event.type == "stream.added":
            began_ns = self._presented.get(event.data["stream"]["id"])
        return event if began_ns is None else replace(event, t_ns=began_ns)
