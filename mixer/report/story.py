"""What happened, as people tell it: turns of speech, and chapters from joins, shares and leaves.

Stretches of journal time come from `people.py`; everything here is in seconds of one file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..edit import EditList, Span
from .model import Interval, on_file, within
from .people import LANES, Attendance, Person

BREATH_S = 1.0  # a shorter silence does not end a turn
SHORTEST_TURN_S = 0.3
TOGETHER_S = 5.0  # what happens within that time is one chapter,
MOST = 60  # or within this part of a long file
AT_START_S = 2.0
NAMED = 3  # people whose names are told; of more, the number
NOBODY = "Unnamed"


@dataclass(frozen=True, slots=True)
class Turn:
    start: float
    stop: float
    participant: str
    name: str


@dataclass(frozen=True, slots=True)
class Chapter:
    start: float
    stop: float
    title: str


@dataclass(frozen=True, slots=True)
class OnFile:
    """A participant as far as one file shows them."""

    id: str
    name: str
    external_id: str
    type: str
    lanes: Mapping[str, Sequence[Interval]]


def on_stage(attendance: Attendance, edits: EditList, end_ns: int) -> list[OnFile]:
    """Everybody who is there at some time of the file."""
    found = []
    for person in attendance.people:
        lanes: dict[str, list[Interval]] = {
            lane: on_file(edits, person.spans[lane], end_ns) for lane in LANES
        }
        if lanes["present"]:
            found.append(OnFile(person.id, named(person), person.external_id, person.type, lanes))
    return found


def named(person: Person) -> str:
    return person.name.strip() or NOBODY


def turns(people: Sequence[OnFile]) -> list[Turn]:
    """In order of time; turns of several people may overlap, those of one do not."""
    found = [
        Turn(start, stop, person.id, person.name)
        for person in people
        for start, stop in _joined(person.lanes["speaking"])
        if stop - start >= SHORTEST_TURN_S
    ]
    return sorted(found, key=lambda turn: (turn.start, turn.stop))


def _joined(stretches: Sequence[Interval]) -> list[Interval]:
    made: list[Interval] = []
    for start, stop in stretches:
        if made and start - made[-1][1] < BREATH_S:
            made[-1] = (made[-1][0], stop)
        else:
            made.append((start, stop))
    return made


def chapters(
    people: Sequence[OnFile], edits: EditList, pauses: Sequence[Span], seconds: float
) -> list[Chapter]:
    """The first begins at 0, each lasts until the next, and the last to the end."""
    moments = sorted(_moments(people, edits, pauses, seconds), key=lambda moment: moment[0])
    groups: list[tuple[float, list[tuple[str, str]]]] = [(0.0, [])]
    for t, verb, name in moments:
        near = AT_START_S if groups[-1][0] == 0.0 else max(TOGETHER_S, seconds / MOST)
        if t - groups[-1][0] >= near:
            groups.append((t, []))
        groups[-1][1].append((verb, name))
    stops = [start for start, _ in groups[1:]] + [seconds]
    return [
        Chapter(start, stop, _title(events) or "Start")
        for (start, events), stop in zip(groups, stops, strict=True)
    ]


def _moments(
    people: Sequence[OnFile], edits: EditList, pauses: Sequence[Span], seconds: float
) -> Iterator[tuple[float, str, str]]:
    """(time, what, who); what somebody does at the file's end is no chapter."""
    for person in people:
        for start, stop in person.lanes["present"]:
            yield start, "join", person.name
            if stop < seconds - AT_START_S:
                yield stop, "leave", person.name
        for start, stop in person.lanes["sharing"]:
            yield start, "share", person.name
            if stop < seconds - AT_START_S and not _leaves_at(person, stop):
                yield stop, "unshare", person.name
    for pause in pauses:
        if pause.stop_ns is not None and within(edits, pause.stop_ns):
            at = round(edits.output_seconds(pause.stop_ns), 3)
            if at > 0:
                yield at, "pause", ""


def _leaves_at(person: OnFile, t: float) -> bool:
    return any(abs(stop - t) < AT_START_S for _, stop in person.lanes["present"])


_VERBS = {
    "join": ("{} joins", "{} join"),
    "share": ("{} shares the screen", "{} share their screens"),
    "unshare": ("{} stops sharing", "{} stop sharing"),
    "leave": ("{} leaves", "{} leave"),
}


def _title(events: Sequence[tuple[str, str]]) -> str:
    parts = ["Recording goes on after a pause"] if any(v == "pause" for v, _ in events) else []
    for verb, (one, many) in _VERBS.items():
        names = list(dict.fromkeys(name for told, name in events if told == verb))
        if names:
            parts.append((one if len(names) == 1 else many).format(listed(names)))
    return "; ".join(parts)


def listed(names: Sequence[str], most: int = NAMED) -> str:
    """Ada, Grace and Edsger; Ada, Grace, Edsger and 4 others."""
    if len(names) > most + 1:
        return f"{', '.join(names[:most])} and {len(names) - most} others"
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
