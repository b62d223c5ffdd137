"""Removes people from a recording for good: from its journal, and from all files made of it.

What is to be done is written to `forgotten.json` before it is done, so that a removal that was
killed is finished by the next one. Finished mixes that still show them are named there, too, and
deleted only when that is asked for: `mixer render` makes them again.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import MixerError, StorageError, UsageError
from ..journal import Journal, people, recover, write_whole
from ..journal.forget import heal, kept_still, rewrite
from .control import ask
from .plan import RecordFolder
from .showing import Legs, made_files, outdated_by, reopen
from .traces import Traces

DERIVED = ("work", "report")  # folders that can be made again
MEDIA = (".mp4", ".mp3", ".mkv", ".wav", ".jpg", ".png")


@dataclass(frozen=True, slots=True)
class Removal:
    """A removal that is under way: who goes, what tells of them, which files will be outdated, and
    who was asked for, so that what came since it was interrupted is found."""

    people: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    outdated: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()

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
    being recorded or rendered (then all is as it was); StorageError; what Journal.open raises.
    """
    folder.load()
    if _is_answered(folder.socket):
        raise UsageError(f"{folder.directory} is being recorded; forget people when it has ended")
    try:
        heal(folder.journal)
        if not folder.journal.is_dir():
            return _forget(folder, who, mixes=mixes)
        recover(folder.journal)  # takes the writers' locks itself
        with kept_still(folder.journal):
            return _forget(folder, who, mixes=mixes)
    except OSError as error:
        raise StorageError(
            f"cannot change {folder.directory}: {error.strerror or error}; "
            "the same command goes on when that is mended"
        ) from error


def _forget(folder: RecordFolder, who: str | None, *, mixes: bool) -> Forgotten:
    path = folder.directory / "forgotten.json"
    state = State.load(path)
    gone: tuple[str, ...] = ()
    if who is not None or state.removal is not None:
        removal = _planned(folder, state.removal or Removal(), who)
        State(removal, state.outdated).save(path)
        _remove(folder, removal)
        state, gone = state.after(removal), removal.people
        state.save(path)
    present = tuple(name for name in state.outdated if (folder.directory / name).exists())
    if not mixes:
        return Forgotten(gone, present, ())
    reopen(folder, present)
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


def _planned(folder: RecordFolder, begun: Removal, who: str | None) -> Removal:
    """What is to go now: `who`, and whoever a removal that was interrupted has not removed yet."""
    journal = Journal.open(folder.journal)
    try:
        ids = set(begun.people)
        asked = sorted({*begun.asked, *([] if who is None else [who])})
        for one in asked:
            try:
                ids.update(people(journal, one))
            except UsageError:  # or gone from the journal already
                if one not in {*begun.asked, *begun.people, *begun.texts}:
                    raise
        traces = Traces.of(journal, ids)
        traces = Traces(ids, {*traces.texts, *begun.texts})
        outdated = {*begun.outdated, *outdated_by(folder, journal, traces)}
    finally:
        journal.close()
    return Removal(tuple(sorted(ids)), traces.texts, tuple(sorted(outdated)), tuple(asked))


def _remove(folder: RecordFolder, removal: Removal) -> None:
    """Takes them out of everything but finished mixes. May be repeated."""
    traces = Traces(removal.people, removal.texts)
    rewrite(folder.journal, removal.people, traces.in_bytes)
    for name in DERIVED:
        with suppress(FileNotFoundError):
            shutil.rmtree(folder.directory / name)
    plan = folder.load()
    without = tuple(one for one in plan.audio.without if one not in traces.people)
    folder.save(replace(plan, audio=replace(plan.audio, without=without)))
    legs = Legs(folder, removal.people)
    for path in made_files(folder):
        if legs.hold(path):
            path.unlink()
    for path in made_files(folder):  # now: some of them say whose the files are
        if path.suffix not in MEDIA:
            traces.remove_from(path)
