"""RTP, depacketizing and the jitter buffer: pictures come out whole, in order, or not at all."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
import pytest
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder
from aiortc.rtp import RtcpPacket, RtcpPsfbPacket, RtcpRrPacket, RtcpRtpfbPacket
from hypothesis import given
from hypothesis import strategies as st

from mixer.ingest import h264, rtp
from mixer.ingest.assembly import GIVE_UP_NS, Assembled, Assembler
from mixer.ingest.audio import opus_duration
from mixer.ingest.depacketize import (
    H264Pictures,
    MalformedPayload,
    h264_payload,
    vp8_payload,
    vp8_picture_info,
)
from mixer.ingest.h264 import sps_size
from tests.instruments.clip import Clip, ClipSettings, clip

MS = 1_000_000


def packets_of(made: Clip, count: int) -> Iterator[tuple[int, int, bool, bytes]]:
    """(sequence, rtp, marker, payload) of a clip's first pictures, as aiortc packetizes them."""
    packer = Vp8Encoder() if made.settings.codec == "vp8" else H264Encoder()
    sequence = 65530
    for number in range(count):
        packet = av.Packet(made.chains[0][number])
        packet.pts, packet.time_base = number * 3000, Fraction(1, 90000)
        payloads, timestamp = packer.pack(packet)
        for index, payload in enumerate(payloads):
            yield sequence, timestamp, index == len(payloads) - 1, payload
            sequence += 1


@pytest.fixture(scope="module", params=["vp8", "h264"])
def small(request: pytest.FixtureRequest) -> Clip:
    return clip(ClipSettings(320, 180, 30.0, request.param, 250_000, 1))


def assembler_for(made: Clip) -> Assembler:
    if made.settings.codec == "vp8":
        return Assembler(vp8_payload, vp8_picture_info)
    return Assembler(h264_payload, H264Pictures().info)


def same(made: Clip, number: int, picture: Assembled) -> bool:
    """The picture is the clip's, up to the length of H.264 start codes."""
    expected = made.chains[0][number]
    if made.settings.codec == "vp8":
        return picture.data == expected
    shortened = expected.replace(b"\0\0\0\1", b"\0\0\1")
    return picture.data.replace(b"\0\0\0\1", b"\0\0\1") == shortened


def test_pictures_are_whole_at_their_last_packet(small: Clip) -> None:
    """Nothing waits for the next picture's packet; key flag and size are the encoder's."""
    buffer = assembler_for(small)
    number = 0
    for sequence, timestamp, marker, payload in packets_of(small, 90):
        buffer.add(sequence, timestamp, marker, payload, number)
        done = buffer.pop(number)
        assert len(done) == (1 if marker else 0)
        if marker:
            assert same(small, number, done[0])
            assert done[0].info.key == small.is_key(0, number)
            size = (done[0].info.width, done[0].info.height)
            assert size == ((320, 180) if done[0].info.key else (0, 0))
            assert not done[0].broken
            number += 1
    assert number == 90


@given(seed=st.integers(0, 10_000))
def test_any_order_gives_the_same_pictures(seed: int) -> None:
    """Reordered within a window and duplicated: the same pictures in the same order."""
    made = clip(ClipSettings(320, 180, 30.0, "vp8", 250_000, 1))
    sent = list(packets_of(made, 40))
    shuffle = random.Random(seed)
    order = sorted(range(1, len(sent)), key=lambda index: index + shuffle.uniform(0, 8))
    arriving = [sent[0], *(sent[index] for index in order for _ in range(shuffle.choice((1, 2))))]
    buffer = assembler_for(made)
    pictures: list[Assembled] = []
    for now, packet in enumerate(arriving):
        buffer.add(*packet, now)
        pictures += buffer.pop(now)
    assert [p.rtp for p in pictures] == [3000 * n for n in range(40)]
    assert all(same(made, n, p) and not p.broken for n, p in enumerate(pictures))


