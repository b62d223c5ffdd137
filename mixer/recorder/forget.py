"""Removes people from a recording for good: from its journal, and from all files made of it.

What is to be done is written to `forgotten.json` before it is done, so that a removal that was
killed is finished by the next one. Finished mixes that still show them are named there, too, and
deleted only when that is asked for: `mixer render` makes them again.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..edit import Span
from ..errors import MixerError, StorageError, UsageError
from ..journal import Journal, people, recover, write_whole
from ..journal.forget import forget as forget_in_journal
from .control import ask
from .plan import Plan, RecordFolder
from .traces import Traces

DERIVED = ("work", "report")  # folders that can be made again
MEDIA = (".mp4", ".mp3", ".mkv", ".wav", ".jpg", ".png")
TAGS_BYTES = 1 << 20  # where an MP3's names are


@dataclass(frozen=True, slots=True)
class Removal:
    """A removal that is under way: who goes, what tells of them, which files will be outdated."""

    people: tuple[str, ...]
    texts: tuple[str, ...]
    outdated: tuple[str, ...]

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Removal:
        return cls(**{key: tuple(texts) for key, texts in value.items()})


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was done. Paths are relative to the recording's folder."""

    people: tuple[str, ...]
    outdated: tuple[str, ...]  # finished files that still show or name somebody who was forgotten
    deleted: tuple[str, ...]  # such files that are no more; `mixer render` makes them again


@dataclass(frozen=True, slots=True)
class State:
    """`forgotten.json`: there as long as there is something left to be done."""

    removal: Removal | None = None
    outdated: tuple[str, ...] = ()

    @classmethod
    def load(cls, path: Path) -> State:
        try:
            value = json.loads(path.read_text())
        except FileNotFoundError:
            return cls()
        removal = value["removal"] and Removal.from_json(value["removal"])
        return cls(removal, tuple(value["outdated"]))

    def save(self, path: Path) -> None:
        if self == State():
            path.unlink(missing_ok=True)
        else:
            write_whole(path, json.dumps(asdict(self), indent=1).encode() + b"\n")

    def after(self, removal: Removal) -> State:
        return State(None, tuple(sorted({*self.outdated, *removal.outdated})))


def forget(folder: RecordFolder, who: str | None, *, mixes: bool = False) -> Forgotten:
    """Removes everybody whose id, external id or name is `who`; finishes what was interrupted.

    `mixes`: finished files that still show somebody who was forgotten are deleted, too, and the
    plan wants them again. Raises UsageError where there is nobody of that name, or while it is
    being recorded; StorageError; what Journal.open raises.
    """
    plan = folder.load()
    if _is_answered(folder.socket):
        raise UsageError(f"{folder.directory} is being recorded; forget people when it has ended")
    path = folder.directory / "forgotten.json"
    try:
        return _forget(folder, plan, path, who, mixes=mixes)
    except OSError as error:
        raise StorageError(
            f"cannot change {folder.directory}: {error.strerror or error}; "
            "the same command goes on when that is mended"
        ) from error


def _forget(
    folder: RecordFolder, plan: Plan, path: Path, who: str | None, *, mixes: bool
) -> Forgotten:
    state = State.load(path)
    gone: tuple[str, ...] = ()
    if state.removal is not None:
        removal = state.removal
        _remove(folder, removal)
        state = state.after(removal)
        state.save(path)
        if who in {*removal.people, *removal.texts}:
            who, gone = None, removal.people
    if who is not None:
        removal = _planned(folder, plan, who)
        State(removal, state.outdated).save(path)
        _remove(folder, removal)
        state, gone = state.after(removal), removal.people
        state.save(path)
    present = tuple(name for name in state.outdated if (folder.directory / name).exists())
    if not mixes:
        return Forgotten(gone, present, ())
    _reopen(folder, present)
    State().save(path)
    return Forgotten(gone, (), present)


def _is_answered(socket: Path) -> bool:
    """Whether a recorder is running there."""
    try:
        asyncio.run(ask(socket, "status"))
    except UsageError:
        return False
    except MixerError:
        return True  # one that does not answer in time
    return True


def _planned(folder: RecordFolder, plan: Plan, who: str) -> Removal:
    recover(folder.journal)
    journal = Journal.open(folder.journal)
    ids = people(journal, who)
    traces = Traces.of(journal, ids)
    there = presence(journal, ids)
    outdated = set(_showing(folder, plan, there))
    outdated |= {_name(folder, mp3) for mp3 in _naming(folder, traces)}
    journal.close()
    return Removal(ids, traces.texts, tuple(sorted(outdated)))


def _remove(folder: RecordFolder, removal: Removal) -> None:
    """Takes them out of everything but finished mixes. May be repeated."""
    traces = Traces(removal.people, removal.texts)
    forget_in_journal(folder.journal, removal.people, traces.in_bytes)
    for name in DERIVED:
        with suppress(FileNotFoundError):
            shutil.rmtree(folder.directory / name)
    plan = folder.load()
    without = tuple(one for one in plan.audio.without if one not in traces.people)
    folder.save(replace(plan, audio=replace(plan.audio, without=without)))
    for path in _made(folder):
        if any(path.name.find(f"_conn_{_safe(one)}_") >= 0 for one in removal.people):
            path.unlink()
        elif path.suffix not in MEDIA:
            traces.remove_from(path)


def _made(folder: RecordFolder) -> Iterator[Path]:
    """The recording's files besides journal, plan and this module's own."""
    kept = {folder.plan, folder.directory / "forgotten.json"}
    for path in sorted(folder.directory.rglob("*")):
        if path.is_file() and path not in kept and not path.is_relative_to(folder.journal):
            yield path


def _safe(participant: str) -> str:
    from ..render.audio_making import safe

    return safe(participant)


# ---- finished files that show them --------------------------------------------------------------


def presence(journal: Journal, ids: Sequence[str]) -> list[Span]:
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


def _naming(folder: RecordFolder, traces: Traces) -> Iterator[Path]:
    """Sound of others whose chapters name them."""
    theirs = tuple(f"_conn_{_safe(one)}_" for one in traces.people)
    for path in _made(folder):
        if path.suffix == ".mp3" and not any(part in path.name for part in theirs):
            with path.open("rb") as file:
                if traces.in_bytes(file.read(TAGS_BYTES)):
                    yield path


def _meets(span: Span, others: Sequence[Span]) -> bool:
    return any(
        (span.stop_ns is None or other.start_ns < span.stop_ns)
        and (other.stop_ns is None or span.start_ns < other.stop_ns)
        for other in others
    )


def _name(folder: RecordFolder, path: Path) -> str:
    return str(path.relative_to(folder.directory))


def _reopen(folder: RecordFolder, outdated: Sequence[str]) -> None:
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
