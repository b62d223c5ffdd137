"""RTP and RTCP as bytes (RFC 3550, 3551, 4585, 8285): what ingest reads, and what it sends back.

Pure functions. Numbers that wrap on the wire are made to grow by `Unwrapper`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

HEADER = struct.Struct("!BBHLL")
SENDER_REPORT, RECEIVER_REPORT, SOURCE_DESCRIPTION = 200, 201, 202
TRANSPORT_FEEDBACK, PAYLOAD_FEEDBACK = 205, 206
GENERIC_NACK, PICTURE_LOSS = 1, 1
NTP_EPOCH_S = 2_208_988_800  # 1900 to 1970
MAX_NACKS = 120  # sequence numbers asked for in one packet


class MalformedRtp(ValueError):
    """Bytes that are no RTP or RTCP."""


@dataclass(frozen=True, slots=True)
class RtpPacket:
    payload_type: int
    marker: bool
    sequence: int  # 16 bits
    timestamp: int  # 32 bits
    ssrc: int
    payload: bytes
    extensions: bytes  # of profile 0xBEDE (one-byte headers), else empty


def ntp_to_unix_ns(ntp: int) -> int:
    """64 bits of RFC 3550 section 4 → nanoseconds since 1970."""
    seconds = (ntp >> 32) - NTP_EPOCH_S
    return seconds * 1_000_000_000 + ((ntp & 0xFFFFFFFF) * 1_000_000_000 >> 32)


@dataclass(frozen=True, slots=True)
class SenderReport:
    ssrc: int
    ntp: int  # 64 bits, RFC 3550 section 4
    timestamp: int  # 32 bits

    @property
    def unix_ns(self) -> int:
        return ntp_to_unix_ns(self.ntp)


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What a receiver report says of one source (RFC 3550 section 6.4.1)."""

    ssrc: int
    fraction_lost: int  # of 256, since the last report
    lost: int
    highest_sequence: int
    jitter: int
    last_report: int
    delay: int  # since that report, 1/65536 s


def parse_rtp(data: bytes) -> RtpPacket:
    """Raises MalformedRtp."""
    length = len(data)
    if length < 12:
        raise MalformedRtp("shorter than a header")
    first, second, sequence, timestamp, ssrc = HEADER.unpack_from(data)
    start = 12 + 4 * (first & 0x0F)
    extensions = b""
    if first & 0x10:
        if length < start + 4:
            raise MalformedRtp("truncated extension header")
        profile, words = struct.unpack_from("!HH", data, start)
        start += 4
        if profile == 0xBEDE:
            extensions = data[start : start + 4 * words]
        start += 4 * words
    end = length - data[-1] if first & 0x20 else length
    if first >> 6 != 2 or end < start:
        raise MalformedRtp("wrong version or length")
    return RtpPacket(
        second & 0x7F, second > 0x7F, sequence, timestamp, ssrc, data[start:end], extensions
    )


def extension(extensions: bytes, wanted: int) -> bytes | None:
    """The one-byte-header extension of that id (RFC 8285 section 4.2), or None."""
    at, length = 0, len(extensions)
    while at < length:
        head = extensions[at]
        if head == 0:
            at += 1
            continue
        size = (head & 0x0F) + 1
        if head >> 4 == wanted:
            return extensions[at + 1 : at + 1 + size]
        if head >> 4 == 15:
            return None
        at += 1 + size
    return None


def is_rtcp(data: bytes) -> bool:
    """Whether a packet on a multiplexed port is RTCP (RFC 5761 section 4)."""
    return len(data) >= 2 and 192 <= data[1] <= 223


def parse_reports(data: bytes) -> list[SenderReport]:
    """The sender reports of a compound RTCP packet."""
    reports: list[SenderReport] = []
    at = 0
    while at + 4 <= len(data):
        first, kind, words = struct.unpack_from("!BBH", data, at)
        end = at + 4 * (words + 1)
        if first >> 6 != 2 or end > len(data):
            raise MalformedRtp("wrong RTCP version or length")
        if kind == SENDER_REPORT and words >= 6:
            reports.append(SenderReport(*struct.unpack_from("!LQL", data, at + 4)))
        at = end
    return reports


