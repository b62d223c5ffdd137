"""From RTP payloads to encoded pictures: VP8 (RFC 7741), H.264 (RFC 6184). Nothing is decoded.

A `Payload` is what one packet carries; a picture is the payloads of its packets, joined. Sizes
and key flags are read from the pictures' own headers (RFC 6386 section 9.1; ITU-T H.264 7.3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mixer.ingest.h264 import picture_info as h264_picture_info

START_CODE = b"\0\0\0\1"
_STAP_A, _FU_A = 24, 28
_VP8_SYNC = b"\x9d\x01\x2a"


class MalformedPayload(ValueError):
    """A payload that is not of its codec's RTP format."""


@dataclass(frozen=True, slots=True)
class Payload:
    data: bytes
    starts: bool  # certainly the first packet of a picture
    independent: bool  # can be understood without the packet before it


@dataclass(frozen=True, slots=True)
class PictureInfo:
    key: bool
    width: int = 0  # of a key picture
    height: int = 0


def vp8_payload(data: bytes) -> Payload:
    """RFC 7741 section 4.2. Raises MalformedPayload."""
    if not data:
        return Payload(b"", False, False)
    first, at = data[0], 1
    try:
        if first & 0x80:
            extended, at = data[1], 2
            if extended & 0x80:
                at += 2 if data[at] & 0x80 else 1
            at += bool(extended & 0x40) + bool(extended & 0x30)
    except IndexError:
        raise MalformedPayload("truncated VP8 descriptor") from None
    if len(data) <= at:
        raise MalformedPayload("VP8 descriptor without payload")
    start = first & 0x1F == 0x10
    return Payload(data[at:], start, start)


def vp8_picture_info(data: bytes) -> PictureInfo | None:
    """None if it is no VP8 picture."""
    if len(data) < 3:
        return None
    if data[0] & 1:
        return PictureInfo(False)
    if len(data) < 10 or data[3:6] != _VP8_SYNC:
        return None
    width = int.from_bytes(data[6:8], "little") & 0x3FFF
    height = int.from_bytes(data[8:10], "little") & 0x3FFF
    return PictureInfo(True, width, height)


def h264_payload(data: bytes) -> Payload:
    """RFC 6184 section 5.6–5.8, as Annex B. Raises MalformedPayload."""
    if len(data) < 2:
        return Payload(b"", False, False)
    kind = data[0] & 0x1F
    if 1 <= kind <= 23:
        return Payload(START_CODE + data, kind in (7, 9), True)
    if kind == _FU_A:
        first = bool(data[1] & 0x80)
        if first:
            header = bytes([data[0] & 0xE0 | data[1] & 0x1F])
            return Payload(START_CODE + header + data[2:], False, True)
        return Payload(data[2:], False, False)
    if kind == _STAP_A:
        return _aggregated(data)
    raise MalformedPayload(f"H.264 packets of type {kind} are not supported")


def _aggregated(data: bytes) -> Payload:
    parts: list[bytes] = []
    at = 1
    while at + 2 < len(data):
        size = int.from_bytes(data[at : at + 2], "big")
        at += 2
        if size == 0 or at + size > len(data):
            raise MalformedPayload("truncated STAP-A")
        parts += [START_CODE, data[at : at + size]]
        at += size
    if not parts:
        raise MalformedPayload("empty STAP-A")
    return Payload(b"".join(parts), parts[1][0] & 0x1F in (7, 9), True)


class H264Pictures:
    """Reads H.264 pictures of one stream; keeps its parameter sets with its key pictures."""

    def __init__(self) -> None:
        self._sets: dict[int, bytes] = {}

    def info(self, data: bytes) -> PictureInfo | None:
        """None if there is no picture in it (parameter sets alone, say)."""
        info = h264_picture_info(data)
        self._sets.update(info.parameter_sets)
        if not info.has_picture:
            return None
        if not info.key:
            return PictureInfo(False)
        width, height = info.size or (0, 0)
        return PictureInfo(True, width, height)

    def complete(self, data: bytes) -> bytes:
        """The key picture with its parameter sets in front, if it came without them."""
        own = h264_picture_info(data).parameter_sets
        missing = [nal for kind, nal in sorted(self._sets.items()) if kind not in own]
        return b"".join(START_CODE + nal for nal in missing) + data


Depacketizer = Callable[[bytes], Payload]
