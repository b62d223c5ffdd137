"""report.json and timeline.json: the schema that docs/report.md describes, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .. import __version__
from ..clock import SECOND
from ..edit import Span
from ..journal import Journal
from ..sound.loudness import Loudness
from .film import Stretch
from .findings import Finding, findings
from .model import VERSION, OutputFile, seconds_in
from .people import LANES
from .story import Chapter, OnFile, Turn

Json = dict[str, Any]


@dataclass(slots=True)
class FileFacts:
    """All that is known of one file; filled step by step by make.py."""

    file: OutputFile
    name: str
    people: Sequence[OnFile]
    turns: Sequence[Turn]
    chapters: Sequence[Chapter]
    pauses: Sequence[Span]
    losses: Sequence[Json]
    sync: Sequence[Json]
    irregularities: Sequence[Json]
    pictures: Mapping[str, Any]
    stretches: Sequence[Stretch] = ()
    loudness: Loudness | None = None
    poster_at: float | None = None
    error: str = ""
    products: dict[str, str] = field(default_factory=dict)  # what: name of its file

    @property
    def seconds(self) -> float:
        """A leg may be shorter than what it was made of: silence can be cut out of it."""
        if self.file.kind == "leg" and self.loudness is not None:
            return self.loudness.seconds
        return self.file.seconds

    def product(self, what: str, suffix: str) -> str:
        """The name of a file that is now made of this one."""
        self.products[what] = f"{self.name}.{what}.{suffix}"
        return self.products[what]

    @property
    def names(self) -> dict[str, str]:
        return {person.id: person.name for person in self.people}

    def findings(self) -> list[Finding]:
        return findings(
            names=self.names,
            video=self.file.kind == "video",
            pictures=self.pictures,
            stretches=self.stretches,
            losses=self.losses,
            sync=self.sync,
            loudness=self.loudness,
            irregularities=self.irregularities,
            error=self.error,
        )


def report_document(
    journal: Journal,
    facts: Mapping[str, Any],
    files: Sequence[FileFacts],
    told: Mapping[str, Any],
    folder: Path,
) -> Json:
    """What report.json holds."""
    return {
        **_head(journal, facts),
        "recordedSeconds": told["durationSeconds"],
        "files": [_file(one, folder) for one in files],
        "tracks": told["tracks"],
    }


def timeline_document(
    journal: Journal, facts: Mapping[str, Any], files: Sequence[FileFacts], folder: Path
) -> Json:
    """What timeline.json holds."""
    return {
        **_head(journal, facts),
        "files": [_timeline(one, folder) for one in files if one.file.kind != "leg"],
    }


def _head(journal: Journal, facts: Mapping[str, Any]) -> Json:
    started = datetime.fromtimestamp(journal.started_wall, UTC)
    return {
        "version": VERSION,
        "generator": f"mixer {__version__}",
        "conference": journal.conference,
        "alias": facts.get("alias") or journal.conference,
        "startedAt": started.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


def _file(one: FileFacts, folder: Path) -> Json:
    entry: Json = {
        "id": one.name,
        "kind": one.file.kind,
        "file": relative(one.file.path, folder.parent),
        "durationSeconds": round(one.seconds, 3),
        "error": one.error or None,
        "products": dict(one.products),
        "loudness": _loudness(one.loudness),
        "findings": [
            {**asdict(finding), "moments": [asdict(moment) for moment in finding.moments]}
            for finding in one.findings()
        ],
        "losses": list(one.losses),
        "sync": list(one.sync),
        "irregularities": list(one.irregularities),
    }
    if one.file.kind == "video":
        entry |= {
            "layoutName": one.file.layout_name or None,
            "fps": one.file.edits.fps,
            "frames": one.file.edits.frames,
            "pictures": dict(one.pictures),
            "stretches": [asdict(stretch) for stretch in one.stretches],
            "posterAt": one.poster_at,
        }
    return entry


def _loudness(measured: Loudness | None) -> Json | None:
    if measured is None:
        return None
    return {
        "integratedLufs": _rounded(measured.integrated_lufs),
        "truePeakDbtp": _rounded(measured.true_peak_dbtp),
        "rangeLu": _rounded(measured.range_lu),
    }


def _timeline(one: FileFacts, folder: Path) -> Json:
    return {
        "id": one.name,
        "kind": one.file.kind,
        "file": relative(one.file.path, folder.parent),
        "durationSeconds": round(one.file.seconds, 3),
        "participants": [_person(person) for person in one.people],
        "turns": [
            {"start": turn.start, "stop": turn.stop, "participantId": turn.participant}
            for turn in one.turns
        ],
        "chapters": [asdict(chapter) for chapter in one.chapters],
        "pauses": [
            {
                "t": round(one.file.edits.output_seconds(pause.start_ns), 3),
                "seconds": round((pause.stop_ns - pause.start_ns) / SECOND, 3),
            }
            for pause in one.pauses
            if pause.stop_ns is not None and one.file.edits.output_seconds(pause.start_ns) > 0
        ],
    }


def _person(person: OnFile) -> Json:
    return {
        "id": person.id,
        "externalId": person.external_id,
        "name": person.name,
        "type": person.type,
        **{lane: [list(interval) for interval in person.lanes[lane]] for lane in LANES},
        "seconds": {lane: seconds_in(person.lanes[lane]) for lane in LANES},
    }


def relative(path: Path, to: Path) -> str:
    return Path(os.path.relpath(path, to)).as_posix()


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1) + 0.0
