"""What a matte track's records say, and how its planes are read back (track.py, records.py)."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import zlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mixer.layout.matte import Matte, Placement, Plane, Tile
from mixer.layout.patches import key_of, patched
from mixer.layout.records import MAGIC, Kind, Record, committed

FRAMES = struct.Struct("<Q")
SHOW = struct.Struct("<QI")
SIZES = struct.Struct("<II")
REFERENCE = struct.Struct("<IIII")
KEPT_REFERENCES = 8
KEPT_BYTES = 12 << 20
DIGEST = 16


@dataclass(frozen=True, slots=True)
class TrackNote:
    """Something irregular about the page at an output frame."""

    frame: int
    type: str
    data: Mapping[str, Any]


def digest(data: bytes | memoryview) -> bytes:
    return hashlib.blake2b(data, digest_size=DIGEST).digest()


def matte_name(told: Mapping[str, Any]) -> bytes:
    """What equal mattes have in common."""
    return digest(json.dumps(told, sort_keys=True).encode())


def parts(data: bytes, sizes: Sequence[int]) -> list[bytes]:
    found, at = [], 0
    for size in sizes:
        found.append(data[at : at + size])
        at += size
    return found


@dataclass(slots=True)
class Contents:
    """What the records say, without the pixels: those are read from the file when asked for."""

    header: dict[str, Any] = field(default_factory=dict)
    planes: list[tuple[int, int, int]] = field(default_factory=list)  # offset, length, see `key`
    plane_ids: dict[bytes, int] = field(default_factory=dict)
    mattes: list[dict[str, Any]] = field(default_factory=list)
    matte_ids: dict[bytes, int] = field(default_factory=dict)
    shown: list[tuple[int, int]] = field(default_factory=list)  # (frame, matte id)
    pixels: list[tuple[int, int, int, int]] = field(default_factory=list)  # first, count, where
    notes: list[TrackNote] = field(default_factory=list)
    seen: dict[str, Any] = field(default_factory=dict)
    references: list[tuple[int, str, bytes, bytes]] = field(default_factory=list)
    frames: int = 0
    finished: bool = False

    def key(self, number: int) -> int:
        """The whole plane that a plane is a patch of, or itself."""
        return self.planes[number][2]

    def take(self, record: Record, end: int) -> None:
        """Adds one record that ends at offset `end` of the file."""
        body, where = record.body, (end - len(record.body), len(record.body))
        match record.kind:
            case Kind.HEADER:
                self.header = json.loads(body)
            case Kind.PLANE:
                self.plane_ids[body[:DIGEST]] = len(self.planes)
                self.planes.append((*where, len(self.planes)))
            case Kind.PATCH:
                self.plane_ids[body[:DIGEST]] = len(self.planes)
                self.planes.append((*where, key_of(body[DIGEST + SIZES.size :])))
            case Kind.MATTE:
                told = json.loads(body)
                if "like" in told:
                    told = self.mattes[told.pop("like")] | told
                self.matte_ids[matte_name(told)] = len(self.mattes)
                self.mattes.append(told)
            case Kind.SHOW:
                self.shown.append(SHOW.unpack(body))
            case Kind.PIXELS:
                self.pixels.append((*SHOW.unpack_from(body), *where))
            case Kind.NOTE:
                told = json.loads(body)
                self.notes.append(TrackNote(told["frame"], told["type"], told["data"]))
            case Kind.SEEN:
                self.seen.update(json.loads(body))
            case Kind.REFERENCE:
                matte_id, *sizes = REFERENCE.unpack_from(body)
                found = parts(body[REFERENCE.size :], sizes)
                self.references.append((matte_id, found[0].decode(), found[1], found[2]))
                del self.references[:-KEPT_REFERENCES]
            case Kind.PROGRESS | Kind.FINISH:
                (self.frames,) = FRAMES.unpack(body)
                self.finished = record.kind == Kind.FINISH


def read(descriptor: int, contents: Contents, offset: int) -> tuple[Contents, int]:
    """Takes the committed records from `offset` on; where the next ones will be."""
    size = os.fstat(descriptor).st_size
    if offset == 0:
        if os.pread(descriptor, len(MAGIC), 0) != MAGIC:
            return contents, 0
        offset = len(MAGIC)
    data = os.pread(descriptor, max(0, size - offset), offset)
    records, end = committed(memoryview(data))
    for record in records:
        contents.take(record, offset + record.end)
    if not contents.header:
        return contents, 0
    return contents, offset + end


class Kept:
    """The whole planes that were read last: the same arrays as long as they are kept."""

    def __init__(self) -> None:
        self._planes: OrderedDict[int, Plane] = OrderedDict()
        self._size = 0

    def get(self, number: int) -> Plane | None:
        if number in self._planes:
            self._planes.move_to_end(number)
        return self._planes.get(number)

    def put(self, number: int, plane: Plane) -> None:
        self._planes[number] = plane
        self._size += plane.nbytes
        while self._size > KEPT_BYTES and len(self._planes) > 1:
            self._size -= self._planes.popitem(last=False)[1].nbytes


def load_plane(descriptor: int, contents: Contents, number: int, kept: Kept | None = None) -> Plane:
    if kept is not None and (known := kept.get(number)) is not None:
        return known
    offset, length, key = contents.planes[number]
    body = os.pread(descriptor, length, offset)
    data = body[DIGEST + SIZES.size :]
    if key != number:
        return patched(load_plane(descriptor, contents, key, kept), data)
    width, height = SIZES.unpack_from(body, DIGEST)
    plane = np.frombuffer(zlib.decompress(data), np.uint8).reshape(height, width)
    if kept is not None:
        kept.put(number, plane)
    return plane


def load(descriptor: int, contents: Contents, matte_id: int, kept: Kept | None = None) -> Matte:
    """`kept`: planes of mattes that were loaded before, which this one may share."""
    told = contents.mattes[matte_id]
    y, cb, cr = (load_plane(descriptor, contents, number, kept) for number in told["base"])
    tiles = tuple(
        Tile(
            tile["stream"],
            tile["box"][0],
            tile["box"][1],
            tile["box"][2],
            tile["box"][3],
            Placement(**tile["placement"]),
            load_plane(descriptor, contents, tile["coverage"], kept),
        )
        for tile in told["tiles"]
    )
    return Matte(told["width"], told["height"], (y, cb, cr), tiles)
