"""Alignment by a sender's own clock: exact where it is known, and never worse than by arrival."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtp import RtcpRrPacket, RtcpSdesPacket, RtcpSourceInfo

from mixer.conference.media import Publication
from mixer.ingest import rtp as wire
from mixer.ingest.alignment import SECOND, Aligner, Mapping, Method
from mixer.ingest.ends import Ends
from mixer.ingest.feed import FeedReceiver
from mixer.ingest.sdp import parse_offer
from mixer.ingest.sender_clock import Names, SectionClock, SenderClock
from mixer.journal import Journal, JournalWriter
from mixer.journal.model import Codec, Kind
from tests.instruments.clip import ClipSettings, clip
from tests.instruments.ingested import until
from tests.instruments.sources import ClipTrack, Publisher, Timing, ToneTrack

Delay = Callable[[np.random.Generator, float], float]
TICK_S = 0.04
KINDS: dict[str, tuple[Kind, Codec]] = {"audio": ("audio", "opus"), "video": ("video", "vp8")}
PATH_S = 0.02
START_S = 1000.0  # of journal time
NTP_S = 1.7e9  # of the sender's clock, then


def calm(random: np.random.Generator, _: float) -> float:
    return float(random.exponential(0.3e-3))


def jittery(random: np.random.Generator, _: float) -> float:
    return float(random.exponential(4e-3))


def queued(random: np.random.Generator, _: float) -> float:
    """A picture is encoded, paced and queued: never quick."""
    return 0.03 + float(random.exponential(3e-3))


def swelling(random: np.random.Generator, t: float) -> float:
    """A slow uplink: a queue that comes and goes over minutes."""
    return 0.02 + 0.04 * (1 - float(np.cos(t / 30))) / 2 + float(random.exponential(3e-3))


@dataclass
class Track:
    """One section of a sender: its clock, its packets, what is made of them."""

    rate: int
    packets: float
    delay: Delay
    clock_ppm: float  # of the RTP clock, against the sender's
    stamps_every_s: float
    first_s: float = 0.0
    method: Method = "sender-report"
    stamp_error: Callable[[np.random.Generator], float] = lambda r: float(r.normal(0, 0.5e-3))
    written: list[Mapping] = field(default_factory=list)
    errors: list[tuple[float, float]] = field(default_factory=list)  # (t, ms)

    def rtp(self, t: float) -> int:
        return 10**8 + round(t * (1 + self.clock_ppm * 1e-6) * self.rate)


def play(
    tracks: list[Track], seconds: float, *, sender_ppm: float = 0.0, known: bool = True
) -> None:
    """Everything that a sender sends, as it arrives; `known`: with its stamps."""
    random = np.random.default_rng(3)
    sender = SenderClock()
    clocks = [sender.section(track.rate) for track in tracks]
    aligners = [Aligner(track.rate) for track in tracks]
    moments: list[tuple[float, int, float, bool]] = []
    for index, track in enumerate(tracks):
        sent = np.arange(track.first_s, seconds, 1 / track.packets)
        moments += [(t + PATH_S + track.delay(random, t), index, t, False) for t in sent]
        stamps = np.arange(track.first_s + 0.4, seconds, track.stamps_every_s)
        moments += [(t + PATH_S + calm(random, t), index, t, True) for t in stamps]
    tick = 0.0
    for at, index, t, is_stamp in sorted(moments):
        while tick < at:
            _tick(sender, clocks, aligners, tracks, round((START_S + tick) * SECOND))
            tick += TICK_S
        track, rtp = tracks[index], tracks[index].rtp(t)
        if is_stamp:
            ntp_s = t * (1 + sender_ppm * 1e-6) + track.stamp_error(random)
            if known:
                clocks[index].stamp(rtp, round((NTP_S + ntp_s) * SECOND), track.method)
            continue
        clocks[index].packet(rtp, round((START_S + at) * SECOND))
        aligners[index].packet(rtp, round((START_S + at) * SECOND))
        media_ns = aligners[index].media_ns(rtp)
        if media_ns is not None:
            track.errors.append((t, media_ns / 1e6 - (START_S + t + PATH_S) * 1e3))


def _tick(
    sender: SenderClock,
    clocks: list[SectionClock],
    aligners: list[Aligner],
    tracks: list[Track],
    now_ns: int,
) -> None:
    sender.tick(now_ns)
    for clock, aligner, track in zip(clocks, aligners, tracks, strict=True):
        made = aligner.decide(now_ns, clock.offsets())
        track.written += [made] if made else []


def both(video: Delay, audio: Delay = calm, **audio_clock: float) -> list[Track]:
    return [
        Track(48000, 50, audio, audio_clock.get("ppm", 0.0), 5.0),
        Track(90000, 30, video, 0.0, 1.0, first_s=audio_clock.get("late", 0.0)),
    ]


def offset_ms(tracks: list[Track], begin: float, end: float) -> np.ndarray[tuple[int], np.dtype]:
    """Sound against picture, at moments between."""
    moments = np.arange(begin, end, 0.5)
    audio, video = (np.interp(moments, *np.array(track.errors).T) for track in tracks)
    return np.asarray(audio - video)


@pytest.mark.parametrize("audio_ppm", [0.0, 100.0])
@pytest.mark.parametrize("sender_ppm", [0.0, 100.0])
@pytest.mark.parametrize("video", [calm, jittery, queued, swelling])
def test_sound_and_picture_lie_where_the_sender_says(
    video: Delay, sender_ppm: float, audio_ppm: float
) -> None:
    """However long pictures queue and clocks drift: within a millisecond or two beside each other,
    and neither away from the time at which it was sent."""
    tracks = both(video, ppm=audio_ppm)
    play(tracks, 300, sender_ppm=sender_ppm)
    assert {track.written[-1].method for track in tracks} == {"sender-report"}
    found = offset_ms(tracks, 100, 295)
    assert abs(found.mean()) < 1.0
    assert np.abs(found).max() < 2.0
    late = [error for track in tracks for t, error in track.errors if t > 100]
    assert np.abs(late).max() < 2.0


@pytest.mark.parametrize("video", [calm, jittery, queued, swelling])
def test_it_is_better_than_arrival(video: Delay) -> None:
    """What arrival makes of a queue (tens of milliseconds) is gone; without one, nothing is."""
    by_stamps, by_arrival = both(video), both(video)
    play(by_stamps, 200)
    play(by_arrival, 200, known=False)
    stamped, arrived = (
        np.abs(offset_ms(tracks, 80, 195)).mean() for tracks in (by_stamps, by_arrival)
    )
    assert stamped < max(arrived, 0.7)
    if video in (queued, swelling):
        assert arrived > 15 and stamped < 1


def test_stamps_in_packets_are_as_good() -> None:
    """abs-capture-time, also of a camera that comes later."""
    tracks = both(queued, late=2.0)
    for track in tracks:
        track.method, track.stamps_every_s = "capture-time", 0.2
    play(tracks, 120)
    assert {track.written[-1].method for track in tracks} == {"capture-time"}
    assert np.abs(offset_ms(tracks, 60, 115)).max() < 2.0


def test_media_time_goes_on_without_a_step() -> None:
    """When the sender's clock becomes known, alignments join; frames keep their distances."""
    tracks = both(queued)
    play(tracks, 120)
    for track in tracks:
        assert track.written[0].method == "arrival"
        for old, new in zip(track.written, track.written[1:], strict=False):
            ticks = new.rtp - old.rtp
            continued = old.media_ns + ticks * SECOND / track.rate * (1 + old.ppm * 1e-6)
            assert abs(new.media_ns - continued) < 1000
        steps = np.diff([error for _, error in track.errors[:-1]])
        assert np.abs(steps).max() < 0.3


