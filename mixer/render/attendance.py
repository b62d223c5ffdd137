"""Who came and went, and who shared their screen, from the journal's events as they become final.

Gives the stays by which participants' sound is divided into files, and the chapters of audio files.
Neighbours: conference/state.py gives the events their meaning, audio_pass.py asks.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ..clock import MILLISECOND
from ..conference import state as conference
from ..edit import EditList
from ..encode.mp3 import Chapter
from ..journal import Event

EARLY_NS = 100 * MILLISECOND  # less than a segment's look-ahead: known whenever it is asked for
MAX_NAMES = 5  # in the first chapter's title
_CHANGING = {
    "participant.added",
    "participant.updated",
    "participant.removed",
    "stream.added",
    "stream.removed",
}


class EventSource(Protocol):
    """What is needed of a journal (mixer.journal.Journal)."""

    @property
    def watermark_ns(self) -> int: ...

    def events(self, from_ns: int = 0, to_ns: int | None = None) -> Sequence[Event]: ...


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that is worth a chapter."""

    t_ns: int
    name: str
    what: str  # joined, left, …
    present: tuple[str, ...]  # names of who is there from then on


@dataclass(slots=True)
class Attendance:
    """Everything up to the watermark of the last `advance`."""

    moments: list[Moment] = field(default_factory=list)
    _names: dict[str, list[tuple[int, str]]] = field(default_factory=dict)  # since when, by id
    _stays: dict[str, list[int]] = field(default_factory=dict)
    _owned: dict[str, list[int]] = field(default_factory=dict)
    _ended: dict[str, int] = field(default_factory=dict)  # when each one's last stay did
    _state: conference.State = field(default_factory=conference.empty)
    _read_ns: int = 0

    def advance(self, journal: EventSource) -> None:
        """Takes what has become final."""
        until = journal.watermark_ns
        for event in journal.events(self._read_ns, until):
            if event.type in _CHANGING:
                self._take(event)
        self._read_ns = max(self._read_ns, until)

    def name(self, participant: str, end_ns: int) -> str:
        """The last one, not empty, that a participant had before a time; "" if there was none."""
        known = [name for t_ns, name in self._names.get(participant, ()) if t_ns < end_ns]
        return known[-1] if known else ""

    def stays(self, participant: str) -> Sequence[int]:
        """When each stay of a participant began, journal time."""
        return self._stays.get(participant, ())

    def owned(self, participant: str) -> Sequence[int]:
        """From when on sound belongs to each stay: a little before it is told of, as sound may be
        earlier. Whatever comes before the first one belongs to that."""
        return self._owned.get(participant, ())

    def stay_at(self, participant: str, t_ns: int) -> int:
        """Number of the stay to which sound at a time belongs."""
        return max(0, bisect_right(self.owned(participant), t_ns) - 1)

    def _take(self, event: Event) -> None:
        before = _Seen.of(self._state)
        self._state = conference.apply(self._state, event.type, event.data)
        after = _Seen.of(self._state)
        for id_, name in after.people.items():
            if name and name != before.people.get(id_):
                self._names.setdefault(id_, []).append((event.t_ns, name))
        for id_ in after.people.keys() - before.people.keys():
            self._stays.setdefault(id_, []).append(event.t_ns)
            owned = max(event.t_ns - EARLY_NS, self._ended.get(id_, 0))
            self._owned.setdefault(id_, []).append(owned)
            self._tell(event, after.people[id_], "joined")
        for stream in sorted(before.screens.keys() - after.screens.keys()):
            if before.screens[stream] in after.people:
                self._tell(event, before.people[before.screens[stream]], "stopped sharing")
        for stream in sorted(after.screens.keys() - before.screens.keys()):
            self._tell(event, after.people[after.screens[stream]], "shares the screen")
        for id_ in before.people.keys() - after.people.keys():
            self._ended[id_] = event.t_ns
            self._tell(event, before.people[id_], "left")

    def _tell(self, event: Event, name: str, what: str) -> None:
        present = tuple(_Seen.of(self._state).people.values())
        self.moments.append(Moment(event.t_ns, name or "Somebody", what, present))


@dataclass(frozen=True, slots=True)
class _Seen:
    """The part of a state that chapters tell of."""

    people: Mapping[str, str]  # id → name, without mixers and those who are gone
    screens: Mapping[str, str]  # stream → id of who shares it

    @classmethod
    def of(cls, state: conference.State) -> _Seen:
        there = [p for p in state["participants"] if p["type"] != "mixer" and p["status"] != "left"]
        screens = {
            stream["id"]: someone["id"]
            for someone in there
            for stream in someone["streams"]
            if stream["type"] == "ScreenShare"
        }
        return cls({someone["id"]: someone["name"] for someone in there}, screens)


def chapters(moments: Sequence[Moment], edits: EditList) -> list[Chapter]:
    """One at the start, which says who is there, and one wherever something happened; what falls
    on the same output frame is one."""
    total = edits.frames or 0
    found: dict[int, list[str]] = {}
    present: tuple[str, ...] = ()
    for moment in moments:
        frame = edits.first_frame_showing(moment.t_ns)
        if frame == 0:
            present = moment.present
        elif frame < total:
            found.setdefault(frame, []).append(f"{moment.name} {moment.what}")
    first = Chapter(0, _start(present))
    return [first, *(Chapter(edits.sample(at), ", ".join(found[at])) for at in sorted(found))]


def _start(present: Sequence[str]) -> str:
    named = [name or "Somebody" for name in present]
    if len(named) > MAX_NAMES:
        named = [*named[:MAX_NAMES], f"{len(named) - MAX_NAMES} more"]
    return f"Start: {', '.join(named)}" if named else "Start"
