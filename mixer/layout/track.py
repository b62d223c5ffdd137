"""The matte track on disk: which matte each output frame has; written by the page pass, read by
the picture stage (`MatteTrackReader`), also while it grows.

One append-only file of checksummed records (records.py). Equal planes and equal mattes are stored
once; a base that differs little from the one before is stored as a patch (patches.py). Runs of
pixel-rendered frames are chunks of near-lossless video (chunks.py). After a kill the writer cuts
the file after its last commit and goes on from there; `seen` is what the page pass needs to
remember so that it then decides exactly as before.
"""

from __future__ import annotations

import json
import os
import zlib
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from mixer.errors import RenderError, StorageError
from mixer.layout import chunks
from mixer.layout.contents import (
    FRAMES,
    REFERENCE,
    SHOW,
    SIZES,
    Contents,
    Kept,
    TrackNote,
    digest,
    load,
    load_plane,
    matte_name,
    read,
)
from mixer.layout.matte import Matte, Plane
from mixer.layout.patches import is_empty, patch
from mixer.layout.records import MAGIC, Kind, Record, pack
from mixer.lock import hold

FILE = "matte.track"
LOCK_TIMEOUT_S = 30.0  # its browser is closed first
PIXELS_ID = 1 << 40  # id of a pixel-rendered frame: this plus its number
CACHED_MATTES = 6
CACHED_CHUNKS = 2
KEPT_KEYS = 8
KEPT_COVERAGES = 64


class MatteTrackWriter:
    """Appends to a matte track; buffers until `progress` or `finish` commits."""

    def __init__(self, descriptor: int, contents: Contents, end: int) -> None:
        self._descriptor = descriptor
        self._contents = contents
        self._end = end
        self._pending: list[bytes] = []
        self._pending_size = 0
        self._keys: OrderedDict[int, Plane] = OrderedDict()  # the last whole planes, by number
        self._coverages: OrderedDict[int, tuple[Plane, int]] = OrderedDict()  # by their id()

    @classmethod
    def create(
        cls, directory: Path, *, width: int, height: int, fps: int, start_ns: int
    ) -> MatteTrackWriter:
        """A new track, or the one of the same shape that a killed page pass left, to go on with.

        Waits for a page pass that is still dying: an orphan writes until it has noticed. Raises
        StorageError when the folder cannot be written, or another page pass writes there.
        """
        header = {"width": width, "height": height, "fps": fps, "start_ns": start_ns}
        try:
            directory.mkdir(parents=True, exist_ok=True)
            path = directory / FILE
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            if not hold(descriptor, LOCK_TIMEOUT_S):
                os.close(descriptor)
                raise StorageError(f"{path} is being written by another page pass; stop it first")
            contents, end = read(descriptor, Contents(), 0)
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

    def _plane(self, plane: Plane, before: int | None = None) -> int:
        """Number of a plane. `before`: of one that it may be like."""
        rows = np.ascontiguousarray(plane, np.uint8)
        sizes = SIZES.pack(rows.shape[1], rows.shape[0])
        if before is not None:
            key = self._contents.key(before)
            if (told := patch(rows, self._key(key), key)) is not None:
                name = digest(sizes + told)
                if is_empty(told):
                    return key
                if name not in self._contents.plane_ids:
                    self._append(Kind.PATCH, name + sizes + told)
                return self._contents.plane_ids[name]
        name = digest(sizes + rows.tobytes())
        if name not in self._contents.plane_ids:
            self._append(Kind.PLANE, name + sizes + zlib.compress(rows.tobytes(), 1))
            self._remember_key(self._contents.plane_ids[name], rows)
        return self._contents.plane_ids[name]

    def _coverage(self, plane: Plane) -> int:
        """As `_plane`; the same tiles come again and again."""
        known = self._coverages.pop(id(plane), None)
        number = known[1] if known is not None else self._plane(plane)
        self._coverages[id(plane)] = plane, number  # which keeps it, and so its id
        while len(self._coverages) > KEPT_COVERAGES:
            self._coverages.popitem(last=False)
        return number

    def _remember_key(self, number: int, plane: Plane) -> None:
        self._keys[number] = plane
        self._keys.move_to_end(number)
        while len(self._keys) > KEPT_KEYS:
            self._keys.popitem(last=False)

    def _key(self, number: int) -> Plane:
        if number not in self._keys:
            self._write()  # it may not be on disk yet
            self._remember_key(number, load_plane(self._descriptor, self._contents, number))
        return self._keys[number]

    def matte(self, matte: Matte) -> int:
        """Stores a matte, or finds the equal one; its id."""
        last = self._contents.mattes[-1] if self._contents.mattes else None
        before = last["base"] if last else (None, None, None)
        tiles = [
            {
                "stream": tile.stream,
                "box": [tile.x, tile.y, tile.width, tile.height],
                "placement": asdict(tile.placement),
                "coverage": self._coverage(tile.coverage),
            }
            for tile in matte.tiles
        ]
        base = [self._plane(*both) for both in zip(matte.base, before, strict=True)]
        told = {"width": matte.width, "height": matte.height, "base": base, "tiles": tiles}
        name = matte_name(told)
        if name not in self._contents.matte_ids:
            like = {"base": base, "like": len(self._contents.mattes) - 1}
            same = last and {**last, "base": base} == told
            self._append(Kind.MATTE, json.dumps(like if same else told, sort_keys=True).encode())
        return self._contents.matte_ids[name]

    def show(self, frame: int, matte_id: int) -> None:
        """From output frame `frame` on this matte holds."""
        self._append(Kind.SHOW, SHOW.pack(frame, matte_id))

    def pixels(self, first: int, pictures: Sequence[chunks.Base]) -> None:
        """Frames `first`, `first + 1`, … are these pictures, without tiles."""
        data = chunks.encode(pictures, self._contents.header["fps"])
        self._append(Kind.PIXELS, SHOW.pack(first, len(pictures)) + data)

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
        head = REFERENCE.pack(matte_id, *(len(part) for part in parts))
        self._append(Kind.REFERENCE, head + b"".join(parts))

    def progress(self, frames: int) -> None:
        """All frames before `frames` are final. Commits what was appended."""
        self._append(Kind.PROGRESS, FRAMES.pack(frames))
        self._write()

    def finish(self, frames: int) -> None:
        """The track has `frames` frames and is complete."""
        if self.finished and self.frames == frames:
            return
        self._append(Kind.FINISH, FRAMES.pack(frames))
        self._write()
        os.fdatasync(self._descriptor)

    def drop(self) -> None:
        """Forgets what was not committed, as after a kill: it will be told again."""
        self._pending, self._pending_size = [], 0
        self._keys.clear()
        self._coverages.clear()
        self._contents, self._end = read(self._descriptor, Contents(), 0)

    def close(self) -> None:
        os.close(self._descriptor)

    def _write(self) -> None:
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
        return load(self._descriptor, self._contents, matte_id)


class MatteTrackReader:
    """Reads a matte track, also one that grows: `refresh` takes what was committed since."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._contents = Contents()
        self._offset = 0
        self._mattes: OrderedDict[int, Matte] = OrderedDict()
        self._kept = Kept()
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
        _, self._offset = read(self._descriptor, self._contents, self._offset)
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
            matte = load(self._descriptor, self._contents, matte_id, self._kept)
            self._mattes[matte_id] = matte
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
            data = os.pread(self._descriptor, length, offset)[SHOW.size :]
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
