"""The files that lie in a recording's folder: what can be handed out, from plan and result.

Pure but for reading the folder. A part is a file of its own when it was stopped by somebody; what
the conference's end has ended is there as the whole recording's file only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...clock import SECOND
from ...recorder.outputs import Output, recall, why_replaced
from ...recorder.plan import MixPlan, Plan, RecordFolder
from ...records.models import Mix
from ..files import FileMade
from .order import RAW_ID

VIDEO, AUDIO = "video/mp4", "audio/mpeg"


class Look:
    """One look into a recording's folder."""

    def __init__(self, folder: RecordFolder, plan: Plan, mixes: Sequence[Mix]) -> None:
        self._folder = folder
        self._plan = plan
        self._mixes = {(mix.mix_id, mix.part): mix for mix in mixes}

    def row(self, planned: MixPlan) -> Mix | None:
        if planned.id == RAW_ID:
            return next((m for m in self._mixes.values() if m.part == planned.part), None)
        return self._mixes.get((planned.id, planned.part))

    def parts(self) -> Iterator[FileMade]:
        """Files of parts that somebody has stopped, as soon as they are whole."""
        for planned in self._plan.mixes if self._plan.has_video else ():
            row, path = self.row(planned), self._folder.part_file(planned)
            stopped = row is not None and row.stopped_at is not None
            if planned.finished and stopped and path.exists():
                for known in recall(self._folder.part_facts(planned)):
                    start_ms = started_ms(self._folder, planned.start_ns or 0)
                    why = why_replaced(known.notes)
                    yield _video(path, row, planned.part, start_ms, known.seconds, why)
        yield from self._sound_parts()

    def _sound_parts(self) -> Iterator[FileMade]:
        last_stop = max((m.stop_ns or 0 for m in self._plan.mixes), default=0)
        for number, part in enumerate(self._plan.audio_parts):
            if not part.finished or part.stop_ns is None:
                continue
            if self._plan.ended and part.stop_ns >= last_stop and self._ended_with_conference():
                continue
            for known in recall(self._folder.audio_facts(number)):
                yield from _sound(self._folder, known, part.start_ns, number + 1)

    def _ended_with_conference(self) -> bool:
        return any(mix.stopped_at is None for mix in self._mixes.values())

    def whole(self) -> Iterator[FileMade]:
        """Files of the whole recording, from recording.json."""
        result = _json(self._folder.result)
        groups = list(self._plan.groups().values())
        for told, parts in zip(result.get("mixes", ()), groups, strict=False):
            path = self._folder.directory / str(told["file"])
            if told["file"] is None or not path.exists():
                continue
            rows = [row for row in map(self.row, parts) if row is not None]
            row = rows[-1] if rows else None
            start_ms, notes = _epoch_ms(told["startedAt"]), self._notes(parts)
            yield _video(path, row, None, start_ms, told["seconds"], why_replaced(notes))
        audio = result.get("audio") or {}
        if audio and self._plan.audio_parts:
            start_ms = started_ms(self._folder, self._plan.audio_parts[0].start_ns)
            for told in audio.get("files") or ():
                yield _told_sound(self._folder, told, start_ms)

    def _notes(self, parts: Sequence[MixPlan]) -> list[dict[str, Any]]:
        known = (one for part in parts for one in recall(self._folder.part_facts(part)))
        return [note for one in known for note in one.notes]

    def errors(self) -> list[tuple[Mix | None, str]]:
        """Why files of the whole recording are missing."""
        result = _json(self._folder.result)
        groups = list(self._plan.groups().values())
        found: list[tuple[Mix | None, str]] = []
        for told, parts in zip(result.get("mixes", ()), groups, strict=False):
            why = told.get("error") or next((p["error"] for p in told["parts"] if p["error"]), None)
            if why and told["file"] is None:
                found.append((self.row(parts[-1]), str(why)))
        why = (result.get("audio") or {}).get("error")
        return [*found, *([(None, str(why))] if why else [])]


def started_ms(folder: RecordFolder, t_ns: int = 0) -> int:
    """Epoch ms of a journal time; of 1970 where there is no journal.

    To the same millisecond as recording.json says it (mixer/recorder/result.py): a part and the
    whole that begins with it have one name, by which only `_merged` tells them apart.
    """
    wall_s = float(_json(folder.journal / "journal.json").get("wall", 0))
    at = datetime.fromtimestamp(wall_s + t_ns / SECOND, UTC)
    return _epoch_ms(at.isoformat(timespec="milliseconds"))


def load_plan(folder: RecordFolder) -> Plan | None:
    """The plan, None where there is none (yet)."""
    return folder.load() if folder.plan.exists() else None


def _video(
    path: Path,
    row: Mix | None,
    part: int | None,
    start: int,
    seconds: float,
    replaced: str | None,
) -> FileMade:
    details = {} if replaced is None else {"layoutReplaced": replaced}
    length = round(seconds * 1000)
    return FileMade(path, "mix", VIDEO, start, length, row, part, part is None, details)


def _sound(folder: RecordFolder, known: Output, start_ns: int, part: int) -> Iterator[FileMade]:
    path = folder.directory / known.path
    start = started_ms(folder, max(start_ns, known.stay_ns or 0))
    length = round(known.seconds * 1000)
    if path.exists():
        yield sound(path, start, length, known.participant or None, known.source, part=part)


def _told_sound(folder: RecordFolder, told: Mapping[str, Any], start: int) -> FileMade:
    who = str(told.get("participantId") or "") if told["kind"] == "participant" else None
    if told.get("stayStartedAt"):
        start = max(start, _epoch_ms(told["stayStartedAt"]))
    length = round(told["seconds"] * 1000)
    return sound(folder.directory / told["file"], start, length, who, str(told.get("source") or ""))


def sound(
    path: Path,
    start: int,
    length: int,
    who: str | None,
    source: str = "",
    *,
    part: int | None = None,
) -> FileMade:
    """An MP3 of one participant, or of everybody (None); `part` None: of the whole recording."""
    if who is None:
        return FileMade(path, "mix", AUDIO, start, length, part=part, merged=part is None)
    details = {"participantId": who, "source": source, "stayStartedAt": start}
    return FileMade(path, "participant", AUDIO, start, length, None, part, part is None, details)


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _epoch_ms(iso: str) -> int:
    return round(datetime.fromisoformat(iso.replace("Z", "+00:00")).timestamp() * 1000)
