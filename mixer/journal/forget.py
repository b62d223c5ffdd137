"""Removes people from a journal for good: every run is written anew without their records.

The new journal is made beside the old one and takes its place in one step, so a kill leaves one of
them whole; what else is left is removed when the removal is asked for again. Which records go,
`absence.py` says; the files around the journal are `recorder/forget.py`'s job.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import shutil
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from ..conference.presentation import OBJECTS
from ..errors import StorageError
from ..lock import folder_locked, locked
from . import records
from .absence import Absence
from .presented import object_files
from .reader import Journal
from .records import Type
from .writer import lock_path, media_path, meta_path, sync_directory, write_whole

FETCHED = "fetched"  # what layout pages got from the network
_EXCHANGE, _AT_CWD = 2, -100  # of renameat2(2)
_BINARY = (Type.WATERMARK, Type.PICTURE)

Unwanted = Callable[[bytes], bool]


def forget(directory: Path, people: Collection[str], unwanted: Unwanted) -> None:
    """Writes the journal in `directory` anew without these participants (ids).

    `unwanted` says of what layout pages had fetched whether it tells of them. Bytes that are no
    whole record are not kept: nobody can say whose they are. Raises UsageError while a writer
    or a render lives, StorageError where there is no room; what Journal.open raises, too.
    """
    heal(directory)
    Journal.open(directory).close()
    with kept_still(directory):
        rewrite(directory, people, unwanted)


def rewrite(directory: Path, people: Collection[str], unwanted: Unwanted) -> None:
    """`forget` for a caller that keeps the journal still already. Raises StorageError."""
    _tidy(directory)
    try:
        _write_anew(directory, _aside(directory), people, unwanted)
        _exchange(_aside(directory), directory)
    except OSError as error:
        heal(directory)
        _tidy(directory)
        reason = error.strerror or error
        raise StorageError(f"cannot write {directory} anew: {reason}; it is as it was") from error
    _tidy(directory)


def heal(directory: Path) -> None:
    """Makes the second step of an `_exchange` that was cut off after its first."""
    if _aside(directory).exists() and not directory.exists():
        _aside(directory).rename(directory)


def _tidy(directory: Path) -> None:
    """Removes what a removal has left, be it the unfinished new journal or the old one."""
    for leftover in (_aside(directory), _former(directory)):
        if leftover.exists():
            shutil.rmtree(leftover)
    sync_directory(directory.parent)


def _write_anew(old: Path, new: Path, people: Collection[str], unwanted: Unwanted) -> None:
    new.mkdir()
    write_whole(new / "journal.json", (old / "journal.json").read_bytes())
    absence = Absence(people)
    for meta in sorted(old.glob("run-*.meta")):
        _rewrite(old, new, int(meta.stem[4:]), absence)
    _keep_fetched(old / FETCHED, new / FETCHED, unwanted)
    _keep_presented(old, new)
    sync_directory(new)


def _aside(directory: Path) -> Path:
    return directory.with_name(f"{directory.name}.anew")


def _former(directory: Path) -> Path:
    return directory.with_name(f"{directory.name}.former")


@contextmanager
def kept_still(directory: Path) -> Iterator[None]:
    """Holds the locks of all writers there have been, and of all renders. Raises UsageError if one
    of them lives."""
    with ExitStack() as stack:
        for path in {lock_path(directory, "ingest"), *directory.glob("*.lock")}:
            stack.enter_context(
                locked(
                    path,
                    f"{directory} is being recorded or finished; "
                    "people can be forgotten when that has ended",
                )
            )
        stack.enter_context(
            folder_locked(
                directory,
                f"{directory} is being rendered; people can be forgotten when that has ended",
            )
        )
        yield


def _exchange(new: Path, old: Path) -> None:
    """`new` takes the place of `old`, which is then found under the other name.

    In one step where the file system can (ext4, XFS, Btrfs, tmpfs and others); elsewhere in two,
    between which there is only `new`: `_heal` makes the second one.
    """
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    names = os.fsencode(new), os.fsencode(old)
    if renameat2 is None or renameat2(_AT_CWD, names[0], _AT_CWD, names[1], _EXCHANGE):
        old.rename(_former(old))
        new.rename(old)
    sync_directory(old.parent)


# ---- one run ------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Moved:
    """Where the bytes of a file have gone after some stretches of it were left out."""

    starts: list[int] = field(default_factory=list)  # of each stretch left out, in order
    shifts: list[int] = field(default_factory=lambda: [0])  # before the first, after each of them

    def left_out(self, start: int, end: int) -> None:
        if end > start:
            self.starts.append(start)
            self.shifts.append(self.shifts[-1] + end - start)

    def __call__(self, offset: int) -> int:
        """How much of what lay before `offset` is left: the new place of what follows there."""
        at = bisect_left(self.starts, offset)  # stretches that begin before it
        if not at:
            return offset
        start = self.starts[at - 1]
        length = self.shifts[at] - self.shifts[at - 1]
        return max(offset - length, start) - self.shifts[at - 1]


def _rewrite(old: Path, new: Path, run: int, absence: Absence) -> None:
    with _mapped(meta_path(old, run)) as meta, _mapped(media_path(old, run)) as media:
        known = _tracks(meta, absence)
        with media_path(new, run).open("xb") as file:
            moved = _rewrite_media(media, file, {t for t in known if not absence.covers(t)})
        with meta_path(new, run).open("xb") as file:
            for type_, record, payload in _whole(meta):
                file.write(_rewritten(type_, record, payload, run, absence, moved))
            _sync(file)


def _tracks(meta: memoryview, absence: Absence) -> set[int]:
    """The ids of all tracks of a run; `absence` then knows whose they are, and the streams."""
    found: set[int] = set()
    for type_, _, payload in _whole(meta):
        if type_ in _BINARY:
            continue
        value = json.loads(bytes(payload))
        absence.rest(type_, value)
        if type_ == Type.TRACK:
            found.add(value["id"])
    return found


def _rewrite_media(media: memoryview, file: BinaryIO, kept: set[int]) -> _Moved:
    """Copies the frames of `kept` tracks; says where they have gone."""
    moved = _Moved()
    start = end = 0  # of the stretch that is to be copied
    for at, type_, payload in records.records(media):
        if payload is None:
            continue
        if type_ == Type.FRAME and records.frame_track(payload) in kept:
            if at != end:
                file.write(media[start:end])
                moved.left_out(end, at)
                start = at
            end = at + records.HEADER_SIZE + len(payload)
    file.write(media[start:end])
    moved.left_out(end, len(media))
    _sync(file)
    return moved


def _rewritten(
    type_: int,
    record: memoryview,
    payload: memoryview,
    run: int,
    absence: Absence,
    moved: _Moved,
) -> bytes | memoryview:
    """A record of .meta as it is to be from now on; empty where nothing of it stays."""
    if type_ == Type.WATERMARK:
        t_ns, arrived_ns, offset = records.unpack_watermark(bytes(payload))
        return records.pack_watermark(t_ns, arrived_ns, moved(offset))
    if type_ == Type.PICTURE:
        one = records.unpack_picture(bytes(payload), run)
        if absence.covers(one.track):
            return b""
        return records.pack_picture(one.track, one.rtp, one.width, one.height, moved(one.offset))
    value = json.loads(bytes(payload))
    rest = absence.rest(type_, value)
    if rest is None:
        return b""
    return record if rest is value else records.pack_json(Type(type_), rest)


def _whole(buffer: memoryview) -> Iterator[tuple[int, memoryview, memoryview]]:
    """(type, record, payload) of each whole record."""
    for at, type_, payload in records.records(buffer):
        if payload is not None:
            yield type_, buffer[at : at + records.HEADER_SIZE + len(payload)], payload


@contextmanager
def _mapped(path: Path) -> Iterator[memoryview]:
    """A file's bytes, without reading all of it into memory."""
    with path.open("rb") as file:
        if not os.fstat(file.fileno()).st_size:
            yield memoryview(b"")
            return
        # Not closed by hand: views of it may outlive an error, and go with it.
        yield memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


# ---- what pages had fetched ---------------------------------------------------------------------


def _keep_fetched(old: Path, new: Path, unwanted: Unwanted) -> None:
    """Takes over answers (`URL and time`.json) and their bodies, but none that are unwanted."""
    if not old.is_dir():
        return
    new.mkdir()
    for path in sorted(old.glob("*.json")):
        text = path.read_bytes()
        name = json.loads(text).get("body", "")
        body = old / name if name else None
        if unwanted(text) or (body and body.exists() and unwanted(body.read_bytes())):
            continue
        os.link(path, new / path.name)
        if body and body.exists() and not (new / name).exists():
            os.link(body, new / name)


def _keep_presented(old: Path, new: Path) -> None:
    """Takes over the pages of what was presented that the new journal still speaks of."""
    if not (old / OBJECTS).is_dir():
        return
    (new / OBJECTS).mkdir()
    journal = Journal.open(new)
    try:
        kept = object_files(journal)
    finally:
        journal.close()
    for name in sorted(kept):
        if (old / OBJECTS / name).exists():
            os.link(old / OBJECTS / name, new / OBJECTS / name)
    sync_directory(new / OBJECTS)
