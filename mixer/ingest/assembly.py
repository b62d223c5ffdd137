"""The jitter buffer of one video stream: packets in any order → whole pictures in decoding order.

A picture is handed out as soon as its last packet (marker bit, or the next picture's first) is
there and everything before it has been handed out or given up. What is missing is asked for again
(NACK) and given up after GIVE_UP_NS; from then on pictures are broken until the next key picture.
Pure: times come with the calls, nothing is awaited.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mixer.ingest.depacketize import MalformedPayload, Payload, PictureInfo

GIVE_UP_NS = 500_000_000
NACK_AGAIN_NS = 80_000_000
MAX_NACK_SPAN = 500  # more packets missing at once than that are no loss but a break
MAX_PACKETS = 4096  # waiting; more are a break too


@dataclass(frozen=True, slots=True)
class Assembled:
    """A whole picture. `broken`: its reference is missing."""

    rtp: int
    data: bytes
    arrival_ns: int  # of the packet that completed it
    info: PictureInfo
    broken: bool


@dataclass(frozen=True, slots=True)
class _Packet:
    rtp: int
    marker: bool
    payload: Payload | None  # None: malformed
    arrival_ns: int


class Assembler:
    """`add` packets, then `pop` pictures; `missing` says what to ask for again.

    Sequence numbers and RTP timestamps come unwrapped (rtp.Unwrapper).
    """

    def __init__(
        self,
        depacketize: Callable[[bytes], Payload],
        inspect: Callable[[bytes], PictureInfo | None],
    ) -> None:
        self._depacketize = depacketize
        self._inspect = inspect
        self._packets: dict[int, _Packet] = {}
        self._next: int | None = None  # first packet that has not been handed out
        self._highest = -1
        self._asked: dict[int, int] = {}  # missing sequence number → when asked for last
        self._since: dict[int, int] = {}  # missing sequence number → since when it is missed
        self._broken = True  # until the first key picture
        self._unsynced = True  # the packet before the next one is not known
        self.lost = 0  # packets given up
        self.recovered = 0  # packets that had been asked for again
        self.duplicates = 0  # packets of no use: another such came before, or they came too late

    @property
    def broken(self) -> bool:
        """A key picture is needed before anything can be shown."""
        return self._broken

    def add(self, sequence: int, rtp: int, marker: bool, payload: bytes, arrival_ns: int) -> None:
        if self._next is None:
            self._next = sequence
            self._highest = sequence - 1
        if sequence < self._next or sequence in self._packets:
            self.duplicates += 1
            return
        if sequence - self._highest > MAX_NACK_SPAN or len(self._packets) >= MAX_PACKETS:
            self._restart(sequence)
        for absent in range(self._highest + 1, sequence):
            self._since[absent] = arrival_ns
        self._highest = max(self._highest, sequence)
        self._since.pop(sequence, None)
        if self._asked.pop(sequence, None) is not None:
            self.recovered += 1
        try:
            parsed: Payload | None = self._depacketize(payload)
        except MalformedPayload:
            parsed = None
        self._packets[sequence] = _Packet(rtp, marker, parsed, arrival_ns)

    @property
    def awaited(self) -> int:
        """Packets that are missing just now."""
        return len(self._since)

    def stalled(self, now_ns: int, for_ns: int) -> bool:
        """Whether something has been missing for that long."""
        return any(now_ns - since >= for_ns for since in self._since.values())

    def pop(self, now_ns: int) -> list[Assembled]:
        """The pictures that have become whole, or whose wait for lost packets is over."""
        done: list[Assembled] = []
        while True:
            end = self._whole()
            if end is not None:
                picture = self._take(end)
                if picture is not None:
                    done.append(picture)
            elif not self._give_up(now_ns):
                return done

    def missing(self, now_ns: int) -> list[int]:
        """Sequence numbers to be asked for (again) now, in order."""
        if not self._since:
            return []
        due = [
            sequence
            for sequence in sorted(self._since)
            if now_ns - self._asked.get(sequence, -NACK_AGAIN_NS) >= NACK_AGAIN_NS
        ]
        for sequence in due:
            self._asked[sequence] = now_ns
        return due

    def _whole(self) -> int | None:
        """The sequence number after the next picture's last packet, if it is whole."""
        assert self._next is not None or not self._packets
        at = self._next
        if at is None:
            return None
        first = self._packets.get(at)
        if first is None:
            return None
        while True:
            packet = self._packets.get(at)
            if packet is None:
                return None
            if packet.rtp != first.rtp:
                return at
            at += 1
            if packet.marker:
                return at

    def _take(self, end: int) -> Assembled | None:
        """Hand out the packets before `end` as one picture, if they are one."""
        assert self._next is not None
        packets = [self._packets.pop(at) for at in range(self._next, end)]
        self._next = end
        payloads = [packet.payload for packet in packets]
        whole = all(payload is not None for payload in payloads)
        used = [payload for payload in payloads if payload is not None and payload.data]
        if not used and whole:
            return None  # padding
        trusted = used[0].starts if self._unsynced and used else bool(used)
        self._unsynced = False
        data = b"".join(payload.data for payload in used)
        info = self._inspect(data) if whole and trusted else None
        if info is None:
            self._broken = self._broken or not (whole and trusted)
            return None
        self._broken = self._broken and not info.key
        arrival_ns = max(packet.arrival_ns for packet in packets)
        return Assembled(packets[0].rtp, data, arrival_ns, info, self._broken)

    def _give_up(self, now_ns: int) -> bool:
        """Skip what is missing at the front if it has been missing for too long."""
        if self._next is None or not self._packets:
            return False
        front = next((s for s in range(self._next, self._highest) if s in self._since), None)
        if front is None or now_ns - self._since[front] < GIVE_UP_NS:
            return False
        end = front
        while end not in self._packets:
            self._forget(end)
            self.lost += 1
            end += 1
        rtp = self._packets[front - 1].rtp if front - 1 in self._packets else None
        for at in range(self._next, front):
            self._packets.pop(at, None)
        while end in self._packets and self._packets[end].rtp == rtp:
            del self._packets[end]  # the rest of a picture that has lost a part
            end += 1
        self._next = end
        self._broken = True
        self._unsynced = True
        return True

    def _restart(self, sequence: int) -> None:
        for absent in list(self._since):
            self._forget(absent)
            self.lost += 1
        self.lost += max(0, sequence - self._highest - 1)
        self._packets.clear()
        self._next = sequence
        self._highest = sequence - 1
        self._broken = True
        self._unsynced = True

    def _forget(self, sequence: int) -> None:
        self._since.pop(sequence, None)
        self._asked.pop(sequence, None)
