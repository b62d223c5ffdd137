"""The timeline's geometry: each participant's lane as SVG paths, marks with links, the axis.

Horizontal places are per cent of the file's length, or units of a lane's view box (WIDTH wide,
stretched to whatever width the page has). No markup here but path data, which holds numbers only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .document import FileFacts
from .model import Interval, seconds_in
from .sheet import clock
from .story import OnFile

WIDTH = 100_000
STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
LABELS = 9  # on the axis, at most, before zooming
GOLDEN_ANGLE = 137.508
# Top and height in a lane that is 36 high:
ROWS = {"present": (4, 28), "sharing": (4, 5), "speaking": (11, 14), "camera": (29, 3)}
MARKS = 60  # of one lane


@dataclass(frozen=True, slots=True)
class Mark:
    """Something irregular at a place on a lane, or of the whole video; also a link to it."""

    kind: str  # gap, freeze, black, blank, still, pause
    t: float
    left: float
    width: float
    text: str

    @classmethod
    def of(cls, kind: str, t: float, lasting: float, seconds: float, text: str) -> Mark:
        left, width = percent(t, seconds), percent(lasting, seconds)
        return cls(kind, t, left, width, f"{clock(t)}: {text}")


@dataclass(frozen=True, slots=True)
class Lane:
    """One participant. `share`: of all speech; `paths`: SVG path data by what they show."""

    name: str
    type: str
    hue: float
    spoken: float
    share: float
    summary: str
    paths: dict[str, str]
    marks: Sequence[Mark]
    hidden_marks: int


def lanes_of(one: FileFacts) -> list[Lane]:
    """In the order of joining."""
    whole = sum(seconds_in(person.lanes["speaking"]) for person in one.people) or 1.0
    return [_lane(one, person, at, whole) for at, person in enumerate(one.people)]


def _lane(one: FileFacts, person: OnFile, number: int, whole: float) -> Lane:
    seconds = max(one.file.seconds, 0.001)
    spoken = seconds_in(person.lanes["speaking"])
    marks = sorted(_marks(one, person, seconds), key=lambda mark: -mark.width)
    paths = {name: path(person.lanes[name], seconds, *place) for name, place in ROWS.items()}
    return Lane(
        name=person.name,
        type=person.type,
        hue=round(number * GOLDEN_ANGLE % 360, 1),
        spoken=spoken,
        share=spoken / whole,
        summary=_summary(person, sum(turn.participant == person.id for turn in one.turns)),
        paths=paths,
        marks=sorted(marks[:MARKS], key=lambda mark: mark.t),
        hidden_marks=max(0, len(marks) - MARKS),
    )


def _summary(person: OnFile, turns: int) -> str:
    """The lane in words, for those who cannot see it."""
    there = ", ".join(f"{clock(a)} to {clock(b)}" for a, b in person.lanes["present"][:5])
    parts = [f"present {there}"]
    words = {"speaking": "spoke for", "camera": "camera on for", "sharing": "shared a screen for"}
    for lane, text in words.items():
        if total := seconds_in(person.lanes[lane]):
            parts.append(f"{text} {clock(total)}")
    if turns:
        parts.append(f"{turns} turn{'' if turns == 1 else 's'} of speech")
    return "; ".join(parts)


def _marks(one: FileFacts, person: OnFile, seconds: float) -> Iterable[Mark]:
    what = {"audio": "sound", "video": "picture"}
    for loss in one.losses:
        if loss["participantId"] != person.id:
            continue
        for gap in loss["gaps"]:
            text = f"no {what[loss['kind']]} for {gap['seconds']:.2g} s ({gap['reason']})"
            yield Mark.of("gap", gap["t"], gap["seconds"], seconds, text)
    for stream in one.pictures.get("streams", ()):
        if stream["participantId"] != person.id or stream["source"] != "Camera":
            continue
        for freeze in stream["freezes"]:
            text = f"picture stands still for {freeze['seconds']:.1f} s ({freeze['cause']})"
            yield Mark.of("freeze", freeze["t"], freeze["seconds"], seconds, text)


def path(intervals: Sequence[Interval], seconds: float, top: int, height: int) -> str:
    """Rectangles, one after the other, in units of the view box."""
    parts = []
    for start, stop in intervals:
        left, right = round(start / seconds * WIDTH), round(stop / seconds * WIDTH)
        parts.append(f"M{left} {top}H{max(right, left + 1)}v{height}H{left}z")
    return "".join(parts)


def percent(t: float, seconds: float) -> float:
    return round(min(1.0, max(0.0, t / seconds)) * 100, 4)


def axis(seconds: float) -> dict[str, Any]:
    """Ticks with their labels; those of a higher level are for a timeline that is zoomed in."""
    step = next((s for s in STEPS_S if seconds / s <= LABELS), STEPS_S[-1])
    ticks: dict[float, int] = {}
    for level, divisor in enumerate((1, 4, 16)):
        fine = _finer(step, divisor)
        for number in range(int(seconds / fine) + 1):
            ticks.setdefault(number * fine, level)
    return {
        "step": percent(step, seconds),
        "ticks": [
            {"t": t, "left": percent(t, seconds), "level": level, "label": clock(t)}
            for t, level in sorted(ticks.items())
        ],
    }


def _finer(step: int, divisor: int) -> int:
    """The largest usual step that divides `step` into at least `divisor` parts, or nearly."""
    fitting = [s for s in STEPS_S if step % s == 0 and s * divisor <= step]
    return max(fitting, default=1)
