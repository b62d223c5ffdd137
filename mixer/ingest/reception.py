"""What one RTP stream's receiver counts: the numbers of its receiver reports (RFC 3550 A.3, A.8),
and of the status. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from mixer.ingest.rtp import ReportBlock

SECOND = 1_000_000_000
# We say that we held a sender report for a little less long than we did: Janus 1.1.2 keeps nothing
# for retransmission before it has seen a round trip of a millisecond or more, so on a LAN never.
SHORTENED_NS = 3_000_000


@dataclass(frozen=True, slots=True)
class Tally:
    """What came of a stream's packets, each counted once."""

    packets: int = 0  # received
    lost: int = 0  # for good
    recovered: int = 0  # of those received: had been asked for again

    def __sub__(self, before: Tally) -> Tally:
        return Tally(
            self.packets - before.packets,
            max(0, self.lost - before.lost),
            self.recovered - before.recovered,
        )


class Reception:
    """`count` each packet (sequence unwrapped), `report` about once a second."""

    def __init__(self, ssrc: int, clock_rate: int) -> None:
        self.ssrc = ssrc
        self.packets = 0
        self.bytes = 0
        self._rate = clock_rate
        self._first: int | None = None
        self._highest = 0
        self._jitter = 0.0
        self._transit: int | None = None
        self._expected_before = 0
        self._received_before = 0
        self._sender_report: tuple[int, int] | None = None  # (middle 32 bits of NTP, arrival)

    @property
    def lost(self) -> int:
        """Packets that have not come (yet)."""
        return max(0, self._expected - self.packets)

    @property
    def _expected(self) -> int:
        return 0 if self._first is None else self._highest - self._first + 1

    def count(self, sequence: int, rtp: int, size: int, arrival_ns: int) -> None:
        self.packets += 1
        self.bytes += size
        if self._first is None:
            self._first = self._highest = sequence
        if sequence < self._highest:
            return
        self._highest = sequence
        transit = arrival_ns * self._rate // SECOND - rtp
        if self._transit is not None:
            self._jitter += (abs(transit - self._transit) - self._jitter) / 16
        self._transit = transit

    def sender_report(self, ntp: int, arrival_ns: int) -> bool:
        """True if it is the first one: to be answered soon (see SHORTENED_NS)."""
        first = self._sender_report is None
        self._sender_report = (ntp >> 16 & 0xFFFFFFFF, arrival_ns)
        return first

    def report(self, now_ns: int) -> ReportBlock:
        """All zero before the first packet."""
        expected = self._expected - self._expected_before
        lost = expected - (self.packets - self._received_before)
        self._expected_before, self._received_before = self._expected, self.packets
        fraction = min(255, 256 * lost // expected) if lost > 0 and expected > 0 else 0
        last, delay = 0, 0
        if self._sender_report is not None:
            last, arrived = self._sender_report
            delay_ns = max(0, now_ns - arrived - SHORTENED_NS)
            delay = min(delay_ns * 65536 // SECOND, 0xFFFFFFFF)
        return ReportBlock(
            self.ssrc, fraction, self.lost, self._highest, round(self._jitter), last, delay
        )