@pytest.mark.parametrize("codec", ["vp8", "h264"])
@given(lost=st.sets(st.integers(1, 250), max_size=12))
def test_after_a_loss_nothing_broken_is_shown(codec: str, lost: set[int]) -> None:
    """Whatever is lost for good: a picture that is not marked broken decodes to its own number's
    pixels, because it and every picture since its keyframe are bitwise the sender's."""
    made = clip(ClipSettings(320, 180, 30.0, codec, 250_000, 1))
    buffer = assembler_for(made)
    shown: list[Assembled] = []
    now = 0
    for index, packet in enumerate(packets_of(made, 200)):
        now += 8 * MS
        if index not in lost:
            buffer.add(*packet, now)
        shown += buffer.pop(now)
    shown += buffer.pop(now + 2 * GIVE_UP_NS)
    usable = [p for p in shown if not p.broken]
    previous = None
    for picture in usable:
        number = picture.rtp // 3000
        assert same(made, number, picture)
        assert picture.info.key or previous == number - 1
        previous = number
    assert buffer.lost <= len(lost)


def test_what_is_missing_is_asked_for_and_then_given_up() -> None:
    """NACK at once and again every 80 ms; after half a second pictures go on, broken."""
    made = clip(ClipSettings(320, 180, 30.0, "vp8", 250_000, 1))
    sent = list(packets_of(made, 100))
    buffer = assembler_for(made)
    for now, packet in enumerate(sent):
        if now != 10:
            buffer.add(*packet, now * MS)
        buffer.pop(now * MS)
        asked = buffer.missing(now * MS)
        assert asked == ([sent[10][0]] if now in (11, 91, 171) else [])
    assert not buffer.pop(500 * MS)
    late = buffer.pop(511 * MS)
    assert late and late[0].broken
    recovered = [p for p in late if not p.broken]
    assert recovered[0].info.key


def test_a_late_repair_heals_without_a_scar() -> None:
    """A packet that comes 400 ms late, within the wait, leaves no broken picture."""
    made = clip(ClipSettings(320, 180, 30.0, "vp8", 250_000, 1))
    sent = list(packets_of(made, 100))
    buffer = assembler_for(made)
    for now, packet in enumerate(sent):
        if now != 10:
            buffer.add(*packet, now * MS)
    buffer.add(*sent[10], 400 * MS)
    pictures = buffer.pop(400 * MS)
    assert [p.rtp for p in pictures] == [3000 * n for n in range(100)]
    assert not any(p.broken for p in pictures)


def test_a_stream_that_is_joined_in_mid_picture_waits_for_a_keyframe(small: Clip) -> None:
    sent = list(packets_of(small, 130))
    first_key = next(i for i, p in enumerate(sent) if p[1] == 60 * 3000)
    buffer = assembler_for(small)
    pictures: list[Assembled] = []
    for packet in sent[3:]:
        buffer.add(*packet, 0)
        pictures += buffer.pop(0)
    assert first_key > 3
    assert [p.rtp for p in pictures if not p.broken] == [3000 * n for n in range(60, 130)]


def test_rtp_headers_are_read() -> None:
    """Padding, contributing sources, one-byte extensions; nonsense is refused."""
    header = bytes([0xB2, 0x80 | 96]) + (7).to_bytes(2, "big") + (9).to_bytes(4, "big")
    body = (5).to_bytes(4, "big") + b"\0" * 8
    extended = b"\xbe\xde\0\x01" + bytes([0x10, 0x85, 0x00, 0x00])
    packet = rtp.parse_rtp(header + body + extended + b"payload" + b"\0\0\x03")
    assert (packet.payload, packet.sequence, packet.timestamp, packet.ssrc) == (b"payload", 7, 9, 5)
    assert packet.marker and packet.payload_type == 96
    assert rtp.extension(packet.extensions, 1) == b"\x85"
    assert rtp.extension(packet.extensions, 2) is None
    for bad in (b"", b"\x80" * 11, b"\x40" + b"\0" * 11, b"\xa0" + b"\0" * 10 + b"\xff"):
        with pytest.raises(rtp.MalformedRtp):
            rtp.parse_rtp(bad)


@given(data=st.binary(max_size=60))
def test_no_bytes_make_the_parsers_fail(data: bytes) -> None:
    """Anything from the network is a packet or a MalformedRtp / MalformedPayload, nothing else."""
    for parse, error in (
        (rtp.parse_rtp, rtp.MalformedRtp),
        (rtp.parse_reports, rtp.MalformedRtp),
        (vp8_payload, MalformedPayload),
        (h264_payload, MalformedPayload),
    ):
        with contextlib.suppress(error):
            parse(data)
    vp8_picture_info(data)
    H264Pictures().info(b"\0\0\1" + data)
    sps_size(data)
    opus_duration(data)
    rtp.extension(data, 3)