def test_a_clock_that_is_set_anew_does_no_harm() -> None:
    """The sender's clock is set by an hour in mid-recording: media time hardly notices."""
    tracks = both(queued)
    set_anew = [0]

    def error(random: np.random.Generator) -> float:
        set_anew[0] += 1
        return (3600.0 if set_anew[0] > 120 else 0.0) + float(random.normal(0, 0.5e-3))

    for track in tracks:
        track.stamp_error = error
    play(tracks, 300)
    assert {track.written[-1].method for track in tracks} == {"sender-report"}
    assert np.abs(offset_ms(tracks, 240, 295)).max() < 2.0
    assert all(abs(e) < 40 for track in tracks for _, e in track.errors)


def test_impossible_stamps_are_left() -> None:
    """Sound that would have been sent after it arrived, by the picture's clock: arrival decides."""
    by_stamps, by_arrival = both(calm), both(calm)
    for tracks in (by_stamps, by_arrival):
        tracks[1].stamp_error = lambda r: 0.6 + float(r.normal(0, 0.5e-3))
    play(by_stamps, 100)
    play(by_arrival, 100, known=False)
    assert np.abs(offset_ms(by_stamps, 60, 95)).max() < 3.0
    assert by_stamps[0].written[-1].method == "arrival" or (
        by_stamps[1].written[-1].method == "arrival"
    )


