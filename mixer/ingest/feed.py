"""One subscription: the media sections of one publisher's feed over one connection of their own.

Packets are routed by SSRC, as the offer gives them, to a receiver of each section; no receiver is
ever taken over by another section or another publisher. Why one connection a feed: the SFU never
reuses a section for somebody else, a fault stays with one publisher, and there is half as much ICE
and DTLS as with one a section. Why receivers of our own by SSRC: they do not depend on bundle
policies, and a section that ends or is offered again is a matter of a dictionary.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from mixer.conference.ice import IceServer
from mixer.conference.media import Publication
from mixer.errors import ConferenceError
from mixer.ingest import rtp as wire
from mixer.ingest.audio import AudioReceiver
from mixer.ingest.conference import Media, Subscription
from mixer.ingest.ends import Ends
from mixer.ingest.rtp import MalformedRtp, RtpPacket, SenderReport
from mixer.ingest.sdp import (
    AUDIO_LEVEL,
    CAPTURE_TIME,
    Offer,
    Peer,
    Section,
    parse_offer,
    write_answer,
)
from mixer.ingest.sender_clock import Names, SenderClock
from mixer.ingest.timeline import Identity, Timeline, Writer
from mixer.ingest.transport import MediaTransport
from mixer.ingest.video import VideoReceiver
from mixer.journal.model import Codec

log = structlog.get_logger()

REPORT_EVERY_NS = 1_000_000_000
FIRST_ANSWER_NS = 30_000_000  # after the first sender report
CODECS: dict[str, Codec] = {"vp8": "vp8", "h264": "h264", "opus": "opus"}

Receiver = VideoReceiver | AudioReceiver


class Observer(Protocol):
    """Who is told what the media says of the conference (recording.py)."""

    def resized(self, publication: Publication, media_ns: int, width: int, height: int) -> None: ...

    def heard(self, publication: Publication, media_ns: int, level: int) -> None: ...

    def unsupported(self, publication: Publication) -> None: ...


class FeedReceiver:
    """`run` receives until the subscription ends; `tick` every TICK of the recording.

    `journal_ns` turns monotonic time into journal time; `before` says where a section's media
    stopped earlier, if it did; `names`: whose CNAMEs are known, over all feeds.
    """

    def __init__(
        self,
        publications: Sequence[Publication],
        writer: Writer,
        observer: Observer,
        journal_ns: Callable[[int], int],
        before: Ends,
        names: Names,
    ) -> None:
        self.publications = {one.mid: one for one in publications}
        self.receivers: dict[int, tuple[Publication, Receiver]] = {}
        self.ssrc = random.getrandbits(32)
        self._writer = writer
        self._observer = observer
        self._journal_ns = journal_ns
        self._before = before
        self._names = names
        self._clock = SenderClock()
        self._cnames: dict[int, str] = {}
        self._capture_ids: dict[int, int] = {}  # SSRC → id of the extension abs-capture-time
        self._transport: MediaTransport | None = None
        self._reported_ns = 0
        self._resizes: list[tuple[Publication, Timeline, int, int, int]] = []

    async def run(self, media: Media, ice_servers: Sequence[IceServer]) -> None:
        """Subscribes and receives until the SFU hangs up or the media path is lost.

        Raises ConferenceError when it cannot be begun.
        """
        feed = next(iter(self.publications.values())).feed
        subscription = await media.subscribe(feed, list(self.publications))
        transport = MediaTransport(self, ice_servers)
        try:
            offer = parse_offer(subscription.offer)
            local = await transport.gather()
            self._transport = transport
            self._take(offer, subscription)
            await subscription.start(write_answer(offer, local))
            watching = asyncio.create_task(self._watch(subscription, offer, local))
            try:
                await transport.connect(offer.peer)
                await _either(watching, transport.ended)
            finally:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
        finally:
            await asyncio.shield(_close(transport, subscription))

    def stop(self, mid: str) -> None:
        """The section is no longer sent: its receiver ends, the others go on."""
        self.publications.pop(mid, None)
        for ssrc, (publication, _) in list(self.receivers.items()):
            if publication.mid == mid:
                del self.receivers[ssrc]

    def rtp(self, data: bytes, arrival_ns: int) -> None:
        """A decrypted RTP packet (transport.PacketSink)."""
        try:
            packet = wire.parse_rtp(data)
        except MalformedRtp:
            return
        found = self.receivers.get(packet.ssrc)
        if found is not None:
            found[1].packet(packet, self._journal_ns(arrival_ns))
            if packet.extensions and packet.ssrc in self._capture_ids:
                self._captured(packet, found[1])

    def rtcp(self, data: bytes, arrival_ns: int) -> None:
        """A decrypted RTCP packet (transport.PacketSink)."""
        try:
            reports = wire.parse_reports(data)
            names = wire.parse_cnames(data)
            self._cnames |= {ssrc: name for ssrc, name in names.items() if ssrc in self.receivers}
        except MalformedRtp:
            return
        for report in reports:
            found = self.receivers.get(report.ssrc)
            if found is None:
                continue
            now_ns = self._journal_ns(arrival_ns)
            self._stamp(report, *found)
            if found[1].reception.sender_report(report.ntp, now_ns):
                self._reported_ns = now_ns - REPORT_EVERY_NS + FIRST_ANSWER_NS

    def tick(self, now_ns: int) -> None:
        """Losses, keyframes, alignments, reports: whatever is due."""
        self._clock.tick(now_ns)
        for _, receiver in self.receivers.values():
            receiver.tick(now_ns)
        self._tell_sizes()
        if self._transport is not None and now_ns - self._reported_ns >= REPORT_EVERY_NS:
            self._reported_ns = now_ns
            for ssrc in self.receivers:  # Janus 1.1.2 looks at a packet's first block only
                self._ask(ssrc, b"")

    def _take(self, offer: Offer, subscription: Subscription) -> None:
        """Makes a receiver for each section that is sent and can be taken."""
        for section in offer.sections:
            mid = subscription.mids.get(section.mid, section.mid)
            publication = self.publications.get(mid)
            if publication is None or not section.active or not section.ssrcs:
                continue
            if section.taken is None or section.taken.name not in CODECS:
                self._observer.unsupported(publication)
            elif section.ssrcs[0] not in self.receivers:
                self.receivers[section.ssrcs[0]] = (publication, self._make(publication, section))

    def _make(self, publication: Publication, section: Section) -> Receiver:
        taken = section.taken
        assert taken is not None
        ssrc = section.ssrcs[0]
        codec = CODECS[taken.name]
        identity = Identity(publication, codec, taken.clock_rate, ssrc, taken.fmtp)
        now_ns = self._journal_ns(time.monotonic_ns())
        before = self._before.take((publication.stream, publication.kind), now_ns)
        clock = self._clock.section(taken.clock_rate)
        timeline = Timeline(self._writer, identity, before, clock)
        capture_id = section.extension_id(CAPTURE_TIME)
        if capture_id is not None:
            self._capture_ids[ssrc] = capture_id
        if publication.kind == "video":

            def resized(rtp: int, width: int, height: int) -> None:
                self._resizes.append((publication, timeline, rtp, width, height))

            return VideoReceiver(codec, ssrc, self.ssrc, timeline, self._ask, resized)

        def heard(rtp: int, level: int) -> None:
            media_ns = timeline.media_ns(rtp)
            if media_ns is not None:
                self._observer.heard(publication, media_ns, level)

        nack = "nack" in taken.feedback
        level_id = section.extension_id(AUDIO_LEVEL)
        return AudioReceiver(ssrc, self.ssrc, level_id, nack, timeline, self._ask, heard)

    def _stamp(self, report: SenderReport, publication: Publication, receiver: Receiver) -> None:
        """A sender report, if it is the sender's own."""
        cname = self._cnames.get(report.ssrc)
        if cname is not None and self._names.believes(cname, publication.participant):
            receiver.timeline.stamp(report.timestamp, report.unix_ns, "sender-report")

    def _captured(self, packet: RtpPacket, receiver: Receiver) -> None:
        value = wire.extension(packet.extensions, self._capture_ids[packet.ssrc])
        ntp = wire.capture_time(value) if value is not None else None
        if ntp is not None:
            ntp_ns = wire.ntp_to_unix_ns(ntp)
            receiver.timeline.stamp(packet.timestamp, ntp_ns, "capture-time")

    def _tell_sizes(self) -> None:
        """Sizes are told once their media time is known."""
        untold = []
        for item in self._resizes:
            publication, timeline, rtp, width, height = item
            media_ns = timeline.media_ns(rtp)
            if media_ns is None:
                untold.append(item)
            else:
                self._observer.resized(publication, media_ns, width, height)
        self._resizes = untold

    def _ask(self, ssrc: int, feedback: bytes) -> None:
        """Sends feedback (or a report alone) in a compound packet, as RFC 3550 section 6.1 has it.

        Janus 1.1.2 finds out by the report which section a PLI is for, and drops bare ones.
        """
        found = self.receivers.get(ssrc)
        if self._transport is not None and found is not None:
            block = found[1].reception.report(self._journal_ns(time.monotonic_ns()))
            self._transport.send(wire.receiver_report(self.ssrc, [block]) + feedback)

    async def _watch(self, subscription: Subscription, offer: Offer, local: Peer) -> None:
        """Answers the SFU's later offers; ends when it hangs up."""
        async for event in subscription.events():
            if event.jsep is not None and event.jsep.get("type") == "offer":
                again = parse_offer(str(event.jsep["sdp"]))
                if again.peer.ufrag != offer.peer.ufrag:
                    return  # ICE is to be restarted: subscribe anew instead
                await subscription.start(write_answer(again, local))


async def _either(watching: asyncio.Task[None], ended: asyncio.Event) -> None:
    """Waits until one of them is over; raises what the task raised."""
    ending = asyncio.create_task(ended.wait())
    try:
        await asyncio.wait({watching, ending}, return_when=asyncio.FIRST_COMPLETED)
        if watching.done():
            watching.result()
    finally:
        ending.cancel()


async def _close(transport: MediaTransport, subscription: Subscription) -> None:
    await transport.close()
    with contextlib.suppress(ConferenceError):
        await subscription.close()