def parse_cnames(data: bytes) -> dict[int, str]:
    """SSRC → CNAME (RFC 3550 section 6.5) of a compound packet that `parse_reports` took."""
    found: dict[int, str] = {}
    at = 0
    while at + 4 <= len(data):
        first, kind, words = struct.unpack_from("!BBH", data, at)
        end = at + 4 * (words + 1)
        if kind == SOURCE_DESCRIPTION:
            _read_chunks(data[at + 4 : end], first & 0x1F, found)
        at = end
    return found


def _read_chunks(data: bytes, count: int, found: dict[int, str]) -> None:
    at = 0
    for _ in range(count):
        if at + 5 > len(data):
            return
        (ssrc,) = struct.unpack_from("!L", data, at)
        at += 4
        while at + 1 < len(data) and data[at] != 0:
            kind, length = data[at], data[at + 1]
            if kind == 1:
                found[ssrc] = data[at + 2 : at + 2 + length].decode("utf-8", "replace")
            at += 2 + length
        at = (at + 4) // 4 * 4  # at least one null octet, up to a multiple of 32 bits


def capture_time(value: bytes) -> int | None:
    """The 64 bits of NTP time in the extension abs-capture-time, None if it is none."""
    return int.from_bytes(value[:8], "big") if len(value) in (8, 16) else None


def receiver_report(own_ssrc: int, blocks: list[ReportBlock]) -> bytes:
    """RR followed by an SDES with a CNAME, as RFC 3550 section 6.1 wants it. At most 31 blocks."""
    body = b"".join(
        struct.pack(
            "!LLLLLL",
            block.ssrc,
            (block.fraction_lost & 0xFF) << 24 | min(max(block.lost, 0), 0x7FFFFF),
            block.highest_sequence & 0xFFFFFFFF,
            block.jitter & 0xFFFFFFFF,
            block.last_report,
            block.delay,
        )
        for block in blocks
    )
    report = struct.pack(
        "!BBHL", 0x80 | len(blocks), RECEIVER_REPORT, 1 + 6 * len(blocks), own_ssrc
    )
    cname = b"mixer"
    chunk = struct.pack("!LBB", own_ssrc, 1, len(cname)) + cname + b"\0"
    chunk += b"\0" * (-len(chunk) % 4)
    return report + body + struct.pack("!BBH", 0x81, SOURCE_DESCRIPTION, len(chunk) // 4) + chunk


def picture_loss(own_ssrc: int, ssrc: int) -> bytes:
    """RFC 4585 section 6.3.1: asks for a keyframe."""
    return struct.pack("!BBHLL", 0x80 | PICTURE_LOSS, PAYLOAD_FEEDBACK, 2, own_ssrc, ssrc)


def nack(own_ssrc: int, ssrc: int, sequences: list[int]) -> bytes:
    """RFC 4585 section 6.2.1. `sequences` (16 bits each) in ascending order, wrapping allowed."""
    items: list[tuple[int, int]] = []
    for sequence in sequences[:MAX_NACKS]:
        if items:
            first, mask = items[-1]
            distance = (sequence - first - 1) & 0xFFFF
            if distance < 16:
                items[-1] = (first, mask | 1 << distance)
                continue
        items.append((sequence, 0))
    head = struct.pack(
        "!BBHLL", 0x80 | GENERIC_NACK, TRANSPORT_FEEDBACK, 2 + len(items), own_ssrc, ssrc
    )
    return head + b"".join(struct.pack("!HH", *item) for item in items)


class Unwrapper:
    """Makes a counter of `bits` bits grow over its wraps; the first value stays as it is."""

    def __init__(self, bits: int) -> None:
        self._mask = (1 << bits) - 1
        self._half = 1 << (bits - 1)
        self._last: int | None = None

    def __call__(self, value: int) -> int:
        """The value nearest to the last one that equals `value` modulo 2**bits."""
        last = self._last
        if last is None:
            self._last = value
            return value
        step = (value - last) & self._mask
        if step >= self._half:
            step -= self._mask + 1
        self._last = last + step
        return self._last
