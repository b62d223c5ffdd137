"""The matte track on disk: which matte each output frame has; written by the page pass, read by
the picture stage (`MatteTrackReader`), also while it grows.

One append-only file of checksummed records (records.py). Equal planes and equal mattes are stored
once. Runs of pixel-rendered frames are chunks of near-lossless video (chunks.py). After a kill the
writer cuts the file after its last commit and goes on from there; `seen` is what the page pass
needs to remember so that it then decides exactly as before.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import zlib
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mixer.errors import RenderError, StorageError
from mixer.layout import chunks
from mixer.layout.matte import Matte, Placement, Plane, Tile
from mixer.layout.records import MAGIC, Kind, Record, committed, pack

FILE = "matte.track"
PIXELS_ID = 1 << 40  # id of a pixel-rendered frame: this plus its number
_FRAMES = struct.Struct("<Q")
_SHOW = struct.Struct("<QI")
_SIZES = struct.Struct("<II")
_REFERENCE = struct.Struct("<IIII")
KEPT_REFERENCES = 8
DIGEST = 16
CACHED_MATTES = 6
CACHED_CHUNKS = 2


@dataclass(frozen=True, slots=True)
class TrackNote:
    """Something irregular about the page at an output frame."""

    frame: int
    type: str
    data: Mapping[str, Any]


def _digest(data: bytes | memoryview) -> bytes:
    return hashlib.blake2b(data, digest_size=DIGEST).digest()


def _parts(data: bytes, sizes: Sequence[int]) -> list[bytes]:
    found, at = [], 0
    for size in sizes:
        found.append(data[at : at + size])
        at += size
    return found


@dataclass(slots=True)
class Contents:
    """What the records say, without the pixels: those are read from the file when asked for."""

    header: dict[str, Any] = field(default_factory=dict)
    planes: list[tuple[int, int]] = field(default_factory=list)  # (offset, length) of bodies
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

    def take(self, record: Record, end: int) -> None:
        """Adds one record that ends at offset `end` of the file."""
        body, where = record.body, (end - len(record.body), len(record.body))
        match record.kind:
            case Kind.HEADER:
                self.header = json.loads(body)
            case Kind.PLANE:
                self.plane_ids[body[:DIGEST]] = len(self.planes)
                self.planes.append(where)
            case Kind.MATTE:
                self.matte_ids[_digest(body)] = len(self.mattes)
                self.mattes.append(json.loads(body))
            case Kind.SHOW:
                self.shown.append(_SHOW.unpack(body))
            case Kind.PIXELS:
                self.pixels.append((*_SHOW.unpack_from(body), *where))
            case Kind.NOTE:
                told = json.loads(body)
                self.notes.append(TrackNote(told["frame"], told["type"], told["data"]))
            case Kind.SEEN:
                self.seen.update(json.loads(body))
            case Kind.REFERENCE:
                matte_id, *sizes = _REFERENCE.unpack_from(body)
                parts = _parts(body[_REFERENCE.size :], sizes)
                self.references.append((matte_id, parts[0].decode(), parts[1], parts[2]))
                del self.references[:-KEPT_REFERENCES]
            case Kind.PROGRESS | Kind.FINISH:
                (self.frames,) = _FRAMES.unpack(body)
                self.finished = record.kind == Kind.FINISH


class MatteTrackWriter:
    """Appends to a matte track; buffers until `progress` or `finish` commits."""

    def __init__(self, descriptor: int, contents: Contents, end: int) -> None:
        self._descriptor = descriptor
        self._contents = contents
        self._end = end
        self._pending: list[bytes] = []
        self._pending_size = 0

    @classmethod
    def create(
        cls, directory: Path, *, width: int, height: int, fps: int, start_ns: int
    ) -> MatteTrackWriter:
        """A new track, or the one of the same shape that a killed page pass left, to go on with.

        Raises StorageError when the folder cannot be written.
        """
        header = {"width": width, "height": height, "fps": fps, "start_ns": start_ns}
        try:
            directory.mkdir(parents=True, exist_ok=True)
            path = directory / FILE
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            contents, end = _read(descriptor, Contents(), 0)
            if contents.header != header:
                contents, end = Contents(), 0
            os.ftruncate(descriptor, end)
        except OSError as error:
            raise StorageError(f"cannot write the matte track in {directory}: {error}") from None
        writer = cls(descriptor, contents, end)
        if end == 0:
            writer._pending, writer._pending_size = [MAGIC], len(MAGIC)
            writer._append(Kind.HEADER, json.dumps(header).encode())
            writer.progress(0)
        return writer

    @property
    def frames(self) -> int:
        """Frames that are final already."""
        return self._contents.frames

    @property
    def finished(self) -> bool:
        return self._contents.finished

    @property
    def notes(self) -> Sequence[TrackNote]:
        return self._contents.notes

    @property
    def seen(self) -> Mapping[str, Any]:
        """What `remember` was told, also before a restart."""
        return self._contents.seen

    @property
    def shown(self) -> int | None:
        """The matte that the last final frames have."""
        return self._contents.shown[-1][1] if self._contents.shown else None

    def _append(self, kind: Kind, body: bytes) -> None:
        data = pack(kind, body)
        self._pending.append(data)
        self._pending_size += len(data)
        end = self._end + self._pending_size
        self._contents.take(Record(kind, body, end), end)

    def _plane(self, plane: Plane) -> int:
        rows = np.ascontiguousarray(plane, np.uint8)
        sizes = _SIZES.pack(rows.shape[1], rows.shape[0])
        digest = _digest(sizes + rows.tobytes())
        if digest not in self._contents.plane_ids:
            self._append(Kind.PLANE, digest + sizes + zlib.compress(rows.tobytes(), 1))
        return self._contents.plane_ids[digest]

    def matte(self, matte: Matte) -> int:
        """Stores a matte, or finds the equal one; its id."""
        body = {
            "width": matte.width,
            "height": matte.height,
            "base": [self._plane(plane) for plane in matte.base],
            "tiles": [
                {
                    "stream": tile.stream,
                    "box": [tile.x, tile.y, tile.width, tile.height],
                    "placement": asdict(tile.placement),
                    "coverage": self._plane(tile.coverage),
                }
                for tile in matte.tiles
            ],
        }
        data = json.dumps(body, sort_keys=True).encode()
        digest = _digest(data)
        if digest not in self._contents.matte_ids:
            self._append(Kind.MATTE, data)
        return self._contents.matte_ids[digest]

    def show(self, frame: int, matte_id: int) -> None:
        """From output frame `frame` on this matte holds."""
        self._append(Kind.SHOW, _SHOW.pack(frame, matte_id))

    def pixels(self, first: int, pictures: Sequence[chunks.Base]) -> None:
        """Frames `first`, `first + 1`, … are these pictures, without tiles."""
        data = chunks.encode(pictures, self._contents.header["fps"])
        self._append(Kind.PIXELS, _SHOW.pack(first, len(pictures)) + data)

    def note(self, frame: int, type: str, data: Mapping[str, Any]) -> None:
        self._append(
            Kind.NOTE, json.dumps({"frame": frame, "type": type, "data": dict(data)}).encode()
        )

    def remember(self, key: str, value: Any) -> None:
        """Keeps a value for the page pass itself: it comes back in `seen` after a restart."""
        self._append(Kind.SEEN, json.dumps({key: value}).encode())

    @property
    def references(self) -> Sequence[tuple[int, str, bytes, bytes]]:
        """The last states that `refer` was told of: (matte id, shown, ramp PNG, black PNG)."""
        return self._contents.references

    def refer(self, matte_id: int, shown: str, ramp: bytes, black: bytes) -> None:
        """Keeps the stills of a state whose tiles may be those of later ones."""
        parts = [shown.encode(), ramp, black]
        head = _REFERENCE.pack(matte_id, *(len(part) for part in parts))
        self._append(Kind.REFERENCE, head + b"".join(parts))

    def progress(self, frames: int) -> None:
        """All frames before `frames` are final. Commits what was appended."""
        self._append(Kind.PROGRESS, _FRAMES.pack(frames))
        self._commit()

    def finish(self, frames: int) -> None:
        """The track has `frames` frames and is complete."""
        if self.finished and self.frames == frames:
            return
        self._append(Kind.FINISH, _FRAMES.pack(frames))
        self._commit()
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)

    def _commit(self) -> None:
        data = b"".join(self._pending)
        try:
            view = memoryview(data)
            at = self._end
            while view:
                written = os.pwrite(self._descriptor, view, at)
                at, view = at + written, view[written:]
        except OSError as error:
            raise StorageError(f"cannot write the matte track: {error.strerror}") from None
        self._end += len(data)
        self._pending, self._pending_size = [], 0

    def load(self, matte_id: int) -> Matte:
        """A committed matte."""
        return _load(self._descriptor, self._contents, matte_id)


def _read(descriptor: int, contents: Contents, offset: int) -> tuple[Contents, int]:
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


def _load_plane(descriptor: int, contents: Contents, number: int) -> Plane:
    offset, length = contents.planes[number]
    body = os.pread(descriptor, length, offset)
    width, height = _SIZES.unpack_from(body, DIGEST)
    rows = zlib.decompress(body[DIGEST + _SIZES.size :])
    return np.frombuffer(rows, np.uint8).reshape(height, width)


def _load(descriptor: int, contents: Contents, matte_id: int) -> Matte:
    told = contents.mattes[matte_id]
    y, cb, cr = (_load_plane(descriptor, contents, number) for number in told["base"])
    tiles = tuple(
        Tile(
            tile["stream"],
            tile["box"][0],
            tile["box"][1],
            tile["box"][2],
            tile["box"][3],
            Placement(**tile["placement"]),
            _load_plane(descriptor, contents, tile["coverage"]),
        )
        for tile in told["tiles"]
    )
    return Matte(told["width"], told["height"], (y, cb, cr), tiles)


class MatteTrackReader:
    """Reads a matte track, also one that grows: `refresh` takes what was committed since."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._contents = Contents()
        self._offset = 0
        self._mattes: OrderedDict[int, Matte] = OrderedDict()
        self._chunks: OrderedDict[int, list[chunks.Base]] = OrderedDict()
        self.refresh()

    @classmethod
    def open(cls, directory: Path) -> MatteTrackReader:
        """Raises RenderError when there is no matte track (yet)."""
        try:
            descriptor = os.open(directory / FILE, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            raise RenderError(f"no matte track in {directory}: has its page pass begun?") from None
        reader = cls(descriptor)
        if not reader._contents.header:
            reader.close()
            raise RenderError(f"the matte track in {directory} has no whole header yet")
        return reader

    def refresh(self) -> bool:
        """True if anything new was there."""
        before = self._offset
        _, self._offset = _read(self._descriptor, self._contents, self._offset)
        return self._offset != before

    def close(self) -> None:
        os.close(self._descriptor)

    @property
    def header(self) -> Mapping[str, Any]:
        """width, height, fps, start_ns."""
        return self._contents.header

    @property
    def frames(self) -> int:
        """Number of final frames."""
        return self._contents.frames

    @property
    def finished(self) -> bool:
        return self._contents.finished

    @property
    def notes(self) -> Sequence[TrackNote]:
        return self._contents.notes

    def _chunk(self, frame: int) -> int | None:
        """Index of the chunk of pixels that holds a frame."""
        pixels = self._contents.pixels
        index = bisect_right(pixels, frame, key=lambda chunk: chunk[0]) - 1
        inside = index >= 0 and frame < pixels[index][0] + pixels[index][1]
        return index if inside else None

    def matte_id(self, frame: int) -> int:
        """Id of the matte of a final frame: equal ids mean equal mattes."""
        if not 0 <= frame < self.frames:
            raise IndexError(f"frame {frame} is not final: there are {self.frames}")
        if self._chunk(frame) is not None:
            return PIXELS_ID + frame
        index = bisect_right(self._contents.shown, frame, key=lambda shown: shown[0]) - 1
        if index < 0:
            raise IndexError(f"no matte was shown before frame {frame}")
        return self._contents.shown[index][1]

    def at(self, frame: int) -> tuple[int, Matte]:
        """The matte of a final frame and its id. Raises IndexError beyond `frames`."""
        matte_id = self.matte_id(frame)
        if matte_id >= PIXELS_ID:
            return matte_id, self._picture(frame)
        if matte_id not in self._mattes:
            self._mattes[matte_id] = _load(self._descriptor, self._contents, matte_id)
            while len(self._mattes) > CACHED_MATTES:
                self._mattes.popitem(last=False)
        self._mattes.move_to_end(matte_id)
        return matte_id, self._mattes[matte_id]

    def _picture(self, frame: int) -> Matte:
        index = self._chunk(frame)
        assert index is not None
        width, height = self.header["width"], self.header["height"]
        first, _, offset, length = self._contents.pixels[index]
        if index not in self._chunks:
            data = os.pread(self._descriptor, length, offset)[_SHOW.size :]
            self._chunks[index] = chunks.decode(data, width, height)
            while len(self._chunks) > CACHED_CHUNKS:
                self._chunks.popitem(last=False)
        return Matte(width, height, self._chunks[index][frame - first])

    def changes(self, start: int, stop: int) -> list[tuple[int, int]]:
        """(frame, matte id) for frame `start` and each frame before `stop` whose id is new."""
        stop = min(stop, self.frames)
        marks = {start} | {frame for frame, _ in self._contents.shown if start < frame < stop}
        for first, count, *_ in self._contents.pixels:
            marks.update(range(max(first, start), min(first + count + 1, stop)))
        found: list[tuple[int, int]] = []
        for frame in sorted(mark for mark in marks if mark < stop):
            matte_id = self.matte_id(frame)
            if not found or found[-1][1] != matte_id:
                found.append((frame, matte_id))
        return found
