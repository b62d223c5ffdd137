"""When a journal's conference saw what of the videos that were presented: stretches of time between
playing, pausing and seeking. Picture and sound are read from the file by them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from ..conference.playing import journal_position_ns
from ..conference.presentation import OBJECTS, video_object
from .model import Event


class Screened(Protocol):
    """What is needed of a journal (mixer.journal.Journal)."""

    @property
    def directory(self) -> Path: ...

    @property
    def watermark_ns(self) -> int: ...

    def events(self, from_ns: int = 0, to_ns: int | None = None) -> Sequence[Event]: ...


@dataclass(frozen=True, slots=True)
class Stretch:
    """From `from_ns` until `to_ns` (None: to the end) the file plays on, or stands."""

    from_ns: int
    to_ns: int | None
    stream: str
    file: Path
    playing: bool
    since_ns: int
    position_ns: int  # where in the video it is at `since_ns`

    def at(self, t_ns: int) -> int:
        """Where in the video it is at a journal time, ns."""
        return self.position_ns + (max(0, t_ns - self.since_ns) if self.playing else 0)


def stretches(journal: Screened) -> list[Stretch]:
    """All of them, in order, as far as the journal is final. A video that is not there (yet) has
    none. Of a journal that grows, only what is new is read."""
    course = _courses.get(journal)
    if course is None:
        course = _courses[journal] = _Course()
    return course.follow(journal)


class _Course:
    """What the events of presentations add up to, up to a moment."""

    def __init__(self) -> None:
        self._past: list[Stretch] = []  # those that have an end
        self._shown: dict[str, Any] | None = None
        self._since_ns = 0
        self._until_ns = 0  # events before it have been read

    def follow(self, journal: Screened) -> list[Stretch]:
        until_ns = journal.watermark_ns
        for event in journal.events(self._until_ns, until_ns):
            if event.type.startswith("presentation."):
                _add(self._past, journal, self._shown, self._since_ns, event.t_ns)
                self._shown, self._since_ns = _after(self._shown, event), event.t_ns
        self._until_ns = max(self._until_ns, until_ns)
        found = list(self._past)
        _add(found, journal, self._shown, self._since_ns, None)
        return found


_courses: WeakKeyDictionary[Screened, _Course] = WeakKeyDictionary()


def _after(shown: dict[str, Any] | None, event: Event) -> dict[str, Any] | None:
    if event.type == "presentation.started":
        began: dict[str, Any] = event.data["presentation"]
        return began if began["kind"] == "video" else None
    if shown is None or shown["id"] != event.data["id"]:
        return shown
    return {**shown, **event.data} if event.type == "presentation.updated" else None


def _add(
    found: list[Stretch],
    journal: Screened,
    shown: dict[str, Any] | None,
    from_ns: int,
    to_ns: int | None,
) -> None:
    name = video_object(shown) if shown is not None else None
    if shown is None or name is None or from_ns == to_ns:
        return
    found.append(
        Stretch(
            from_ns,
            to_ns,
            str(shown["streamId"]),
            journal.directory / OBJECTS / name,
            bool(shown["playing"]),
            from_ns,
            journal_position_ns(shown, from_ns),
        )
    )