def test_whose_word_is_believed() -> None:
    """Not Janus' own, and no name that two participants have, from the second on."""
    names = Names()
    assert not names.believes("janus", "a")
    assert names.believes("x1", "a") and names.believes("x2", "b") and names.believes("x1", "a")
    assert not names.believes("x1", "b")
    assert not names.believes("x1", "a")


def test_names_in_rtcp_are_read() -> None:
    """CNAMEs of a compound packet (RFC 3550, 6.5); bytes that are cut off do no harm."""
    report = RtcpRrPacket(ssrc=7)
    ann, ben = (
        [RtcpSourceInfo(*who)] for who in ((7, [(1, b"ann")]), (8, [(2, b"n"), (1, b"ben")]))
    )
    data = bytes(report) + bytes(RtcpSdesPacket(chunks=ann)) + bytes(RtcpSdesPacket(chunks=ben))
    assert wire.parse_cnames(data) == {7: "ann", 8: "ben"}
    two = bytes.fromhex("82ca0006 00000007 0103616e 6e000000 00000008 0104616e 6e650000")
    assert wire.parse_cnames(two) == {7: "ann", 8: "anne"}
    for end in range(len(data)):
        wire.parse_cnames(data[:end])
    assert wire.capture_time(bytes(8)) == 0 and wire.capture_time(b"x") is None


class Direct:
    """A sender without an SFU between (ingest.conference.Media and Subscription)."""

    def __init__(self, peer: RTCPeerConnection) -> None:
        self.offer = peer.localDescription.sdp
        self.mids: dict[str, str] = {}
        self._peer = peer

    async def subscribe(self, feed: int | str, mids: Sequence[str]) -> Direct:
        return self

    def publications(self) -> list[Publication]:
        return [
            Publication("a", one.mid, "a", "a.camera", "Camera", *KINDS[one.kind])
            for one in parse_offer(self.offer).sections
        ]

    async def changes(self) -> AsyncIterator[None]:
        await asyncio.Event().wait()
        yield

    async def start(self, answer: str) -> None:
        # aiortc connects in here, which needs our side to go on
        self.connecting = asyncio.create_task(
            self._peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        )

    async def events(self) -> AsyncIterator[None]:
        await asyncio.Event().wait()
        yield

    async def close(self) -> None: ...


class Nobody:
    """An observer that does not care."""

    def resized(self, publication: Publication, media_ns: int, width: int, height: int) -> None: ...

    def heard(self, publication: Publication, media_ns: int, level: int) -> None: ...

    def unsupported(self, publication: Publication) -> None: ...


async def test_a_senders_own_reports_are_used(tmp_path: Path) -> None:
    """aiortc sends to us without an SFU: after some reports both tracks are aligned by them."""
    timing = Timing(Publisher("", ""))
    peer = RTCPeerConnection(
        RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
    )
    peer.addTrack(ClipTrack(clip(ClipSettings(320, 180, 30.0, "vp8", 250_000, 1)), timing))
    peer.addTrack(ToneTrack(timing, 30.0))
    await peer.setLocalDescription(await peer.createOffer())
    direct = Direct(peer)
    with JournalWriter.create(tmp_path, conference="c") as writer:
        feed = FeedReceiver(
            direct.publications(), writer, Nobody(), writer.from_monotonic_ns, Ends({}), Names()
        )
        running = asyncio.create_task(feed.run(direct, []))

        def both_by_reports() -> bool:
            now_ns = writer.from_monotonic_ns(time.monotonic_ns())
            feed.tick(now_ns)
            writer.watermark(now_ns - SECOND)
            made = Journal.open(tmp_path).alignments.values()
            return len(made) == 2 and all(m[-1].method == "sender-report" for m in made)

        await until(both_by_reports)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        writer.close(final=True)
    await peer.close()
    for made in Journal.open(tmp_path).alignments.values():
        assert made[0].method == "arrival"
