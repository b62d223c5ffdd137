"""`recording.json`: what was recorded, how sync was obtained, and everything irregular.

docs/recording.md describes the schema. Times are seconds since the journal began (`t`), and
ISO 8601 in UTC where a clock on the wall is meant.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from ..clock import SECOND
from ..edit import EditList, edit_list
from ..journal import Alignment, Journal, Track, UnusedFrames, write_whole
from .alias import alias
from .irregularities import irregularities
from .outputs import Output, recall
from .plan import MixPlan, Plan, RecordFolder, union

VERSION = 2
SOUND = "sound/"  # names the whole recording's sound among errors; no mix can have this name


def part_name(mix: MixPlan) -> str:
    """Names a part among errors; no file of a mix can have this name."""
    return f"{mix.id}/{mix.part}"


def sound_name(number: int) -> str:
    return f"{SOUND}{number + 1}"


class Ending(Protocol):
    """Why a recording ended."""

    @property
    def reason(self) -> str: ...
    @property
    def ingest_restarts(self) -> int: ...


class Made(Protocol):
    """The files of the whole recording, why some are missing, and which parts (by their name) have
    none of their own."""

    @property
    def videos(self) -> Mapping[str, Output]: ...
    @property
    def sounds(self) -> Sequence[Output]: ...
    @property
    def errors(self) -> Mapping[str, str]: ...
    @property
    def unnamed(self) -> frozenset[str]: ...


def write_result(
    folder: RecordFolder,
    plan: Plan,
    journal: Journal,
    ending: Ending,
    made: Made,
    unused: UnusedFrames | None = None,
) -> dict[str, Any]:
    """Writes recording.json whole; returns what it holds. `unused`: see irregularities.py."""
    groups = plan.groups()
    mixes = [_mix(folder, journal, plan, name, made) for name in groups]
    known = [mix for mix in plan.mixes if mix.start_ns is not None]
    result = {
        "version": VERSION,
        "conference": journal.conference,
        "alias": alias(journal),
        "url": plan.url,
        "format": plan.format,
        "live": plan.live,
        "startedAt": _iso(journal, 0),
        "endedAt": _iso(journal, journal.watermark_ns),
        "durationSeconds": round(journal.watermark_ns / SECOND, 3),
        "recordedSeconds": round(sum((e.frames or 0) / e.fps for e in _spans(journal, known)), 3),
        "reason": ending.reason,
        "ingestRestarts": ending.ingest_restarts,
        "mixes": mixes,
        "audio": _audio(folder, journal, plan, made),
        "pauses": _pauses(journal, known),
        "participants": participants(journal),
        "tracks": [_track(journal, track) for track in journal.tracks.values()],
        "irregularities": irregularities(journal, _notes_by_file(made), unused),
    }
    text = json.dumps(result, indent=2, ensure_ascii=False)
    write_whole(folder.result, text.encode() + b"\n")
    return result


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


def _notes_by_file(made: Made) -> dict[str, tuple[dict[str, Any], ...]]:
    found = {name: output.notes for name, output in made.videos.items()}
    noted = tuple(note for output in made.sounds for note in output.notes)
    if noted:
        found["sound"] = (*found.get("sound", ()), *noted)  # a mix may be called so, too
    return found


def _mix(
    folder: RecordFolder, journal: Journal, plan: Plan, name: str, made: Made
) -> dict[str, Any]:
    parts = plan.groups()[name]
    output = made.videos.get(name)
    first, last = parts[0], parts[-1]
    only = output if len(parts) == 1 else None
    return {
        "id": first.id,
        "file": output.path if output else None,
        "layout": first.layout,
        "layoutName": first.layout_name or None,
        "width": first.width,
        "height": first.height,
        "fps": first.fps,
        "startedAt": _iso(journal, first.start_ns),
        "start": _t(first.start_ns),
        "stop": _t(last.stop_ns),
        "frames": output.frames if output else 0,
        "seconds": output.seconds if output else 0.0,
        "bytes": output.bytes if output else 0,
        "error": _first(made, [name, *map(part_name, parts)]),
        "parts": [_part(folder, journal, mix, made, only) for mix in parts],
    }


def _part(
    folder: RecordFolder, journal: Journal, mix: MixPlan, made: Made, whole: Output | None
) -> dict[str, Any]:
    """`file`: null where the part has no file of its own, being the `whole`."""
    known = next(iter(recall(folder.part_facts(mix))), None)
    output = known or whole
    return {
        "part": mix.part,
        "file": known.path if known and part_name(mix) not in made.unnamed else None,
        "startedAt": _iso(journal, mix.start_ns),
        "start": _t(mix.start_ns),
        "stop": _t(mix.stop_ns),
        "seconds": output.seconds if output else None,
        "bytes": output.bytes if output else None,
        "error": made.errors.get(part_name(mix)),
    }


def _audio(folder: RecordFolder, journal: Journal, plan: Plan, made: Made) -> dict[str, Any] | None:
    if not plan.has_audio:
        return None
    parts = []
    for number, part in enumerate(plan.audio_parts):
        own = () if sound_name(number) in made.unnamed else recall(folder.audio_facts(number))
        files = [_sound(journal, output) for output in own]
        parts.append(
            {
                "part": number + 1,
                "startedAt": _iso(journal, part.start_ns),
                "start": _t(part.start_ns),
                "stop": _t(part.stop_ns),
                "files": files,
                "error": made.errors.get(sound_name(number)),
            }
        )
    return {
        "files": [_sound(journal, output) for output in made.sounds],
        "parts": parts,
        "error": _first(made, [SOUND, *map(sound_name, range(len(plan.audio_parts)))]),
    }


def _first(made: Made, names: Iterable[str]) -> str | None:
    """The first error under any of these names."""
    return next((made.errors[name] for name in names if name in made.errors), None)


def _sound(journal: Journal, output: Output) -> dict[str, Any]:
    found = {
        "file": output.path,
        "kind": output.kind,
        "seconds": output.seconds,
        "bytes": output.bytes,
    }
    if output.kind == "participant":
        found |= {
            "participantId": output.participant,
            "source": output.source,
            "stayStartedAt": _iso(journal, output.stay_ns),
        }
    return found


def _spans(journal: Journal, mixes: Sequence[MixPlan]) -> list[EditList]:
    """Edit lists of the stretches in which any mix ran."""
    return [
        edit_list(span.start_ns, span.stop_ns or journal.watermark_ns, journal.pauses, 30)
        for span in union(mixes)
    ]


def _pauses(journal: Journal, mixes: Sequence[MixPlan]) -> list[dict[str, Any]]:
    """Those within a mix; between parts nothing is journalled either, but that is no pause."""
    end_ns = journal.watermark_ns
    runs = [(span.start_ns, span.stop_ns or end_ns) for span in union(mixes)]
    return [
        {"from": _t(pause.start_ns), "to": _t(pause.stop_ns)}
        for pause in journal.pauses
        if any(start < (pause.stop_ns or end_ns) and pause.start_ns < stop for start, stop in runs)
    ]


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


def _t(t_ns: int | None) -> float | None:
    return None if t_ns is None else round(t_ns / SECOND, 3)


def _iso(journal: Journal, t_ns: int | None) -> str | None:
    if t_ns is None:
        return None
    at = datetime.fromtimestamp(journal.started_wall + t_ns / SECOND, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
