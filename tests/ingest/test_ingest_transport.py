"""The media transport, which stands on aiortc's inside: these tests fail when that changes."""

from __future__ import annotations

import asyncio
import inspect

from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcicetransport import RTCIceGatherer, RTCIceTransport

from mixer.ingest import rtp
from mixer.ingest.sdp import AUDIO_LEVEL, Peer, parse_offer, write_answer
from mixer.ingest.transport import MediaTransport
from tests.instruments.clip import ClipSettings, clip
from tests.instruments.ingested import until
from tests.instruments.sources import ClipTrack, Publisher, Timing, ToneTrack


class Collector:
    """Takes packets (transport.PacketSink)."""

    def __init__(self) -> None:
        self.packets: list[tuple[bytes, int]] = []
        self.reports: list[bytes] = []

    def rtp(self, data: bytes, arrival_ns: int) -> None:
        self.packets.append((data, arrival_ns))

    def rtcp(self, data: bytes, arrival_ns: int) -> None:
        self.reports.append(data)


def test_what_is_used_of_aiortc_is_there() -> None:
    """Names and signatures of the inside that transport.py touches."""
    assert list(inspect.signature(RTCDtlsTransport._send_rtp).parameters) == ["self", "data"]
    assert list(inspect.signature(RTCDtlsTransport._set_role).parameters) == ["self", "role"]
    assert "_rx_srtp" in inspect.getsource(RTCDtlsTransport.__init__)
    assert "_connection" in inspect.getsource(RTCIceGatherer.__init__)
    assert "_connection" in inspect.getsource(RTCIceTransport.__init__)


async def test_packets_come_through_from_aiortc() -> None:
    """An RTCPeerConnection of aiortc sends to us: every packet of both sections arrives decrypted,
    with the SSRC of its section and the time of its arrival; our feedback reaches the sender; when
    it closes, we are told."""
    timing = Timing(Publisher("", ""))
    video = ClipTrack(clip(ClipSettings(320, 180, 30.0, "vp8", 250_000, 1)), timing)
    peer = RTCPeerConnection(
        RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
    )
    sender = peer.addTrack(video)
    sender._send_keyframe = video.request_keyframe  # type: ignore[method-assign]
    peer.addTrack(ToneTrack(timing, 30.0))
    await peer.setLocalDescription(await peer.createOffer())
    offer = parse_offer(peer.localDescription.sdp)
    collector = Collector()
    transport = MediaTransport(collector)
    local = await transport.gather()
    answer = RTCSessionDescription(write_answer(offer, local), "answer")
    await asyncio.gather(peer.setRemoteDescription(answer), transport.connect(offer.peer))
    await until(lambda: len(collector.packets) > 100)
    parsed = [rtp.parse_rtp(data) for data, _ in collector.packets]
    sections = {section.kind: section for section in offer.sections}
    assert {p.ssrc for p in parsed} == {section.ssrcs[0] for section in sections.values()}
    arrivals = [arrival for _, arrival in collector.packets]
    assert arrivals == sorted(arrivals) and arrivals[-1] > arrivals[0]
    requests = video.keyframe_requests
    transport.send(rtp.picture_loss(1, sections["video"].ssrcs[0]))
    await until(lambda: video.keyframe_requests > requests)
    await until(lambda: bool(collector.reports))
    await peer.close()
    await until(transport.ended.is_set)
    await transport.close()


OFFER = """v=0
o=- 1 1 IN IP4 192.0.2.1
s=-
t=0 0
a=group:BUNDLE 0 1 2
a=fingerprint:sha-256 AA:BB
m=audio 9 UDP/TLS/RTP/SAVPF 111
a=mid:0
a=sendonly
a=ice-ufrag:u
a=ice-pwd:p
a=rtpmap:111 opus/48000/2
a=fmtp:111 useinbandfec=1;usedtx=1
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=extmap:9 urn:3gpp:video-orientation
a=ssrc:11 cname:janus
m=video 9 UDP/TLS/RTP/SAVPF 96 97 98
a=mid:1
a=sendonly
a=rtpmap:96 VP9/90000
a=rtpmap:97 H264/90000
a=fmtp:97 profile-level-id=640c1f;packetization-mode=1
a=rtcp-fb:97 nack
a=rtcp-fb:97 nack pli
a=rtcp-fb:97 transport-cc
a=rtpmap:98 rtx/90000
a=fmtp:98 apt=97
a=extmap:9 urn:3gpp:video-orientation
a=ssrc:22 cname:janus
m=video 9 UDP/TLS/RTP/SAVPF 99
a=mid:2
a=sendonly
a=rtpmap:99 AV1/90000
a=ssrc:33 cname:janus
"""


def test_answers_are_generous_and_refuse_what_nobody_could_use() -> None:
    """Any H.264 profile and any Opus parameters are taken as offered; AV1 is not; the sender
    rotates its pictures itself."""
    offer = parse_offer(OFFER)
    audio, video, other = offer.sections
    assert audio.extension_id(AUDIO_LEVEL) == 1
    assert video.taken is not None and video.taken.fmtp.startswith("profile-level-id=640c1f")
    assert other.taken is None
    answer = write_answer(
        offer, Peer("a", "b", (("sha-256", "CC"),), ("1 1 udp 1 ::1 9 typ host",))
    )
    assert "a=fmtp:97 profile-level-id=640c1f;packetization-mode=1" in answer
    assert "a=fmtp:111 useinbandfec=1;usedtx=1" in answer
    assert "video-orientation" not in answer and "transport-cc" not in answer
    assert answer.count("a=recvonly") == 2 and answer.count("a=inactive") == 1
    assert answer.count("a=setup:active") == 3
