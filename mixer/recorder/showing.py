"""Which of a recording's files show, sound like or name some people, and how they are wanted again.

`forget.py` deletes the people's own files and names the others; what is in texts, traces.py knows.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..edit import Span
from ..journal import Journal
from .plan import Plan, RecordFolder
from .traces import Traces

TAGS_BYTES = 1 << 20  # where an MP3's names are


class Legs:
    """Which files are some participants' audio."""

    def __init__(self, folder: RecordFolder, people: Collection[str]) -> None:
        from ..render.audio_making import safe

        self._folder = folder
        self._people = people
        self._owners = dict(_owners(folder))
        self._marks = tuple(f"_conn_{safe(one)}_" for one in people)

    def hold(self, path: Path) -> bool:
        """Whether a file, or what it is the cue sheet of, is one of them.

        Ids that differ only in what file names cannot hold have names that are alike: what was
        written down of a file decides, and its name only where nothing was.
        """
        owner = self._owners.get(_name(self._folder, path.with_suffix(".mp3")))
        if owner is not None:
            return owner in self._people
        return any(mark in path.name for mark in self._marks)


def _owners(folder: RecordFolder) -> Iterator[tuple[str, str]]:
    """(file, participant) of all sound that is known; a mix's participant is ""."""
    for path in (folder.result, *folder.parts.glob("~sound.*.json")):
        with suppress(OSError, ValueError):
            yield from _told(json.loads(path.read_text()))


def _told(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for one in value:
            yield from _told(one)
    elif isinstance(value, dict):
        file = value.get("file", value.get("path"))
        if isinstance(file, str):
            yield file, str(value.get("participantId", value.get("participant", "")))
        for one in value.values():
            yield from _told(one)


def made_files(folder: RecordFolder) -> Iterator[Path]:
    """The recording's files besides journal, plan and what is left to be forgotten."""
    kept = {folder.plan, folder.directory / "forgotten.json"}
    for path in sorted(folder.directory.rglob("*")):
        if path.is_file() and path not in kept and not path.is_relative_to(folder.journal):
            yield path


def outdated_by(folder: RecordFolder, journal: Journal, traces: Traces) -> set[str]:
    """Finished files of which these people's absence makes others: by name, in the folder."""
    there = presence(journal, traces.people)
    return {*_showing(folder, folder.load(), there), *_naming(folder, traces)}


def presence(journal: Journal, ids: Collection[str]) -> list[Span]:
    """When one of these participants was in the conference."""
    found: list[Span] = []
    since: dict[str, int] = {}
    for event in journal.events():
        if event.type == "participant.added" and event.data["participant"]["id"] in ids:
            since.setdefault(event.data["participant"]["id"], event.t_ns)
        elif event.type == "participant.removed" and event.data["id"] in since:
            found.append(Span(since.pop(event.data["id"]), event.t_ns))
    return found + [Span(start_ns, journal.watermark_ns) for start_ns in since.values()]


def _showing(folder: RecordFolder, plan: Plan, there: Sequence[Span]) -> Iterator[str]:
    """Finished videos and mixes of sound that have a moment at which one of them was there."""
    for name, parts in plan.groups().items():
        shown = [part for part in parts if _meets(Span(part.start_ns or 0, part.stop_ns), there)]
        files = [folder.part_file(part) for part in shown]
        files += [folder.mix_file(name)] if shown else []
        yield from (_name(folder, file) for file in files if file.exists())
    if any(_meets(part.span, there) for part in plan.audio_parts):
        for directory in (folder.audio, folder.parts):
            yield from (_name(folder, file) for file in directory.glob("*_conf_*.mp3"))


def _naming(folder: RecordFolder, traces: Traces) -> Iterator[str]:
    """Sound of others whose chapters name them."""
    legs = Legs(folder, traces.people)
    for path in made_files(folder):
        if path.suffix == ".mp3" and not legs.hold(path):
            with path.open("rb") as file:
                if traces.in_bytes(file.read(TAGS_BYTES)):
                    yield _name(folder, path)


def _meets(span: Span, others: Sequence[Span]) -> bool:
    return any(
        (span.stop_ns is None or other.start_ns < span.stop_ns)
        and (other.stop_ns is None or span.start_ns < other.stop_ns)
        for other in others
    )


def _name(folder: RecordFolder, path: Path) -> str:
    return str(path.relative_to(folder.directory))


def reopen(folder: RecordFolder, outdated: Sequence[str]) -> None:
    """The plan wants these files again, and they are deleted."""
    plan = folder.load()
    facts: list[Path] = []
    for name, parts in plan.groups().items():
        whole = _name(folder, folder.mix_file(name)) in outdated
        for part in parts:
            file = folder.part_file(part)
            if _name(folder, file) in outdated or (whole and not file.exists()):
                plan = plan.with_mix(replace(part, finished=False))
                facts.append(folder.part_facts(part))
    if any(name.endswith(".mp3") for name in outdated):
        sounds = tuple(replace(part, finished=False) for part in plan.audio_parts)
        plan = replace(plan, audio_parts=sounds)
        facts += [folder.audio_facts(number) for number in range(len(sounds))]
    if outdated:
        folder.save(replace(plan, merged=False))
    for path in [*facts, *(folder.directory / name for name in outdated)]:
        path.unlink(missing_ok=True)
