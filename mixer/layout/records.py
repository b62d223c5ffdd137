"""Records of the matte track's file: framing, checksums, and finding the last good one.

    record = "<IIB" length of body, CRC-32 of type and body, type; then the body

A reader takes records only up to a PROGRESS or FINISH record (a *commit*): what lies behind the
last commit may be torn, or be cut off and written anew by a restarted page pass.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

MAGIC = b"MIXMATTE2\n"  # 2: PATCH, and mattes told by others
_HEAD = struct.Struct("<IIB")
MAX_BODY = 1 << 30


class Kind(IntEnum):
    HEADER = 1  # JSON: width, height, fps, start_ns
    PLANE = 2  # digest (16), width u32, height u32, zlib of its rows
    MATTE = 3  # JSON: plane numbers of base, tiles, or whose tiles they are (`like`)
    SHOW = 4  # frame u64, matte u32
    PROGRESS = 5  # frames u64: commit
    NOTE = 6  # JSON: frame, type, data
    FINISH = 7  # frames u64: commit, the last
    SEEN = 8  # JSON: what the page pass remembers (key, value)
    REFERENCE = 10  # matte u32, sizes of three parts u32; who is shown, ramp still, black still
    PATCH = 11  # digest (16), width u32, height u32, patch of another plane (patches.py)
    PIXELS = 9  # first frame u64, count u32, encoded pictures (chunks.py)


@dataclass(frozen=True, slots=True)
class Record:
    kind: int
    body: bytes
    end: int  # offset of the byte after it, in what was scanned


def pack(kind: Kind, body: bytes) -> bytes:
    return _HEAD.pack(len(body), zlib.crc32(body, kind), kind) + body


def scan(data: bytes | memoryview) -> Iterator[Record]:
    """Whole records from the start of `data`; stops at the first that is torn or damaged."""
    at = 0
    while at + _HEAD.size <= len(data):
        length, checksum, kind = _HEAD.unpack_from(data, at)
        start, end = at + _HEAD.size, at + _HEAD.size + length
        if length > MAX_BODY or end > len(data):
            return
        body = bytes(data[start:end])
        if zlib.crc32(body, kind) != checksum:
            return
        yield Record(kind, body, end)
        at = end


def committed(data: bytes | memoryview) -> tuple[list[Record], int]:
    """Records up to the last commit, and where that one ends."""
    records = list(scan(data))
    while records and records[-1].kind not in (Kind.PROGRESS, Kind.FINISH):
        records.pop()
    return records, records[-1].end if records else 0
