"""One outgoing RTP stream: packets, sender reports, and what is sent again when it was lost.

Packets leave in the call that sends them; only a large picture is spread over a few milliseconds,
so that no buffer on the way overflows. There is no task and, between pictures, no timer.
"""

from __future__ import annotations

import asyncio
import random
import struct
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from mixer.journal.model import NO_LEVEL, Codec
from mixer.publish.feedback import sender_report
from mixer.publish.packetize import PICTURE_IDS, h264_payloads, vp8_payloads

SECOND = 1_000_000_000
REPORT_EVERY_NS = SECOND
REMEMBERED = 1024  # packets that can be sent again
BURST = 16  # packets at once
BURST_S = 0.001

_HEADER = struct.Struct("!BBHLL")
_anchor_ns = time.time_ns() - time.monotonic_ns()  # one NTP clock for all that this process sends


class Carrier(Protocol):
    """What carries packets away (mixer.ingest.transport.MediaTransport)."""

    def send_rtp(self, packet: bytes) -> bytes | None: ...

    def send_again(self, encrypted: bytes) -> None: ...

    def send(self, rtcp: bytes) -> None: ...


class OutgoingStream:
    """`send` frames in the order of their timestamps. Timestamps are offset by a random number."""

    def __init__(
        self,
        carrier: Carrier,
        codec: Codec,
        *,
        ssrc: int,
        payload_type: int,
        clock_rate: int,
        cname: str,
        level_id: int | None = None,
    ) -> None:
        self.ssrc = ssrc
        self.packets = 0
        self.octets = 0
        self.repeated = 0
        self._carrier = carrier
        self._codec = codec
        self._payload_type = payload_type
        self._rate = clock_rate
        self._cname = cname
        self._level_id = level_id
        self._sequence = random.getrandbits(15)
        self._first_rtp = random.getrandbits(32)
        self._picture_id = random.getrandbits(15)
        self._sent: deque[tuple[int, bytes]] = deque(maxlen=REMEMBERED)  # sequence, encrypted
        self._waiting: deque[bytes] = deque()
        self._flushing: asyncio.TimerHandle | None = None
        self._reported_ns: int | None = None

    def send(self, data: bytes, rtp: int, at_ns: int, level: int = NO_LEVEL) -> None:
        """Sends a picture or an Opus packet whose moment is `at_ns` of the monotonic clock."""
        now_ns = time.monotonic_ns()
        timestamp = rtp + self._first_rtp & 0xFFFFFFFF
        if self._reported_ns is None or now_ns - self._reported_ns >= REPORT_EVERY_NS:
            self._report(now_ns, timestamp, at_ns)
        self._waiting.extend(self._packets(self._payloads(data), timestamp, level))
        if self._flushing is None:
            self._flush()

    def again(self, sequences: Sequence[int]) -> None:
        """Sends lost packets again, as far as they are remembered."""
        wanted = set(sequences)
        for sequence, encrypted in self._sent:
            if sequence in wanted:
                self._carrier.send_again(encrypted)
                self.repeated += 1

    def close(self) -> None:
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        self._waiting.clear()

    def _payloads(self, data: bytes) -> Iterable[bytes]:
        if self._codec == "opus":
            return (data,)
        if self._codec == "h264":
            return h264_payloads(data)
        self._picture_id = (self._picture_id + 1) % PICTURE_IDS
        return vp8_payloads(data, self._picture_id)

    def _packets(self, payloads: Iterable[bytes], timestamp: int, level: int) -> Iterator[bytes]:
        made = list(payloads)
        marked = len(made) - 1 if self._codec != "opus" else -1
        extended = self._level_id is not None and level != NO_LEVEL
        for number, payload in enumerate(made):
            self._sequence = self._sequence + 1 & 0xFFFF
            kind = self._payload_type | (0x80 if number == marked else 0)
            first = 0x90 if extended else 0x80
            head = _HEADER.pack(first, kind, self._sequence, timestamp, self.ssrc)
            if extended:
                head += struct.pack("!HHBBH", 0xBEDE, 1, (self._level_id or 0) << 4, level, 0)
            yield head + payload

    def _flush(self) -> None:
        self._flushing = None
        for _ in range(min(BURST, len(self._waiting))):
            packet = self._waiting.popleft()
            encrypted = self._carrier.send_rtp(packet)
            self.packets += 1
            self.octets += len(packet) - _HEADER.size
            if encrypted is not None:
                self._sent.append((int.from_bytes(packet[2:4], "big"), encrypted))
        if self._waiting:
            self._flushing = asyncio.get_running_loop().call_later(BURST_S, self._flush)

    def _report(self, now_ns: int, timestamp: int, at_ns: int) -> None:
        """Says which timestamp is now, by the frame that is about to be sent."""
        self._reported_ns = now_ns
        rtp = timestamp + (now_ns - at_ns) * self._rate // SECOND
        self._carrier.send(
            sender_report(
                self.ssrc,
                unix_ns=_anchor_ns + now_ns,
                rtp=rtp,
                packets=self.packets,
                octets=self.octets,
                cname=self._cname,
            )
        )
