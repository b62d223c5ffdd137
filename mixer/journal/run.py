"""One run of a journal as read from disk: its meta in memory, its media by offset.

`reader.py` puts the runs together; this module knows nothing of the others.
"""

from __future__ import annotations

import bisect
import json
import os
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..clock import SECOND
from . import records
from .absence import Absence
from .model import Alignment, Event, Frame, Gap, Note, Picture, Track
from .records import Type
from .writer import media_path, meta_path

CHUNK = 1 << 20
MARKS_APART_NS = SECOND // 4
ARRIVAL_MARGIN_NS = SECOND  # media time may run ahead of arrival by so much, never more


@dataclass(slots=True)
class Damage:
    """Bytes of a file that are no whole record although records follow, or are lost otherwise."""

    run: int
    file: str
    offset: int
    length: int


@dataclass(slots=True)
class Run:
    """What one writer's run holds, without who is absent. `sealed`: nothing will be added."""

    directory: Path
    number: int
    absence: Absence = field(default_factory=Absence)
    header: dict[str, Any] = field(default_factory=dict)
    tracks: dict[int, Track] = field(default_factory=dict)
    alignments: dict[int, list[Alignment]] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    pictures: dict[int, list[Picture]] = field(default_factory=dict)
    damage: list[Damage] = field(default_factory=list)
    end: dict[str, Any] | None = None
    sealed: bool = False
    has_tracks: bool = False  # some were announced, be it of people who are absent
    _meta_read: int = 0
    _marks: list[tuple[int, int, int]] = field(default_factory=list)  # (t_ns, arrived_ns, offset)
    _media_fd: int = -1

    @property
    def watermark_ns(self) -> int:
        return self._marks[-1][0] if self._marks else 0

    @property
    def started_ns(self) -> int:
        return int(self.header.get("t_ns", 0))

    @property
    def media_length(self) -> int:
        return media_path(self.directory, self.number).stat().st_size

    def refresh(self) -> bool:
        """Reads what meta has gained; True if there was anything."""
        path = meta_path(self.directory, self.number)
        try:
            with path.open("rb") as file:
                file.seek(self._meta_read)
                buffer = memoryview(file.read())
        except FileNotFoundError:
            return False
        start, before = 0, self._meta_read
        for at, type_, payload in records.records(buffer):
            if payload is None:
                self.damage.append(Damage(self.number, "meta", before + at, type_))
                start = at + type_
                continue
            self._take(type_, bytes(payload))
            start = at + records.HEADER_SIZE + len(payload)
        self._meta_read = before + start
        return start > 0

    def _take(self, type_: int, payload: bytes) -> None:
        self.has_tracks |= type_ == Type.TRACK
        if type_ == Type.WATERMARK:
            self._mark(records.unpack_watermark(payload))
        elif type_ == Type.PICTURE:
            picture = records.unpack_picture(payload, self.number)
            if not self.absence.covers(picture.track):
                self.pictures.setdefault(picture.track, []).append(picture)
        elif (value := self.absence.rest(type_, json.loads(payload))) is not None:
            self._take_json(type_, value)

    def _mark(self, mark: tuple[int, int, int]) -> None:
        """The last one is the watermark; of those before it a few a second are index enough, as
        what is read between them is looked at one by one."""
        if len(self._marks) > 1 and self._marks[-1][0] - self._marks[-2][0] < MARKS_APART_NS:
            self._marks[-1] = mark
        else:
            self._marks.append(mark)

    def _take_json(self, type_: int, value: dict[str, Any]) -> None:
        match type_:
            case Type.RUN:
                self.header = value
            case Type.TRACK:
                self.tracks[value["id"]] = Track(**value)
            case Type.ALIGN:
                self.alignments.setdefault(value["track"], []).append(Alignment(**value))
            case Type.GAP:
                self.gaps.append(Gap(**value))
            case Type.EVENT:
                self.events.append(Event(**value))
            case Type.NOTE:
                self.notes.append(Note(**value))
            case Type.END:
                self.end = value
                self.sealed = True
            case _:
                pass  # a later version's record that does not concern us

    def media_range(self, from_ns: int, to_ns: int) -> tuple[int, int]:
        """Offsets between which every frame with from_ns <= media time < to_ns lies."""
        first = bisect.bisect_right(self._marks, from_ns - ARRIVAL_MARGIN_NS, key=lambda m: m[1])
        start = self._marks[first - 1][2] if first else 0
        last = bisect.bisect_left(self._marks, to_ns, key=lambda m: m[0])
        if last < len(self._marks):
            return start, self._marks[last][2]
        if self.sealed:
            return start, self.media_length
        return start, self._marks[-1][2] if self._marks else 0

    def marked_ns(self, offset: int) -> int:
        """A journal time at or before that of the media at an offset, by a quarter second or so."""
        at = bisect.bisect_right(self._marks, offset, key=lambda m: m[2])
        return self._marks[at - 1][0] if at else self.started_ns

    def lost(self) -> list[Damage]:
        """Media that .meta speaks of but is not there, or that no track claims: of a run that has
        ended."""
        length = self.media_length
        told = self._marks[-1][2] if self._marks else 0
        if told > length:
            return [Damage(self.number, "media", length, told - length)]
        return [] if self.has_tracks or not length else [Damage(self.number, "media", 0, length)]

    def media(self, start: int, end: int, tracks: set[int]) -> Iterator[Frame]:
        """The frames of `tracks` that are stored between two offsets, in file order."""
        if self._media_fd < 0:
            self._media_fd = os.open(
                media_path(self.directory, self.number), os.O_RDONLY | os.O_CLOEXEC
            )
        pending = b""
        at = start
        while at < end or pending:
            fresh = os.pread(self._media_fd, min(CHUNK, end - at), at) if at < end else b""
            at += len(fresh)
            buffer = memoryview(pending + fresh)
            base = at - len(buffer)
            used = yield from self._frames_in(buffer, base, end - base, tracks)
            pending = bytes(buffer[used:])
            if not fresh:
                break

    def _frames_in(
        self, buffer: memoryview, base: int, limit: int, tracks: set[int]
    ) -> Generator[Frame, None, int]:
        """Yields the frames that are whole in `buffer`; returns how many bytes were used.

        No record reaches beyond `limit`: a length that says so is damage.
        """
        position = 0
        while len(buffer) - position >= records.HEADER_SIZE:
            length = records.plausible_length(buffer, position)
            if length is not None and len(buffer) < position + length <= limit:
                break  # the rest is in the next chunk
            record = records.parse(buffer, position)
            if record is None or not records.intact(buffer, position, record[0], record[1]):
                position = self._skip_damage(buffer, position, base)
                continue
            type_, payload, _ = record
            if type_ == Type.FRAME and records.frame_track(payload) in tracks:
                yield records.unpack_frame(payload)
            position += record[2]
        return position

    def _skip_damage(self, buffer: memoryview, position: int, base: int) -> int:
        following = records.resync(buffer, position + 1)
        damage = Damage(self.number, "media", base + position, following - position)
        if damage not in self.damage:
            self.damage.append(damage)
        return following

    def close(self) -> None:
        if self._media_fd >= 0:
            os.close(self._media_fd)
            self._media_fd = -1
