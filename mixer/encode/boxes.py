"""Reads what was encoded back as packets: pictures (MP4 of video.py and mp4.py), sound (ADTS of
audio.py).

A demuxer would decode pictures only to find out what we know (some 10 ms a segment); here a file
is its first track's sample table. ISO/IEC 14496-12 names the boxes, 14496-3 annex 1.A the ADTS
header.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mixer.errors import RenderError

_TO_TABLES = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
_VISUAL_ENTRY = 78  # fixed fields of a VisualSampleEntry
_ADTS_HEADER = 7


@dataclass(frozen=True, slots=True)
class SegmentTable:
    """The pictures of one segment, or of a file joined from some, in decoding order."""

    path: Path
    offsets: NDArray[np.int64]  # of each picture's bytes in the file
    sizes: NDArray[np.int64]
    order: NDArray[np.int64]  # display index of each
    keys: frozenset[int]  # indices of IDR pictures
    description: bytes  # size, parameter sets, colour: equal in all that can be joined

    @property
    def delay(self) -> int:
        """By how many pictures decoding must run ahead of showing."""
        return int((np.arange(len(self.order)) - self.order).max())

    def pictures(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            for offset, size in zip(self.offsets.tolist(), self.sizes.tolist(), strict=True):
                file.seek(offset)
                data = file.read(size)
                if len(data) != size:
                    raise _damaged(self.path)
                yield data


def read_segment(path: Path) -> SegmentTable:
    """The table of a segment, or of a whole file's pictures. Raises RenderError if it is not there
    or not whole."""
    try:
        moov, mdat = _moov_and_mdat(path)
        tables = _inside(moov, _TO_TABLES)
        sizes = _sizes(tables[b"stsz"])
        offsets = _offsets(tables, sizes)
        if offsets[0] < mdat[0] or offsets[-1] + sizes[-1] > sum(mdat):
            raise _damaged(path)
        shown = _decode_times(tables, len(sizes)) + _composition_offsets(tables, len(sizes))
        order = np.argsort(np.argsort(shown, kind="stable"), kind="stable").astype(np.int64)
        return SegmentTable(path, offsets, sizes, order, _keys(tables), _description(tables))
    except (OSError, KeyError, IndexError, struct.error, ValueError) as error:
        raise _damaged(path) from error


def read_adts(path: Path) -> Iterator[bytes]:
    """The raw AAC frames of an ADTS file, in order. Raises RenderError if it is damaged."""
    with path.open("rb") as file:
        while header := file.read(_ADTS_HEADER):
            if len(header) < _ADTS_HEADER or header[0] != 0xFF or header[1] & 0xF7 != 0xF1:
                raise _damaged(path)
            length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
            data = file.read(length - _ADTS_HEADER)
            if len(data) != length - _ADTS_HEADER:
                raise _damaged(path)
            yield data


def _damaged(path: Path) -> RenderError:
    return RenderError(f"{path} is missing or damaged; delete it and render again")


def _moov_and_mdat(path: Path) -> tuple[bytes, tuple[int, int]]:
    """The moov box's content; offset and length of mdat's. Reads nothing else."""
    moov, mdat = b"", (0, 0)
    with path.open("rb") as file:
        while len(head := file.read(8)) == 8:
            size, kind = struct.unpack(">I4s", head)
            length = size - 8
            if size == 1:
                length = struct.unpack(">Q", file.read(8))[0] - 16
            if length < 0:
                raise ValueError("a box shorter than its header")
            if kind == b"moov":
                moov = file.read(length)
                continue
            if kind == b"mdat":
                mdat = (file.tell(), length)
            file.seek(length, 1)
    return moov, mdat


def _children(content: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    at = 0
    while at + 8 <= len(content):
        size, kind = struct.unpack_from(">I4s", content, at)
        if size < 8:
            raise ValueError("a box shorter than its header")
        found.setdefault(kind, content[at + 8 : at + size])
        at += size
    return found


def _inside(content: bytes, path: tuple[bytes, ...]) -> dict[bytes, bytes]:
    """The boxes within nested ones; `content` is that of the first."""
    boxes = _children(content)
    for kind in path[1:]:
        boxes = _children(boxes[kind])
    return boxes


def _description(tables: dict[bytes, bytes]) -> bytes:
    """Of the one sample entry: its fixed fields, avcC and colr; not btrt, the bit rate."""
    entry = _children(tables[b"stsd"][8:])[b"avc1"]
    extensions = _children(entry[_VISUAL_ENTRY:])
    return entry[:_VISUAL_ENTRY] + extensions[b"avcC"] + extensions.get(b"colr", b"")


def _sizes(stsz: bytes) -> NDArray[np.int64]:
    size, count = struct.unpack_from(">II", stsz, 4)
    if size:
        return np.full(count, size, dtype=np.int64)
    return np.frombuffer(stsz, dtype=">u4", count=count, offset=12).astype(np.int64)


def _offsets(tables: dict[bytes, bytes], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each picture lies: its chunk's offset and the sizes of those before it there."""
    kind, form = (b"co64", ">u8") if b"co64" in tables else (b"stco", ">u4")
    chunks = np.frombuffer(tables[kind], dtype=form, offset=8).astype(np.int64)
    runs = np.frombuffer(tables[b"stsc"], dtype=">u4", offset=8).reshape(-1, 3).astype(np.int64)
    lasts = np.append(runs[1:, 0], len(chunks) + 1)
    lengths = np.repeat(runs[:, 1], lasts - runs[:, 0])  # pictures in each chunk
    before = np.concatenate([[0], np.cumsum(sizes)])
    starts = np.concatenate([[0], np.cumsum(lengths)])[:-1]
    if lengths.sum() != len(sizes):
        raise ValueError("tables of unequal length")
    offsets: NDArray[np.int64] = np.repeat(chunks - before[starts], lengths) + before[:-1]
    return offsets


def _runs(table: bytes, count: int) -> NDArray[np.int64]:
    """A run-length table (stts, ctts) as one value for each picture."""
    entries = struct.unpack_from(">I", table, 4)[0]
    pairs = np.frombuffer(table, dtype=">i4", count=2 * entries, offset=8).reshape(-1, 2)
    values = np.repeat(pairs[:, 1], pairs[:, 0]).astype(np.int64)
    if len(values) != count:
        raise ValueError("tables of unequal length")
    return values


def _decode_times(tables: dict[bytes, bytes], count: int) -> NDArray[np.int64]:
    deltas = _runs(tables[b"stts"], count)
    return np.concatenate([[0], np.cumsum(deltas[:-1])]).astype(np.int64)


def _composition_offsets(tables: dict[bytes, bytes], count: int) -> NDArray[np.int64]:
    if b"ctts" not in tables:
        return np.zeros(count, dtype=np.int64)
    return _runs(tables[b"ctts"], count)


def _keys(tables: dict[bytes, bytes]) -> frozenset[int]:
    """Without an stss box every picture is a key picture (ISO/IEC 14496-12, 8.6.2)."""
    if b"stss" not in tables:
        return frozenset(range(len(_sizes(tables[b"stsz"]))))
    count = struct.unpack_from(">I", tables[b"stss"], 4)[0]
    numbers = np.frombuffer(tables[b"stss"], dtype=">u4", count=count, offset=8)
    return frozenset(int(number) - 1 for number in numbers)
