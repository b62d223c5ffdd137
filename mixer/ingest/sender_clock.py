"""A sender's own clock, where it reaches us: it lays sound and picture of one sender exactly beside
each other, which arrival alone cannot (video queues longer than sound does).

A sender stamps the RTP clocks of all that it sends by one NTP clock: in sender reports (RFC 3550,
6.4.1), where the SFU passes them on, or in packets (the extension abs-capture-time). So each RTP
clock is mapped to the sender's clock by these stamps (symmetric noise), and only the sender's clock
to journal time by least delay: of all that the sender sends, whatever comes earliest decides.

An SFU that makes sender reports of its own stamps them by when packets reach it, and such a report
says no more than arrival does. Janus does so, under its own CNAME; those are not believed, nor any
CNAME that two participants share (`Names`). Pure; times in nanoseconds, RTP unwrapped.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from mixer.ingest.alignment import BUCKET_NS, SECOND, Method, OffsetFilter, Offsets

LEAST_STAMPS = 3  # before an RTP clock's relation to the sender's clock is believed
STAMP_EVERY_NS = 200_000_000  # of the sender's clock: stamps in packets that are nearer are skipped
STEP_NS = 100_000_000  # a stamp so far off: the sender's clock has been set anew
WARY_NS = 5_000_000_000  # so long a track that was begun anew makes those beside it suspect
SFU_CNAMES = {"janus"}


class Names:
    """Which participant each CNAME belongs to (RFC 3550, 6.5.1)."""

    def __init__(self) -> None:
        self._owner: dict[str, str] = {}

    def believes(self, cname: str, participant: str) -> bool:
        """Whether what is signed so comes from that participant itself."""
        owner = self._owner.setdefault(cname, participant)
        if owner != participant:
            self._owner[cname] = ""
        return cname not in SFU_CNAMES and self._owner[cname] == participant


@dataclass(frozen=True, slots=True)
class Through:
    """From an RTP clock to journal time by way of the sender's clock (alignment.Offsets)."""

    stamps: OffsetFilter
    common: OffsetFilter
    method: Method

    def predict(self, at_ns: int) -> float:
        stamped = self.stamps.predict(at_ns)
        return stamped + self.common.predict(at_ns + round(stamped))

    @property
    def slope(self) -> float:
        return self.stamps.slope + self.common.slope

    @property
    def deviation_ns(self) -> float:
        return math.hypot(self.stamps.deviation_ns, self.common.deviation_ns)


class SenderClock:
    """One sender's clock against journal time; `tick` now and then. Sections: `section`."""

    def __init__(self) -> None:
        self.common: OffsetFilter | None = None
        self._zero_ns: int | None = None  # of the sender's clock: small numbers stay exact
        self._least: tuple[int, int] | None = None  # (arrival − sent, sent)
        self._bucket_end_ns = 0
        self._begun_anew_ns = -WARY_NS

    def section(self, clock_rate: int) -> SectionClock:
        return SectionClock(self, clock_rate)

    def since_zero(self, ntp_ns: int) -> int:
        if self._zero_ns is None:
            self._zero_ns = ntp_ns
        return ntp_ns - self._zero_ns

    def packet(self, sent_ns: int, arrival_ns: int) -> None:
        """Something that was sent at `sent_ns` of the sender's clock."""
        offset = arrival_ns - sent_ns
        if self._least is None or offset < self._least[0]:
            self._least = (offset, sent_ns)

    def tick(self, now_ns: int) -> None:
        if self._least is None or now_ns < self._bucket_end_ns:
            return
        (offset, sent_ns), self._least = self._least, None
        self._bucket_end_ns = now_ns + BUCKET_NS
        if self.common is None or abs(offset - self.common.predict(sent_ns)) > SECOND:
            self.common = OffsetFilter(sent_ns, float(offset))
        else:
            self.common.update(sent_ns, float(offset))

    def begun_anew(self, now_ns: int) -> None:
        """One of the sender's tracks had to be aligned anew."""
        self._begun_anew_ns = now_ns

    def wary(self, now_ns: int) -> bool:
        """Whether that was just now: the others' alignment is likely to be wrong as well."""
        return now_ns - self._begun_anew_ns < WARY_NS

    def restart(self) -> None:
        """The sender's clock has been set anew."""
        self.common = self._least = None


class SectionClock:
    """One section's RTP clock against its sender's clock."""

    def __init__(self, sender: SenderClock, clock_rate: int) -> None:
        self.sender = sender
        self._rate = clock_rate
        self._stamps: OffsetFilter | None = None
        self._count = 0
        self._last_ns = 0
        self._method: Method = "sender-report"

    def stamp(self, rtp: int, ntp_ns: int, method: Method) -> None:
        """The sender says that `rtp` was at `ntp_ns` of its clock."""
        if self._method == "capture-time" != method:
            return  # stamps in packets are nearer to the truth
        if self._method != method:
            self.restart()
            self._method = method
        at_ns = rtp * SECOND // self._rate
        offset = float(self.sender.since_zero(ntp_ns) - at_ns)
        if self._stamps is None:
            self._stamps, self._count = OffsetFilter(at_ns, offset, one_sided=False), 1
        elif abs(offset - self._stamps.predict(at_ns)) > STEP_NS:
            self.restart()
            self.sender.restart()
            self._stamps, self._count = OffsetFilter(at_ns, offset, one_sided=False), 1
        elif at_ns - self._last_ns < STAMP_EVERY_NS:
            return
        else:
            self._stamps.update(at_ns, offset)
            self._count += 1
        self._last_ns = at_ns

    def packet(self, rtp: int, arrival_ns: int) -> None:
        if self._stamps is not None and self._count >= LEAST_STAMPS:
            at_ns = rtp * SECOND // self._rate
            self.sender.packet(at_ns + round(self._stamps.predict(at_ns)), arrival_ns)

    def offsets(self) -> Offsets | None:
        """None as long as the sender's clock is not known."""
        if self._stamps is None or self.sender.common is None or self._count < LEAST_STAMPS:
            return None
        return Through(self._stamps, self.sender.common, self._method)

    def restart(self) -> None:
        """The RTP clock is another one now."""
        self._stamps, self._count = None, 0
