"""Packets as they leave: what ingest's own depacketizers make of them again."""

from __future__ import annotations

import random
import time

import pytest

from mixer.ingest import rtp as wire
from mixer.ingest.depacketize import START_CODE, Payload, h264_payload, vp8_payload
from mixer.publish.feedback import parse_feedback, sender_report
from mixer.publish.packetize import MAX_PAYLOAD, h264_payloads, vp8_payloads
from mixer.publish.stream import BURST, REMEMBERED, OutgoingStream
from tests.instruments.ingested import until

SIZES = (1, 2, 1195, 1196, 1197, 1198, 1199, 1200, 1201, 2399, 2400, 5000, 70_000)


class Wire:
    """A carrier that keeps what it is given, encrypting by inversion."""

    def __init__(self) -> None:
        self.packets: list[bytes] = []
        self.repeated: list[bytes] = []
        self.reports: list[bytes] = []

    def send_rtp(self, packet: bytes) -> bytes | None:
        self.packets.append(packet)
        return bytes(255 - byte for byte in packet)

    def send_again(self, encrypted: bytes) -> None:
        self.repeated.append(bytes(255 - byte for byte in encrypted))

    def send(self, rtcp: bytes) -> None:
        self.reports.append(rtcp)


def outgoing(carrier: Wire, codec: str = "vp8", level_id: int | None = None) -> OutgoingStream:
    return OutgoingStream(
        carrier,
        codec,  # type: ignore[arg-type]
        ssrc=77,
        payload_type=96,
        clock_rate=48000 if codec == "opus" else 90000,
        cname="c",
        level_id=level_id,
    )


def joined(payloads: list[Payload]) -> bytes:
    return b"".join(payload.data for payload in payloads)


@pytest.mark.parametrize("size", SIZES)
def test_vp8_pictures_come_back(size: int) -> None:
    """Of any size, in packets that fit, of which only the first begins a picture."""
    picture = random.Random(size).randbytes(size)
    sent = list(vp8_payloads(picture, 0x1234))
    assert max(map(len, sent)) <= MAX_PAYLOAD
    received = [vp8_payload(one) for one in sent]
    assert joined(received) == picture
    assert [one.starts for one in received] == [True, *[False] * (len(sent) - 1)]


@pytest.mark.parametrize("size", SIZES[1:])
def test_h264_pictures_come_back(size: int) -> None:
    """Every NAL unit of an access unit, whether start codes have three bytes or four."""
    random_bytes = random.Random(size)
    units = [bytes((kind,)) + random_bytes.randbytes(size - 1) for kind in (0x67, 0x68, 0x65)]
    units = [unit.replace(b"\0", b"\1") for unit in units]
    mixed = START_CODE + units[0] + START_CODE[1:] + units[1] + START_CODE + units[2]
    sent = list(h264_payloads(mixed))
    assert max(map(len, sent)) <= MAX_PAYLOAD
    assert joined([h264_payload(one) for one in sent]) == b"".join(START_CODE + u for u in units)


async def test_a_large_picture_is_spread_over_time() -> None:
    """No more than BURST packets leave at once; all leave, in order; the last one is marked."""
    carrier = Wire()
    stream = outgoing(carrier)
    stream.send(bytes(100_000), 9000, time.monotonic_ns())
    assert len(carrier.packets) == BURST
    await until(lambda: wire.parse_rtp(carrier.packets[-1]).marker)
    packets = [wire.parse_rtp(one) for one in carrier.packets]
    assert [p.sequence for p in packets] == [
        packets[0].sequence + n & 0xFFFF for n in range(len(packets))
    ]
    assert len({p.timestamp for p in packets}) == 1
    assert [p.marker for p in packets[:-1]] == [False] * (len(packets) - 1)


async def test_lost_packets_are_sent_again_as_they_were() -> None:
    """What a NACK of ingest asks for comes again, unchanged, as long as it is remembered."""
    carrier = Wire()
    stream = outgoing(carrier, "opus")
    for number in range(REMEMBERED + 10):
        stream.send(number.to_bytes(2, "big"), 960 * number, time.monotonic_ns())
    sequences = [wire.parse_rtp(one).sequence for one in carrier.packets]
    lost = [0, 9, 10, 500, 501, 517, 518, REMEMBERED + 9]
    wishes = parse_feedback(wire.nack(1, 77, [sequences[n] for n in lost]))
    stream.again(wishes.again[77])
    assert carrier.repeated == [carrier.packets[n] for n in lost if n >= 10]


async def test_levels_go_into_the_header_extension() -> None:
    """RFC 6464; a packet without a level has no extension."""
    carrier = Wire()
    stream = outgoing(carrier, "opus", level_id=1)
    stream.send(b"sound", 0, time.monotonic_ns(), 42)
    stream.send(b"sound", 960, time.monotonic_ns())
    first, second = (wire.parse_rtp(one) for one in carrier.packets)
    assert wire.extension(first.extensions, 1) == b"\x2a" and first.payload == b"sound"
    assert second.extensions == b"" and second.payload == b"sound"


async def test_reports_come_first_and_lie_on_one_clock() -> None:
    """A report goes out before the first packet: two streams' reports put frames of one moment at
    one NTP time, however late they were sent."""
    carriers = Wire(), Wire()
    sound, picture = outgoing(carriers[0], "opus"), outgoing(carriers[1])
    at_ns = time.monotonic_ns() - 40_000_000
    sound.send(b"s", 48_000, at_ns, 10)
    picture.send(b"p", 90_000, at_ns)
    moments = []
    for carrier, rate in zip(carriers, (48000, 90000), strict=True):
        (report,) = wire.parse_reports(carrier.reports[0])
        packet = wire.parse_rtp(carrier.packets[0])
        behind = (report.timestamp - packet.timestamp) & 0xFFFFFFFF
        moments.append(report.unix_ns - behind * 1_000_000_000 // rate)
    assert abs(moments[0] - moments[1]) < 30_000  # a tick of each
    assert report.ssrc == 77


def test_reports_are_read_as_written() -> None:
    """A sender report with its numbers at their ends."""
    unix_ns = 1_700_000_000_123_456_789
    data = sender_report(5, unix_ns=unix_ns, rtp=1 << 32, packets=3, octets=1 << 33, cname="äöü")
    (report,) = wire.parse_reports(data)
    assert (report.ssrc, report.timestamp) == (5, 0)
    assert abs(report.unix_ns - unix_ns) <= 1


def test_feedback_in_compound_packets() -> None:
    """Requests for key pictures and lost packets are found behind a receiver report; bytes that
    are no RTCP are refused."""
    data = wire.receiver_report(1, []) + wire.picture_loss(1, 9) + wire.nack(1, 8, [65535, 0, 20])
    wishes = parse_feedback(data)
    assert wishes.key_pictures == [9] and wishes.again == {8: [65535, 0, 20]}
    with pytest.raises(wire.MalformedRtp):
        parse_feedback(data[:-2])
