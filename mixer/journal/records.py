"""The framing of records on disk: how bytes become records and how damage is survived.

A journal file is a sequence of records: a 16-byte header (magic, type, payload length, CRC-32 of
type and payload), then the payload. docs/journal.md is the normative description. The writer and
the reader stand on this module; it knows files as bytes only.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import asdict
from enum import IntEnum
from typing import Any

from .model import Alignment, Event, Frame, FrameFlag, Gap, Note, Picture, Track

VERSION = 1
MAGIC = b"\xabMXR"
_HEADER = struct.Struct("<4sB3xII")
HEADER_SIZE = _HEADER.size
MAX_PAYLOAD = 16 << 20  # larger lengths are damage, not data
_WINDOW = 1 << 20

_FRAME = struct.Struct("<IqqHBxHH")
_SKIMMED = struct.Struct("<4sB3xI4x20xH")  # of a frame record: header, and payload up to flags
SKIMMED = _SKIMMED.size
_WATERMARK = struct.Struct("<qqQ")
_PICTURE = struct.Struct("<IqHHQ")


class Type(IntEnum):
    RUN = 1
    TRACK = 2
    FRAME = 3
    ALIGN = 4
    GAP = 5
    EVENT = 6
    NOTE = 7
    WATERMARK = 8
    PICTURE = 9
    END = 10


def pack(type_: Type, payload: bytes) -> bytes:
    """One whole record."""
    crc = zlib.crc32(payload, zlib.crc32(bytes((type_,))))
    return _HEADER.pack(MAGIC, type_, len(payload), crc) + payload


def pack_json(type_: Type, value: dict[str, Any]) -> bytes:
    return pack(type_, json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def pack_frame(frame: Frame) -> bytes:
    head = _FRAME.pack(
        frame.track,
        frame.rtp,
        frame.arrival_ns,
        int(frame.flags),
        frame.level,
        frame.width,
        frame.height,
    )
    return pack(Type.FRAME, head + frame.data)


def pack_watermark(t_ns: int, arrived_ns: int, offset: int) -> bytes:
    """`offset`: length of the media file when this was said: all frames before t_ns lie below it,
    and none below it arrived after `arrived_ns`."""
    return pack(Type.WATERMARK, _WATERMARK.pack(t_ns, arrived_ns, offset))


def pack_picture(track: int, rtp: int, width: int, height: int, offset: int) -> bytes:
    return pack(Type.PICTURE, _PICTURE.pack(track, rtp, width, height, offset))


def pack_value(value: Track | Alignment | Gap | Event | Note) -> bytes:
    """One of the values that are kept as JSON; its field names are the keys."""
    return pack_json(_JSON_TYPES[type(value)], asdict(value))


def unpack_frame(payload: bytes | memoryview) -> Frame:
    track, rtp, arrival, flags, level, width, height = _FRAME.unpack_from(payload)
    data = bytes(payload[_FRAME.size :])
    return Frame(track, rtp, arrival, data, FrameFlag(flags), level, width, height)


def frame_track(payload: memoryview) -> int:
    """The track of a frame record, without unpacking the rest."""
    return int.from_bytes(payload[:4], "little")


def skim(buffer: memoryview, at: int) -> tuple[int, int]:
    """(total length, flags) that the head of a frame record at `at` says; (0, 0) if it is none.

    `buffer` has SKIMMED bytes there. No checksum is looked at.
    """
    magic, type_, length, flags = _SKIMMED.unpack_from(buffer, at)
    if magic != MAGIC or type_ != Type.FRAME or length > MAX_PAYLOAD:
        return 0, 0
    return HEADER_SIZE + length, flags


def whole_frame(buffer: memoryview, at: int) -> Frame | None:
    """The frame whose record is at `at`, or None where there is none that is whole."""
    record = parse(buffer, at)
    if record is None or record[0] != Type.FRAME or not intact(buffer, at, *record[:2]):
        return None
    return unpack_frame(record[1])


def unpack_watermark(payload: bytes) -> tuple[int, int, int]:
    t_ns, arrived_ns, offset = _WATERMARK.unpack(payload)
    return t_ns, arrived_ns, offset


def unpack_picture(payload: bytes, run: int) -> Picture:
    track, rtp, width, height, offset = _PICTURE.unpack(payload)
    return Picture(track, rtp, width, height, run, offset)


def parse(buffer: memoryview, at: int) -> tuple[int, memoryview, int] | None:
    """The record at `at`: (type, payload, total length), or None if none is whole there.

    The checksum is not looked at: `intact` does that where the payload matters.
    """
    if len(buffer) - at < HEADER_SIZE:
        return None
    magic, type_, length, _ = _HEADER.unpack_from(buffer, at)
    if magic != MAGIC or length > MAX_PAYLOAD or len(buffer) - at - HEADER_SIZE < length:
        return None
    start = at + HEADER_SIZE
    return type_, buffer[start : start + length], HEADER_SIZE + length


def intact(buffer: memoryview, at: int, type_: int, payload: memoryview) -> bool:
    """Whether the record's checksum holds."""
    crc = _HEADER.unpack_from(buffer, at)[3]
    return bool(crc == zlib.crc32(payload, zlib.crc32(bytes((type_,)))))


def plausible_length(buffer: memoryview, at: int) -> int | None:
    """Total length that the header at `at` announces, if it is a header at all."""
    if len(buffer) - at < HEADER_SIZE:
        return None
    magic, _, length, _ = _HEADER.unpack_from(buffer, at)
    return HEADER_SIZE + length if magic == MAGIC and length <= MAX_PAYLOAD else None


def resync(buffer: memoryview, at: int) -> int:
    """Next position at or after `at` where a record may begin, or the buffer's end."""
    while at < len(buffer):
        found = bytes(buffer[at : at + _WINDOW]).find(MAGIC)
        if found >= 0:
            return at + found
        at += _WINDOW - len(MAGIC) + 1
    return len(buffer)


def records(buffer: memoryview) -> Iterator[tuple[int, int, memoryview | None]]:
    """(position, type, payload) of each whole record; damage comes as (position, length, None).

    Ends before a last record that is not whole (yet).
    """
    at = 0
    while at < len(buffer):
        record = parse(buffer, at)
        if record is not None and intact(buffer, at, record[0], record[1]):
            yield at, record[0], record[1]
            at += record[2]
            continue
        following = resync(buffer, at + 1)
        while following < len(buffer):
            ahead = parse(buffer, following)
            if ahead is not None and intact(buffer, following, ahead[0], ahead[1]):
                break
            following = resync(buffer, following + 1)
        if following >= len(buffer):
            return
        yield at, following - at, None
        at = following


_JSON_TYPES: dict[type, Type] = {
    Track: Type.TRACK,
    Alignment: Type.ALIGN,
    Gap: Type.GAP,
    Event: Type.EVENT,
    Note: Type.NOTE,
}
