"""Receives one video section: packets → pictures in the journal; asks for what is lost and for
keyframes (at the start, after a loss, every KEYFRAME_EVERY_NS, so that any moment can be reached).
"""

from __future__ import annotations

from collections.abc import Callable

from mixer.ingest import rtp as wire
from mixer.ingest.assembly import Assembled, Assembler
from mixer.ingest.depacketize import (
    H264Pictures,
    h264_payload,
    vp8_payload,
    vp8_picture_info,
)
from mixer.ingest.reception import Reception, Tally
from mixer.ingest.rtp import RtpPacket, Unwrapper
from mixer.ingest.timeline import Timeline, Unit
from mixer.journal.model import NO_LEVEL, Codec, FrameFlag

KEYFRAME_EVERY_NS = 10_000_000_000
KEYFRAME_AGAIN_NS = 400_000_000  # while one is needed
SILENT_AGAIN_NS = 1_000_000_000  # while nothing has come at all (muted, or the request was lost)
EARLY_LOSS_NS = 200_000_000  # a loss that is not mended by then makes us ask for a keyframe
FIRST_DURATION = 3000  # RTP ticks of a picture until its rate is known


class VideoReceiver:
    """`packet` in the order of arrival; `tick` a few times a tenth of a second.

    `ask` takes RTCP feedback about an SSRC; `resized` is told (RTP timestamp, width,
    height) at the first key picture and whenever the size changes.
    """

    def __init__(
        self,
        codec: Codec,
        ssrc: int,
        own_ssrc: int,
        timeline: Timeline,
        ask: Callable[[int, bytes], None],
        resized: Callable[[int, int, int], None],
    ) -> None:
        self.reception = Reception(ssrc, 90000)
        self.timeline = timeline
        timeline.counted = self.counted
        self._own_ssrc = own_ssrc
        self._ask_sender = ask
        self._resized = resized
        self._h264 = H264Pictures() if codec == "h264" else None
        self._assembler = (
            Assembler(vp8_payload, vp8_picture_info)
            if self._h264 is None
            else Assembler(h264_payload, self._h264.info)
        )
        self._sequence = Unwrapper(16)
        self._timestamp = Unwrapper(32)
        self._size = (0, 0)
        self._last_rtp: int | None = None
        self._duration = FIRST_DURATION
        self._gap_from: int | None = None
        self._gap_reason = "loss"
        self._asked_ns = -KEYFRAME_EVERY_NS
        self._key_ns = 0

    @property
    def given_up(self) -> int:
        """Packets that were lost for good."""
        return self._assembler.lost

    def counted(self) -> Tally:
        """What came so far; what is missing just now counts as lost."""
        seen = self._assembler
        packets = self.reception.packets - seen.duplicates
        return Tally(packets, seen.lost + seen.awaited, seen.recovered)

    def packet(self, packet: RtpPacket, arrival_ns: int) -> None:
        sequence, rtp = self._sequence(packet.sequence), self._timestamp(packet.timestamp)
        self.reception.count(sequence, rtp, len(packet.payload), arrival_ns)
        if self.timeline.packet(rtp, arrival_ns):
            self._gap_from = None  # of the old clock; where its media ended, the timeline knows
        self._assembler.add(sequence, rtp, packet.marker, packet.payload, arrival_ns)
        self._advance(arrival_ns)

    def tick(self, now_ns: int) -> None:
        self._advance(now_ns)
        self.timeline.tick(now_ns)
        self._ask_for_keyframe(now_ns)

    def renew(self, now_ns: int) -> None:
        """Asks for a key picture and shows nothing before it; `resized` is told of it."""
        self._size = (0, 0)
        self._gap_reason = "resume"
        self.timeline.lacks_reference = True
        self._asked_ns = -KEYFRAME_EVERY_NS
        self._ask_for_keyframe(now_ns)

    def _advance(self, now_ns: int) -> None:
        for picture in self._assembler.pop(now_ns):
            self._write(picture, now_ns)
        missing = self._assembler.missing(now_ns)
        if missing:
            lost = [sequence & 0xFFFF for sequence in missing]
            self._ask_sender(
                self.reception.ssrc, wire.nack(self._own_ssrc, self.reception.ssrc, lost)
            )

    def _write(self, picture: Assembled, now_ns: int) -> None:
        info, data = picture.info, picture.data
        if self._last_rtp is not None and 0 < picture.rtp - self._last_rtp < 90000:
            self._duration = picture.rtp - self._last_rtp
        self._last_rtp = picture.rtp
        flags = FrameFlag(0)
        if picture.broken or (self.timeline.lacks_reference and not info.key):
            flags = FrameFlag.BROKEN
            if self._gap_from is None:
                self._gap_from = self.timeline.end_rtp
        elif info.key:
            self._key(info.width, info.height, picture.rtp, now_ns)
            flags = FrameFlag.KEY
            if self._h264 is not None:
                data = self._h264.complete(data)
        width, height = self._size if info.key else (0, 0)
        self.timeline.write(
            Unit(
                picture.rtp,
                picture.arrival_ns,
                data,
                flags,
                NO_LEVEL,
                width,
                height,
                self._duration,
            )
        )

    def _key(self, width: int, height: int, rtp: int, now_ns: int) -> None:
        self._key_ns = now_ns
        if self._gap_from is not None:
            self.timeline.gap(self._gap_from, rtp, self._gap_reason)
            self._gap_from = None
        self._gap_reason = "loss"
        if width and (width, height) != self._size:
            self._size = (width, height)
            self._resized(rtp, width, height)

    def _ask_for_keyframe(self, now_ns: int) -> None:
        needed = self._assembler.broken or self.timeline.lacks_reference
        needed = needed or self._assembler.stalled(now_ns, EARLY_LOSS_NS)
        wait_ns = KEYFRAME_AGAIN_NS if needed else KEYFRAME_EVERY_NS
        if self.reception.packets == 0:
            wait_ns = SILENT_AGAIN_NS
        if now_ns - max(self._asked_ns, 0 if needed else self._key_ns) >= wait_ns:
            self._asked_ns = now_ns
            ssrc = self.reception.ssrc
            self._ask_sender(ssrc, wire.picture_loss(self._own_ssrc, ssrc))
