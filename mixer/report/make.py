"""Makes all side products of a recording: reads the journal once, looks at each file, writes.

Each figure has a module of its own; here is only their order. Memory does not grow with the
recording but for some bytes a picture.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import MixerError, StorageError
from ..journal import Journal, Track, write_whole
from ..journal.heads import count_heads
from ..journal.inspect import inspect
from ..sound.loudness import measure_file
from . import film, sheet, webvtt
from .document import FileFacts, report_document, timeline_document
from .model import OnProgress, OutputFile, Report
from .page import Pictures, render_page
from .people import Attendance, attendance
from .quality import Received, losses_of, pictures_of, sync_on_file
from .story import chapters, on_stage, turns

JOURNAL_SHARE = 0.15  # of the progress
NOT_SAFE = re.compile(r"[^A-Za-z0-9._@-]+")
THUMBNAIL_WIDTH = 240


def make(
    journal: Journal,
    outputs: Sequence[OutputFile],
    facts: Mapping[str, Any],
    folder: Path,
    on_progress: OnProgress,
) -> Report:
    """As `make_report` says."""
    scene = Scene.of(journal)
    on_progress(JOURNAL_SHARE)
    writer = _Writer(folder)
    made: list[FileFacts] = []
    pictures: dict[str, Pictures] = {}
    names = _names(outputs)
    for at, (file, name) in enumerate(zip(outputs, names, strict=True)):
        one = _Part(on_progress, at, len(outputs))
        found = _facts_of(scene, file, name, facts)
        _add_sound(found)
        if file.kind == "video":
            pictures[name] = _add_pictures(found, scene, writer, one)
        if file.kind != "leg":
            writer.text(found.product("chapters", "vtt"), webvtt.chapters(found.chapters))
            writer.text(found.product("speakers", "vtt"), webvtt.speakers(found.turns))
        made.append(found)
        one(1.0)
    document = report_document(journal, facts, made, scene.told, folder)
    writer.text("report.json", _json(document))
    writer.text("timeline.json", _json(timeline_document(journal, facts, made, folder)))
    writer.text("report.html", render_page(document, made, pictures, folder))
    on_progress(1.0)
    return Report(document, tuple(writer.files))


@dataclass(frozen=True, slots=True)
class Scene:
    """All of the journal that a report needs, read once."""

    journal: Journal
    end_ns: int
    attendance: Attendance
    received: Received
    tracks: Mapping[int, Track]
    told: Mapping[str, Any]  # as `mixer inspect` does

    @classmethod
    def of(cls, journal: Journal) -> Scene:
        counts = count_heads(journal)
        told = inspect(journal, counts)
        received = Received.of(journal, counts, told)
        there = attendance(journal.events(), journal.watermark_ns)
        return cls(journal, journal.watermark_ns, there, received, journal.tracks, told)


def _facts_of(scene: Scene, file: OutputFile, name: str, facts: Mapping[str, Any]) -> FileFacts:
    """What follows from the journal for one file."""
    people = on_stage(scene.attendance, file.edits, scene.end_ns)
    pauses = scene.journal.pauses
    video = file.kind == "video"
    losses = losses_of(file, scene.received, scene.tracks, scene.end_ns)
    return FileFacts(
        file=file,
        name=name,
        people=people,
        turns=turns(people),
        chapters=chapters(people, file.edits, pauses, file.seconds),
        pauses=pauses,
        losses=[loss for loss in losses if video or loss["kind"] == "audio"],
        sync=sync_on_file(scene.journal, scene.received, file) if video else [],
        irregularities=list(_irregularities(scene, file, facts)),
        pictures=pictures_of(file, scene.attendance, scene.received, scene.tracks) if video else {},
    )


def _irregularities(
    scene: Scene, file: OutputFile, facts: Mapping[str, Any]
) -> Iterable[dict[str, Any]]:
    """Those that concern the file and who is in the journal, with `t` in the file's seconds."""
    known_ids = {None, *(person.id for person in scene.attendance.people)}
    told = [
        entry
        for entry in facts.get("irregularities", ())
        if entry.get("mix") in (None, file.noted_as) and entry.get("participantId") in known_ids
    ]
    known = {(entry["type"], entry.get("t")) for entry in told}
    for note in file.notes:
        t = None if note.get("t_ns") is None else round(note["t_ns"] / 1e9, 3)
        if (note["type"], t) not in known:
            rest = {key: value for key, value in note.items() if key != "t_ns"}
            told.append({"t": t, "mix": file.noted_as, **rest})
    for entry in told:
        if (t := entry.get("t")) is None:
            yield dict(entry)
        elif (at := file.at(round(t * 1e9))) is not None:
            yield {**entry, "t": at}


def _add_sound(found: FileFacts) -> None:
    try:
        found.loudness = measure_file(found.file.path)
    except MixerError as error:
        found.error = str(error)


def _add_pictures(
    found: FileFacts, scene: Scene, writer: _Writer, on_progress: OnProgress
) -> Pictures:
    path, seconds = found.file.path, found.file.seconds
    try:
        looks = film.look_through(path, lambda share: on_progress(0.7 * share))
        found.stretches = film.stretches(path, looks, seconds)
        stills = sheet.stills(path, looks, seconds)
        at = sheet.poster_time(looks, lambda t: _to_see(found, scene, t))
        poster = sheet.poster(path, at)
    except MixerError as error:
        found.error = str(error)
        return Pictures(b"", ())
    found.poster_at = at
    writer.bytes(found.product("poster", "jpg"), poster)
    writer.bytes(found.product("contact-sheet", "jpg"), sheet.contact_sheet(stills))
    return Pictures(poster, tuple((s.t, s.jpeg(THUMBNAIL_WIDTH)) for s in stills))


def _to_see(found: FileFacts, scene: Scene, t: float) -> float:
    """How much there is to see in a file at a time: people, screens, and somebody who speaks."""
    t_ns = found.file.edits.frame_ns(round(t * found.file.edits.fps))
    return scene.attendance.visible_at(t_ns) + 0.5 * scene.attendance.speaking_at(t_ns)


def _names(outputs: Sequence[OutputFile]) -> list[str]:
    """Names for each file's products: its label, with its kind where two have the same."""
    labels = [NOT_SAFE.sub("_", file.label).lstrip(".") or file.kind for file in outputs]
    names: list[str] = []
    for file, label in zip(outputs, labels, strict=True):
        name = label if labels.count(label) == 1 else f"{label}.{file.kind}"
        while name in names:
            name += "_"
        names.append(name)
    return names


@dataclass(frozen=True, slots=True)
class _Part:
    """Progress of one file of several as progress of the whole."""

    on_progress: OnProgress
    number: int
    count: int

    def __call__(self, share: float) -> None:
        done = (self.number + share) / self.count
        self.on_progress(JOURNAL_SHARE + (1 - JOURNAL_SHARE) * done)


@dataclass(slots=True)
class _Writer:
    """Writes files whole into a folder and remembers them."""

    folder: Path
    files: list[Path] = field(default_factory=list)

    def bytes(self, name: str, content: bytes) -> None:
        path = self.folder / name
        try:
            self.folder.mkdir(exist_ok=True)  # only it: the recording may be deleted meanwhile
            write_whole(path, content)
        except OSError as error:
            raise StorageError(f"cannot write {path}: {os.strerror(error.errno or 0)}") from error
        self.files.append(path)

    def text(self, name: str, content: str) -> None:
        self.bytes(name, content.encode())


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
