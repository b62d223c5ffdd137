"""Receives one Opus section: every packet is a frame of its own (RFC 7587), in any order.

Losses become gaps once nobody can mend them any more; what comes late is written when it comes.
"""

from __future__ import annotations

from collections.abc import Callable

from mixer.ingest import rtp as wire
from mixer.ingest.reception import Reception, Tally
from mixer.ingest.rtp import RtpPacket, Unwrapper
from mixer.ingest.timeline import Timeline, Unit
from mixer.journal.model import NO_LEVEL, FrameFlag

GIVE_UP_NS = 500_000_000
NACK_AGAIN_NS = 80_000_000
REMEMBERED = 512  # sequence numbers back to which a packet is still taken
MAX_NACK_SPAN = 100
_SILK_MS = (10, 20, 40, 60)
_CELT_MS = (2.5, 5, 10, 20)
TICKS_A_MS = 48


class AudioReceiver:
    """`packet` as they arrive; `tick` now and then.

    `heard` is told (RTP timestamp, level) of each packet that has an RFC 6464 level, in dBov below
    the loudest (0 to 127).
    """

    def __init__(
        self,
        ssrc: int,
        own_ssrc: int,
        level_extension: int | None,
        nack: bool,
        timeline: Timeline,
        ask: Callable[[int, bytes], None],
        heard: Callable[[int, int], None],
    ) -> None:
        self.reception = Reception(ssrc, 48000)
        self.timeline = timeline
        timeline.counted = self.counted
        self.given_up = 0
        self._packets = 0  # that were new
        self._recovered = 0
        self._first: int | None = None
        self._own_ssrc = own_ssrc
        self._level = level_extension
        self._nack = nack
        self._ask_sender = ask
        self._heard = heard
        self._sequence = Unwrapper(16)
        self._timestamp = Unwrapper(32)
        self._highest: int | None = None
        # sequence → (begin, end) in RTP ticks; None: by a clock of before
        self._seen: dict[int, tuple[int, int] | None] = {}
        self._broken_at: int | None = None  # where more was lost than can be asked for
        self._missing: dict[int, tuple[int, int]] = {}  # sequence → (since, asked last)

    def counted(self) -> Tally:
        """What came so far; what is missing just now counts as lost."""
        return Tally(self._packets, self.given_up + len(self._missing), self._recovered)

    def packet(self, packet: RtpPacket, arrival_ns: int) -> None:
        sequence, rtp = self._sequence(packet.sequence), self._timestamp(packet.timestamp)
        self.reception.count(sequence, rtp, len(packet.payload), arrival_ns)
        if not packet.payload or not self._is_new(sequence, arrival_ns):
            return
        if self.timeline.packet(rtp, arrival_ns):
            self._seen = dict.fromkeys(self._seen)  # no gap reaches from one clock to the other
            self._broken_at = None
        duration = opus_duration(packet.payload)
        self._seen[sequence] = (rtp, rtp + duration)
        if self._broken_at is not None:
            self.timeline.gap(self._broken_at, rtp, "loss")
            self._broken_at = None
        level = self._level_of(packet)
        self.timeline.write(
            Unit(rtp, arrival_ns, packet.payload, FrameFlag(0), level, 0, 0, duration)
        )
        if level != NO_LEVEL:
            self._heard(rtp, level)
        if self._missing:
            self._ask(arrival_ns)

    def tick(self, now_ns: int) -> None:
        self.timeline.tick(now_ns)
        if self._missing:
            self._ask(now_ns)
            self._give_up(now_ns)

    def _is_new(self, sequence: int, arrival_ns: int) -> bool:
        if self._highest is None or self._first is None:
            self._first = sequence
            self._highest = sequence - 1
        if sequence in self._seen or sequence <= self._highest - REMEMBERED:
            return False
        if sequence - self._highest > MAX_NACK_SPAN:
            self._break(sequence)
        for absent in range(self._highest + 1, sequence):
            self._missing[absent] = (arrival_ns, arrival_ns - NACK_AGAIN_NS)
        self._count(sequence, self._missing.pop(sequence, None))
        self._highest = max(self._highest, sequence)
        while len(self._seen) >= REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return True

    def _count(self, sequence: int, missed: tuple[int, int] | None) -> None:
        """A packet is new; `missed`: since when it has been, and when it was asked for."""
        assert self._highest is not None and self._first is not None
        self._packets += 1
        if missed is not None:
            since, asked = missed
            self._recovered += asked >= since
        elif self._first < sequence <= self._highest:
            self.given_up -= 1  # it has come after all

    def _break(self, sequence: int) -> None:
        """Too much is missing to ask for: one gap, from the last packet on."""
        assert self._highest is not None
        last = self._seen.get(self._highest)
        self._broken_at = last[1] if last is not None else None
        self.given_up += sequence - self._highest - 1
        self._highest = sequence - 1

    def _level_of(self, packet: RtpPacket) -> int:
        if self._level is None or not packet.extensions:
            return NO_LEVEL
        value = wire.extension(packet.extensions, self._level)
        return value[0] & 0x7F if value else NO_LEVEL

    def _ask(self, now_ns: int) -> None:
        if not self._nack:
            return
        due = [s for s, (_, asked) in self._missing.items() if now_ns - asked >= NACK_AGAIN_NS]
        if due:
            for sequence in due:
                self._missing[sequence] = (self._missing[sequence][0], now_ns)
            lost = [sequence & 0xFFFF for sequence in sorted(due)]
            self._ask_sender(
                self.reception.ssrc, wire.nack(self._own_ssrc, self.reception.ssrc, lost)
            )

    def _give_up(self, now_ns: int) -> None:
        over = sorted(s for s, (since, _) in self._missing.items() if now_ns - since >= GIVE_UP_NS)
        while over:
            first = last = over.pop(0)
            while over and over[0] == last + 1:
                last = over.pop(0)
            for sequence in range(first, last + 1):
                del self._missing[sequence]
            self.given_up += last - first + 1
            before, after = self._seen.get(first - 1), self._seen.get(last + 1)
            if before is not None and after is not None:
                self.timeline.gap(before[1], after[0], "loss")


def opus_duration(packet: bytes) -> int:
    """Duration of an Opus packet in 48 kHz ticks, from its first two bytes (RFC 6716, 3.1–3.2)."""
    if not packet:
        return 0
    configuration = packet[0] >> 3
    if configuration < 12:
        frame_ms: float = _SILK_MS[configuration & 3]
    elif configuration < 16:
        frame_ms = 20 if configuration & 1 else 10
    else:
        frame_ms = _CELT_MS[configuration & 3]
    code = packet[0] & 3
    frames = 1 if code == 0 else 2 if code < 3 else packet[1] & 0x3F if len(packet) > 1 else 0
    return round(frames * frame_ms * TICKS_A_MS)