def test_feedback_is_what_others_read() -> None:
    """Our RTCP parsed by aiortc: the same numbers."""
    block = rtp.ReportBlock(7, 12, 300, 70000, 5, 6, 8)
    report = RtcpPacket.parse(rtp.receiver_report(1, [block]))[0]
    assert isinstance(report, RtcpRrPacket)
    assert (report.ssrc, report.reports[0].packets_lost) == (1, 300)
    assert report.reports[0].highest_sequence == 70000
    loss = RtcpPacket.parse(rtp.picture_loss(1, 7))[0]
    assert isinstance(loss, RtcpPsfbPacket) and (loss.fmt, loss.media_ssrc) == (1, 7)
    lost = [65533, 65535, 0, 3, 40]
    asked = RtcpPacket.parse(rtp.nack(1, 7, lost))[0]
    assert isinstance(asked, RtcpRtpfbPacket)
    assert sorted(s & 0xFFFF for s in asked.lost) == sorted(lost)


@pytest.mark.parametrize("profile", ["baseline", "main", "high"])
@pytest.mark.parametrize("size", [(320, 180), (1280, 720), (426, 240), (1920, 1080)])
def test_the_size_in_an_sps_is_the_encoders(profile: str, size: tuple[int, int]) -> None:
    """Also where cropping is needed, and with a High profile's longer SPS."""
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height = size
    encoder.pix_fmt = "yuv420p"
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "profile": profile}
    frame = av.VideoFrame.from_ndarray(
        np.full((size[1] * 3 // 2, size[0]), 90, dtype=np.uint8), format="yuv420p"
    )
    data = b"".join(bytes(p) for p in [*encoder.encode(frame), *encoder.encode(None)])
    info = H264Pictures().info(data)
    assert info is not None and info.key
    assert (info.width, info.height) == size


@pytest.mark.parametrize("size", [1000, 1_000_000])
def test_a_crafted_sps_is_given_up_at_once(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that says that a great many numbers follow: they are not read one by one, however often
    it is in a picture, since the event loop stands still meanwhile."""
    reads = 0
    real = h264._Bits.read

    def read(bits: h264._Bits, count: int) -> int:
        nonlocal reads
        reads += 1
        return real(bits, count)

    monkeypatch.setattr(h264._Bits, "read", read)
    # profile, flags, level; id 0; log2_max_frame_num 0; order type 1, 1 flag, 2 offsets, 2**30 - 1
    bits = f"{66:08b}{0:016b}" + "1" + "1" + "010" + "0" + "1" + "1" + "0" * 30 + "1" + "0" * 30
    crafted = b"\x67" + int(bits + "1" * (8 * size - len(bits)), 2).to_bytes(size, "big")
    data = (b"\0\0\1" + crafted) * 20 + b"\0\0\1\x65slice"
    info = H264Pictures().info(data)
    assert info is not None and info.key and (info.width, info.height) == (0, 0)
    assert reads < 1000


def test_parameter_sets_stay_with_key_pictures() -> None:
    """A sender that sends SPS and PPS once: later key pictures get them in front."""
    made = clip(ClipSettings(320, 180, 30.0, "h264", 250_000, 1))
    pictures = H264Pictures()
    first = made.chains[0][0]
    assert pictures.info(first) is not None
    idr = first[first.rindex(b"\0\0\1\x65") :]
    assert pictures.info(idr) is not None
    completed = pictures.complete(idr)
    info = H264Pictures().info(completed)
    assert info is not None and (info.width, info.height) == (320, 180)


@pytest.mark.parametrize(
    ("packet", "ticks"),
    [
        (bytes([0b11111_0_00]), 960),  # CELT fullband, 20 ms
        (bytes([0b11100_0_00]), 120),  # 2.5 ms
        (bytes([0b00011_0_00]), 2880),  # SILK, 60 ms
        (bytes([0b01101_0_00]), 960),  # hybrid
        (bytes([0b11111_0_01]), 1920),  # two frames
        (bytes([0b11111_0_11, 3]), 2880),  # three
        (b"", 0),
    ],
)
def test_opus_durations(packet: bytes, ticks: int) -> None:
    assert opus_duration(packet) == ticks
