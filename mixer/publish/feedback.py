"""RTCP of a sender as bytes: its reports (RFC 3550), and what it is asked for (RFC 4585). Pure.

The counterpart of the receiver's side in mixer/ingest/rtp.py.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from mixer.ingest.rtp import (
    GENERIC_NACK,
    NTP_EPOCH_S,
    PAYLOAD_FEEDBACK,
    PICTURE_LOSS,
    SENDER_REPORT,
    SOURCE_DESCRIPTION,
    TRANSPORT_FEEDBACK,
    MalformedRtp,
)

SECOND = 1_000_000_000


@dataclass(slots=True)
class Wishes:
    """What receivers ask for in one compound packet."""

    again: dict[int, list[int]] = field(default_factory=dict)  # SSRC → sequence numbers (16 bits)
    key_pictures: list[int] = field(default_factory=list)  # SSRCs


def parse_feedback(data: bytes) -> Wishes:
    """Generic NACK and picture loss indication of a compound packet. Raises MalformedRtp."""
    wishes = Wishes()
    at = 0
    while at + 4 <= len(data):
        first, kind, words = struct.unpack_from("!BBH", data, at)
        end = at + 4 * (words + 1)
        if first >> 6 != 2 or end > len(data):
            raise MalformedRtp("wrong RTCP version or length")
        if words >= 2 and kind in (TRANSPORT_FEEDBACK, PAYLOAD_FEEDBACK):
            (ssrc,) = struct.unpack_from("!L", data, at + 8)
            if (kind, first & 0x1F) == (TRANSPORT_FEEDBACK, GENERIC_NACK):
                wishes.again.setdefault(ssrc, []).extend(_sequences(data[at + 12 : end]))
            elif (kind, first & 0x1F) == (PAYLOAD_FEEDBACK, PICTURE_LOSS):
                wishes.key_pictures.append(ssrc)
        at = end
    return wishes


def _sequences(items: bytes) -> list[int]:
    found = []
    for first, mask in struct.iter_unpack("!HH", items):
        found.append(first)
        found += [first + 1 + bit & 0xFFFF for bit in range(16) if mask >> bit & 1]
    return found


def sender_report(
    ssrc: int, *, unix_ns: int, rtp: int, packets: int, octets: int, cname: str
) -> bytes:
    """SR with an SDES, as RFC 3550 section 6.1 wants it: `rtp` is of the moment `unix_ns`."""
    seconds, rest = divmod(unix_ns, SECOND)
    ntp = (seconds + NTP_EPOCH_S << 32) + (rest << 32) // SECOND
    numbers = (value & 0xFFFFFFFF for value in (rtp, packets, octets))
    report = struct.pack("!BBHLQLLL", 0x80, SENDER_REPORT, 6, ssrc, ntp, *numbers)
    name = cname.encode()
    chunk = struct.pack("!LBB", ssrc, 1, len(name)) + name + b"\0"
    chunk += b"\0" * (-len(chunk) % 4)
    return report + struct.pack("!BBH", 0x81, SOURCE_DESCRIPTION, len(chunk) // 4) + chunk
