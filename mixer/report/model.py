"""What goes into a report and what comes out, as values. No input or output here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..edit import EditList, Span

FileKind = Literal["video", "audio", "leg"]
Interval = tuple[float, float]  # seconds of a file: from, to
OnProgress = Callable[[float], None]
VERSION = 1  # of report.json and timeline.json (docs/report.md)
LEAST_S = 0.001
SOUND = "sound"  # how the recording names what it notes of the sound of all


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A finished file of a recording. `label` names its products: a mix's id for a video.
    `layout_name`: what whoever asked for a video calls its layout."""

    path: Path
    kind: FileKind
    label: str
    edits: EditList
    notes: tuple[Mapping[str, Any], ...] = field(default=())
    layout_name: str = ""

    @property
    def seconds(self) -> float:
        return (self.edits.frames or 0) / self.edits.fps

    @property
    def noted_as(self) -> str:
        """What recording.json calls it where it tells of irregularities (`mix`)."""
        return SOUND if self.kind == "audio" else self.label

    def at(self, t_ns: int) -> float | None:
        """Where in the file a journal time is, in seconds; None if the file does not show it."""
        if not within(self.edits, t_ns):
            return None
        return round(self.edits.output_seconds(t_ns), 3)


@dataclass(frozen=True, slots=True)
class Report:
    """`document` is what report.json holds; `files` are all that were written."""

    document: Mapping[str, Any]
    files: tuple[Path, ...]


def unheard(share: float) -> None:
    """For those who do not want to know how far it is."""


def on_file(edits: EditList, spans: Iterable[Span], end_ns: int) -> list[Interval]:
    """Stretches of journal time in seconds of a file, rounded to milliseconds.

    A stretch that lasts over a pause stays one; what falls into one altogether is left out. A
    span without an end lasts to `end_ns`.
    """
    found: list[Interval] = []
    for span in spans:
        start = round(edits.output_seconds(span.start_ns), 3)
        stop = round(edits.output_seconds(end_ns if span.stop_ns is None else span.stop_ns), 3)
        if stop - start < LEAST_S:
            continue
        if found and start - found[-1][1] < LEAST_S:
            found[-1] = (found[-1][0], max(stop, found[-1][1]))
        else:
            found.append((start, stop))
    return found


def seconds_in(intervals: Sequence[Interval]) -> float:
    return round(sum(stop - start for start, stop in intervals), 3)


def within(edits: EditList, t_ns: int) -> bool:
    """Whether a file shows a moment at all."""
    return any(s.start_ns <= t_ns and (s.stop_ns is None or t_ns < s.stop_ns) for s in edits.spans)
