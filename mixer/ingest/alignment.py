"""One track's clock: which media time an RTP timestamp stands for, decided from arrivals.

Between a sender's clock and ours lie an offset, a drift, and a delay that is never negative but
changes from packet to packet. The packets with the least delay tell offset and drift: of each
second only the earliest packet (least arrival − RTP) counts, and it is believed the more the
earlier it is (`OffsetFilter`). Media time itself must be smooth, so it does not jump to what the
filter says but is led there over PULL_S by a slightly different rate (`Aligner`, a PLL): records of
successive alignments join without a step. Pure; times in nanoseconds, RTP unwrapped.

Drift up to MAX_PPM is followed. A jump of RTP timestamps against arrival by more than JUMP_NS makes
the caller start a new track: `packet` says so. To later times packets must agree on it for
JUMP_SPAN_NS, since they may also just be late; to earlier ones it is enough that all of them say so
for that long, since nothing arrives before it is sent: be it that the RTP clock has jumped or that
the path was congested when the track was first aligned, it has to be aligned anew.

For the same reason a mapping that lies EARLY_NS later than the filter says is known to be wrong: a
queue was full when the track was aligned, and has drained since. Leading it back would take up to a
minute; the caller starts a new track instead, which begins where the filter has it, once offsets
fall no further. The sender's other tracks went through that queue, too: a while WARY_EARLY_NS are
enough for them (`wary`), so that sound and picture stay together. What lies too early is only led.

Where the sender's own clock is known (sender_clock.py), media time is led to what that says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import Literal, Protocol

Method = Literal["sender-report", "capture-time", "arrival"]

SECOND = 1_000_000_000
FIRST_DECISION_NS = 600_000_000
BUCKET_NS = SECOND
PULL_S = 15.0  # an error of the mapping is worked off with this time constant
MAX_PPM = 500.0
MAX_PULL_PPM = 5000.0
JUMP_NS = 300_000_000
JUMP_SPAN_NS = 350_000_000  # packets that agree about a jump must span this much time
JUMP_AGREE_NS = 15_000_000  # a sender or a path that is overloaded does not agree that well
JUMP_PACKETS = 8
EARLY_NS = 100_000_000  # packets so much earlier than the mapping has it: it is wrong
WARY_EARLY_NS = 25_000_000  # the same, of a sender whose other tracks were
QUICK_NS = 250_000_000  # a bucket while offsets fall, or the sender's other tracks were wrong
FALL_NS = 10_000_000  # from one bucket to the next: the queue drains on
AFTER_JUMP_NS = 250_000_000  # the new track's first decision
EARLIEST_NS, LATEST_NS = -30_000_000, 300_000_000  # least delay against the sender's clock
REPEAT_NS = 10 * SECOND  # an alignment is written at least this often

FIRST_OFFSET_SD_NS = 4e6
FIRST_SLOPE_SD = 60e-6
SLOPE_WALK = 0.4e-6  # random walk of the drift, per sqrt(second)
OFFSET_WALK_NS = 2e4  # random walk of the offset, per sqrt(second)
LEAST_NOISE_NS = 2.5e5


class Verdict(Enum):
    """What a packet's arrival says of the track's clock."""

    GOOD = "good"
    SUSPECT = "suspect"  # far off: either late or after a jump; hold its frame back
    JUMPED = "jumped"  # the RTP clock has jumped: start a new track with what was held back
    ASTRAY = "astray"  # the mapping is known to be too late: start a new track, `begin_anew`


@dataclass(frozen=True, slots=True)
class Mapping:
    """media = media_ns + (rtp − self.rtp) · 1e9 / clock_rate · (1 + ppm/1e6), from `rtp` on."""

    rtp: int
    media_ns: int
    ppm: float
    quality_ns: int
    method: Method = "arrival"


class Offsets(Protocol):
    """What a clock is off against another, as known now."""

    @property
    def method(self) -> Method: ...

    @property
    def slope(self) -> float: ...

    @property
    def deviation_ns(self) -> float: ...

    def predict(self, at_ns: int) -> float: ...


class OffsetFilter:
    """Kalman filter of (offset, drift) over least delays; noise is one-sided.

    A measurement later than predicted is believed less the later it is; an earlier one is
    believed, because no packet arrives before it was sent. Not `one_sided`: neither.
    """

    method: Method = "arrival"

    def __init__(self, at_ns: int, offset_ns: float, *, one_sided: bool = True) -> None:
        self._one_sided = one_sided
        self._at_ns = at_ns
        self.offset_ns = offset_ns
        self.slope = 0.0
        self._p00 = FIRST_OFFSET_SD_NS**2
        self._p01 = 0.0
        self._p11 = FIRST_SLOPE_SD**2
        self._spread_ns = LEAST_NOISE_NS  # typical lateness of a second's earliest packet

    def predict(self, at_ns: int) -> float:
        """The offset at RTP time `at_ns`."""
        return self.offset_ns + self.slope * (at_ns - self._at_ns)

    @property
    def deviation_ns(self) -> float:
        """Estimated standard deviation of the offset."""
        return math.sqrt(self._p00) + self._spread_ns / 2

    def update(self, at_ns: int, measured_ns: float) -> None:
        """The least arrival − RTP of the second before `at_ns`."""
        elapsed = at_ns - self._at_ns
        if elapsed <= 0:
            return
        self._advance(elapsed)
        late = measured_ns - self.offset_ns
        self._spread_ns += 0.05 * (min(abs(late), 5e6) - self._spread_ns)
        noise = max(LEAST_NOISE_NS, self._spread_ns)
        if not self._one_sided:
            pass
        elif late > 0:
            noise = max(noise, late)
        elif late < -4 * noise:
            self._p00 += late**2  # a shorter way, no drift
        gain = 1.0 / (self._p00 + noise**2)
        k0, k1 = self._p00 * gain, self._p01 * gain
        self.offset_ns += k0 * late
        self.slope = max(-MAX_PPM * 1e-6, min(MAX_PPM * 1e-6, self.slope + k1 * late))
        p00, p01 = self._p00, self._p01
        self._p00 -= k0 * p00
        self._p01 -= k0 * p01
        self._p11 -= k1 * p01

    def _advance(self, elapsed: int) -> None:
        seconds = min(elapsed / SECOND, 600.0)
        self.offset_ns += self.slope * elapsed
        self._at_ns += elapsed
        self._p00 += 2 * elapsed * self._p01 + elapsed**2 * self._p11
        self._p00 += OFFSET_WALK_NS**2 * seconds
        self._p01 += elapsed * self._p11
        self._p11 += SLOPE_WALK**2 * seconds


class Aligner:
    """Feed `packet`s; ask `decide` now and then for a new alignment to be written."""

    def __init__(self, clock_rate: int, first_decision_ns: int = FIRST_DECISION_NS) -> None:
        self._rate = clock_rate
        self._first_decision_ns = first_decision_ns
        self._filter: OffsetFilter | None = None
        self._mapping: Mapping | None = None
        self._first_arrival_ns: int | None = None
        self._bucket_end_ns = 0
        self._least: tuple[int, int] | None = None  # (arrival − RTP time, RTP time)
        self._latest_rtp: int | None = None
        self._far: list[tuple[int, int]] = []  # suspects: (arrival, arrival − RTP time)
        self._early_ns: int | None = None  # since when all packets have been far too early
        self._falling = False  # the last bucket's packets were earlier than all before
        self._astray = False

    @property
    def decided(self) -> bool:
        return self._mapping is not None

    def media_ns(self, rtp: int) -> int | None:
        """Media time by the alignment that holds now; None before the first decision."""
        return None if self._mapping is None else self._media(self._mapping, rtp)

    def packet(self, rtp: int, arrival_ns: int) -> Verdict:
        """A packet's RTP timestamp and when it arrived; in any order."""
        sent_ns = rtp * SECOND // self._rate
        offset = arrival_ns - sent_ns
        if self._first_arrival_ns is None:
            self._first_arrival_ns = arrival_ns
            self._bucket_end_ns = arrival_ns + self._first_decision_ns
        late_ns = offset - self._expected(sent_ns, offset)
        if abs(late_ns) > JUMP_NS:
            return self._judge(arrival_ns, offset, early=late_ns < 0)
        self._far.clear()
        self._early_ns = None
        if self._least is None or offset < self._least[0]:
            self._least = (offset, sent_ns)
        if self._latest_rtp is None or rtp > self._latest_rtp:
            self._latest_rtp = rtp
        return Verdict.ASTRAY if self._astray else Verdict.GOOD

    def begin_anew(self) -> None:
        """Forgets the mapping, not what is known of the clock: the next `decide` begins with it."""
        self._mapping = None
        self._astray = False
        self._bucket_end_ns = 0

    def decide(
        self, now_ns: int, sender: Offsets | None = None, *, wary: bool = False
    ) -> Mapping | None:
        """The alignment to be written now, if a new one is due. `sender`: by the sender's clock;
        `wary`: other tracks of the sender have been begun anew."""
        if self._least is None or self._latest_rtp is None or not self._due(now_ns, wary):
            return None
        (offset, sent_ns), self._least = self._least, None
        self._bucket_end_ns = now_ns + BUCKET_NS
        own = self._measured(sent_ns, float(offset))
        chosen = self._chosen(own, sender, sent_ns)
        if self._mapping is None:
            self._mapping = self._begun(chosen)
            return self._mapping
        mapping, rtp = self._mapping, self._latest_rtp
        late_ns = -max(self._error_ns(one, mapping, rtp) for one in (own, chosen))
        self._astray = not self._falling and late_ns > (WARY_EARLY_NS if wary else EARLY_NS)
        return self._led(chosen, mapping, rtp)

    def _due(self, now_ns: int, wary: bool) -> bool:
        quick = self._mapping is not None and (wary or self._falling)
        return now_ns >= self._bucket_end_ns - (BUCKET_NS - QUICK_NS if quick else 0)

    def _measured(self, sent_ns: int, offset: float) -> OffsetFilter:
        """The filter, with a bucket's least offset."""
        if self._filter is None:
            self._filter = OffsetFilter(sent_ns, offset)
        else:
            self._falling = offset < self._filter.predict(sent_ns) - FALL_NS
            self._filter.update(sent_ns, offset)
        return self._filter

    def _chosen(self, own: OffsetFilter, sender: Offsets | None, at_ns: int) -> Offsets:
        """The sender's clock, unless what it says cannot be: things do not arrive before they are
        sent, nor ever so much later than the sender's other things."""
        if sender is None:
            return own
        late_ns = own.predict(at_ns) - sender.predict(at_ns)
        return sender if EARLIEST_NS <= late_ns <= LATEST_NS else own

    def _begun(self, offsets: Offsets) -> Mapping:
        assert self._latest_rtp is not None
        sent_ns = self._latest_rtp * SECOND // self._rate
        media_ns = sent_ns + round(offsets.predict(sent_ns))
        quality_ns = round(FIRST_OFFSET_SD_NS)
        return Mapping(self._latest_rtp, media_ns, 0.0, quality_ns, offsets.method)

    def _led(self, offsets: Offsets, old: Mapping, rtp: int) -> Mapping | None:
        """The old mapping's continuation from `rtp` on, towards what the filter says."""
        if rtp <= old.rtp:
            return None
        media_ns = self._media(old, rtp)
        pull = self._error_ns(offsets, old, rtp) / (PULL_S * SECOND) * 1e6
        ppm = round(offsets.slope * 1e6 + max(-MAX_PULL_PPM, min(MAX_PULL_PPM, pull)), 2)
        stale = (rtp - old.rtp) * SECOND // self._rate >= REPEAT_NS
        same = offsets.method == old.method and abs(ppm - old.ppm) < 1.0
        if same and not stale:
            return None
        self._mapping = Mapping(rtp, media_ns, ppm, round(offsets.deviation_ns), offsets.method)
        return self._mapping

    def _error_ns(self, offsets: Offsets, mapping: Mapping, rtp: int) -> float:
        """By how much the mapping is too early at `rtp`."""
        sent_ns = rtp * SECOND // self._rate
        return sent_ns + offsets.predict(sent_ns) - self._media(mapping, rtp)

    def _media(self, mapping: Mapping, rtp: int) -> int:
        ticks = rtp - mapping.rtp
        skew_ns = round(ticks * 1000 * mapping.ppm / self._rate) if mapping.ppm else 0
        return mapping.media_ns + ticks * SECOND // self._rate + skew_ns

    def _expected(self, sent_ns: int, offset: int) -> float:
        """The offset of a packet that is not late; `offset` where nothing is known of that yet."""
        if self._filter is not None:
            return self._filter.predict(sent_ns)
        return offset if self._least is None else self._least[0]

    def _judge(self, arrival_ns: int, offset: int, *, early: bool) -> Verdict:
        """Late packets catch up, their offsets fall; after a jump offsets agree. Early ones there
        cannot be: what tells them early is wrong."""
        if not early:
            self._early_ns = None
        elif self._early_ns is None:
            self._early_ns = arrival_ns
        elif arrival_ns - self._early_ns >= JUMP_SPAN_NS:
            return Verdict.JUMPED
        self._far = [far for far in self._far if abs(far[1] - offset) < JUMP_AGREE_NS]
        self._far.append((arrival_ns, offset))
        if len(self._far) > 1000:
            del self._far[1:500]
        spans = arrival_ns - self._far[0][0] >= JUMP_SPAN_NS
        return Verdict.JUMPED if spans and len(self._far) >= JUMP_PACKETS else Verdict.SUSPECT
