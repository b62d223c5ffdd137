"""`recording.json`: what was recorded, how sync was obtained, and everything irregular.

docs/recording.md describes the schema. Times are seconds since the journal began (`t`), and
ISO 8601 in UTC where a clock on the wall is meant.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from ..clock import SECOND
from ..journal import Alignment, Journal, Track, write_whole
from ..render.job import RenderResult
from .irregularities import irregularities
from .plan import MixPlan, Plan, RecordFolder

VERSION = 1


class Ending(Protocol):
    """Why a recording ended."""

    @property
    def reason(self) -> str: ...
    @property
    def ingest_restarts(self) -> int: ...


@dataclass(frozen=True, slots=True)
class MixOutcome:
    """How one mix ended: with a file or with an error."""

    result: RenderResult | None = None
    error: str = ""


def write_result(
    folder: RecordFolder,
    plan: Plan,
    journal: Journal,
    ending: Ending,
    outcomes: dict[str, MixOutcome],
) -> dict[str, Any]:
    """Writes recording.json whole; returns what it holds."""
    result = {
        "version": VERSION,
        "conference": journal.conference,
        "alias": alias(journal),
        "url": plan.url,
        "startedAt": _iso(journal, 0),
        "endedAt": _iso(journal, journal.watermark_ns),
        "durationSeconds": round(journal.watermark_ns / SECOND, 3),
        "reason": ending.reason,
        "ingestRestarts": ending.ingest_restarts,
        "mixes": [_mix(journal, m, outcomes.get(m.id, MixOutcome())) for m in plan.mixes],
        "participants": participants(journal),
        "tracks": [_track(journal, track) for track in journal.tracks.values()],
        "irregularities": irregularities(journal, _notes(outcomes)),
    }
    text = json.dumps(result, indent=2, ensure_ascii=False)
    write_whole(folder.result, text.encode() + b"\n")
    return result


def alias(journal: Journal) -> str:
    """What people call the conference; its id where it has no other name."""
    names = [
        event.data["conference"].get("alias")
        for event in journal.events()
        if event.type == "conference.updated"
    ]
    return next((str(name) for name in reversed(names) if name), journal.conference)


def participants(journal: Journal) -> list[dict[str, Any]]:
    """Everybody who was there but mixers, with the first and last time they were seen."""
    found: dict[str, dict[str, Any]] = {}
    for event in journal.events():
        if event.type == "participant.added":
            person = event.data["participant"]
            if person.get("type") == "mixer":
                continue
            entry = {key: person.get(key) for key in ("id", "externalId", "name", "type")}
            found.setdefault(person["id"], {**entry, "joined": _t(event.t_ns)})["left"] = None
        elif event.type == "participant.removed" and event.data["id"] in found:
            found[event.data["id"]]["left"] = _t(event.t_ns)
    return list(found.values())


def _notes(outcomes: dict[str, MixOutcome]) -> dict[str, tuple[dict[str, Any], ...]]:
    """What the mixes' renders noted, by the mixes' ids."""
    return {id_: outcome.result.notes for id_, outcome in outcomes.items() if outcome.result}


def _mix(journal: Journal, mix: MixPlan, outcome: MixOutcome) -> dict[str, Any]:
    result = outcome.result
    return {
        "id": mix.id,
        "file": f"mixes/{result.out.name}" if result else None,
        "layout": mix.layout,
        "width": mix.width,
        "height": mix.height,
        "fps": mix.fps,
        "startedAt": _iso(journal, mix.start_ns) if mix.start_ns is not None else None,
        "start": _t(mix.start_ns) if mix.start_ns is not None else None,
        "stop": _t(mix.stop_ns) if mix.stop_ns is not None else None,
        "frames": result.frames if result else 0,
        "bytes": result.bytes if result else 0,
        "error": outcome.error or None,
    }


def _track(journal: Journal, track: Track) -> dict[str, Any]:
    made = journal.alignments.get(track.id, ())
    return {
        "id": track.id,
        "participantId": track.participant,
        "stream": track.stream,
        "source": track.source,
        "kind": track.kind,
        "codec": track.codec,
        "sync": sync(made[-1]) if made else None,
    }


def sync(alignment: Alignment) -> dict[str, Any]:
    """How a track's place in time was found, and how well."""
    return {
        "method": alignment.method,
        "qualityMs": round(alignment.quality_ns / 1e6, 2),
        "driftPpm": round(alignment.ppm, 1),
    }


def _t(t_ns: int) -> float:
    return round(t_ns / SECOND, 3)


def _iso(journal: Journal, t_ns: int) -> str:
    at = datetime.fromtimestamp(journal.started_wall + t_ns / SECOND, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
