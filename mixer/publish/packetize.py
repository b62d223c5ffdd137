"""From encoded pictures to RTP payloads: VP8 (RFC 7741), H.264 (RFC 6184). Pure.

The counterpart of mixer/ingest/depacketize.py. An Opus packet is a payload as it is (RFC 7587).
"""

from __future__ import annotations

from collections.abc import Iterator

from mixer.ingest.h264 import nal_units

MAX_PAYLOAD = 1200  # bytes: with SRTP, UDP and IP it fits into any path
PICTURE_IDS = 1 << 15
_FU_A = 28


def vp8_payloads(picture: bytes, picture_id: int) -> Iterator[bytes]:
    """RFC 7741 section 4.2, with a 15-bit picture id, by which receivers notice lost pictures."""
    identified = bytes((0x80, 0x80 | picture_id >> 8 & 0x7F, picture_id & 0xFF))
    head = b"\x90" + identified  # S: a partition begins
    for at, end in _even(len(picture), MAX_PAYLOAD - 4):
        yield head + picture[at:end]
        head = b"\x80" + identified


def h264_payloads(picture: bytes) -> Iterator[bytes]:
    """RFC 6184, packetization mode 1, of an Annex B access unit: NAL units, or parts (FU-A)."""
    for start, end in nal_units(picture):
        if end - start <= MAX_PAYLOAD:
            if end > start:
                yield picture[start:end]
            continue
        indicator, kind = picture[start] & 0xE0 | _FU_A, picture[start] & 0x1F
        length = end - start - 1
        for at, to in _even(length, MAX_PAYLOAD - 2):
            place = (0x80 if at == 0 else 0) | (0x40 if to == length else 0)
            yield bytes((indicator, place | kind)) + picture[start + 1 + at : start + 1 + to]


def _even(length: int, most: int) -> Iterator[tuple[int, int]]:
    """[at, end) of as few parts as need be, of nearly equal length."""
    count = -(-length // most)
    for part in range(count):
        yield length * part // count, length * (part + 1) // count
