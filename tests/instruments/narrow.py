"""A narrow uplink: a relay of UDP between a browser and Janus, with a rate, a queue and a delay.

    with Narrow(Link(rate_bps=1e6)) as uplink:
        async with chromium_publishing(room, "Eva", uplink=uplink): …
        uplink.link.load  # what it carried and what it dropped

Only the way to Janus is narrow; the way back adds nothing. IPv4 only.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

HEADERS = 28  # bytes: IPv4 and UDP, which take their time on a link too
DATAGRAM = 65_536
OTHER_BYTES = 1228  # of a packet of somebody else's upload, which comes in bursts:
OTHER_BURST_S, OTHER_EVERY_S = 1.0, 10.0

# To run in a page before it connects. The page finds Janus at the relay's ports only, and Janus
# finds the page by what comes from there (peer-reflexive): it is told no address of the page.
THROUGH_UPLINK = """
(() => {
  // [a=]candidate:FOUNDATION COMPONENT udp PRIORITY HOST PORT typ …; null: there is no such way
  const redirected = async (line) => {
    const parts = line.split(' ');
    const [, , transport, , host, port] = parts;
    if (transport.toLowerCase() !== 'udp' || host.includes(':')) return null;
    parts[5] = await window.uplinkPort(host, Number(port));
    return parts.join(' ');
  };
  const isCandidate = (line) => line.startsWith('a=candidate:');
  const withLines = async ({type, sdp}, change) => {
    const lines = sdp.split('\\r\\n').map((line) => (isCandidate(line) ? change(line) : line));
    const kept = (await Promise.all(lines)).filter((line) => line !== null);
    return {type, sdp: kept.join('\\r\\n')};
  };
  window.RTCPeerConnection = class extends RTCPeerConnection {
    async setRemoteDescription(description) {
      return super.setRemoteDescription(await withLines(description, redirected));
    }
    async addIceCandidate(candidate) {
      if (!candidate?.candidate) return super.addIceCandidate(candidate);
      const line = await redirected(candidate.candidate);
      const {sdpMid, sdpMLineIndex} = candidate;
      if (line) return super.addIceCandidate({candidate: line, sdpMid, sdpMLineIndex});
    }
    async createOffer(options) {
      return withLines(await super.createOffer(options), () => null);
    }
    async createAnswer(options) {
      return withLines(await super.createAnswer(options), () => null);
    }
    set onicecandidate(hear) {
      super.onicecandidate = (event) => {
        if (!event.candidate) hear(event); // that there are no more
      };
    }
  };
})();
"""


@dataclass(slots=True)
class Load:
    """What came to a link from us: packets, those of them that were dropped, bytes that were
    carried (headers included), and how long one waited at most before it was on the line."""

    packets: int = 0
    dropped: int = 0
    carried_bytes: int = 0
    longest_wait_s: float = 0.0


@dataclass(slots=True)
class Link:
    """One packet after the other, at `rate_bps`; who would wait longer than `queue_s` is dropped.

    `other_bps`: what somebody else sends through the same queue in the last OTHER_BURST_S of each
    OTHER_EVERY_S seconds since our first packet, whatever gets through. Has no clock of its own.
    """

    rate_bps: float = 1e6
    queue_s: float = 0.3
    delay_s: float = 0.02
    other_bps: float = 0.0
    load: Load = field(default_factory=Load)
    _free_s: float = 0.0  # when the last bit of what has come is on the line
    _first_s: float = 0.0  # when our first packet came
    _other_s: float | None = None  # when somebody else's next packet comes

    def take(self, now_s: float, payload: int) -> float | None:
        """When a packet of so many bytes that comes now is at the other end. None: dropped."""
        if self.other_bps:
            self._take_others(now_s)
        size, wait_s = payload + HEADERS, max(0.0, self._free_s - now_s)
        self.load.packets += 1
        if wait_s > self.queue_s:
            self.load.dropped += 1
            return None
        self.load.longest_wait_s = max(self.load.longest_wait_s, wait_s)
        self.load.carried_bytes += size
        self._free_s = now_s + wait_s + size * 8 / self.rate_bps
        return self._free_s + self.delay_s

    def _take_others(self, now_s: float) -> None:
        if self._other_s is None:
            self._first_s = self._other_s = now_s
        while self._other_s <= now_s:
            calm_s = OTHER_EVERY_S - OTHER_BURST_S
            in_burst = (self._other_s - self._first_s) % OTHER_EVERY_S >= calm_s
            if in_burst and self._free_s - self._other_s <= self.queue_s:
                begins_s = max(self._free_s, self._other_s)
                self._free_s = begins_s + OTHER_BYTES * 8 / self.rate_bps
            self._other_s += OTHER_BYTES * 8 / self.other_bps


class Narrow:
    """Ways through one link: of each, one end is a port here, the other one of Janus.

    Made in a running event loop, which moves the packets. `clock` is in seconds.
    """

    def __init__(self, link: Link, clock: Callable[[], float] = time.monotonic) -> None:
        self.link = link
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._ports: dict[tuple[str, int], int] = {}  # of Janus -> here
        self._near: list[socket.socket] = []
        self._far: dict[tuple[int, tuple[str, int]], socket.socket] = {}  # by port here and sender
        self._on_the_way: deque[tuple[float, socket.socket, bytes]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def port_for(self, host: str, port: int) -> int:
        """The port of the same host that leads to this one of Janus."""
        if (host, port) not in self._ports:
            near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._near.append(near)
            near.setblocking(False)
            near.bind((host, 0))
            self._ports[host, port] = int(near.getsockname()[1])
            self._loop.add_reader(near, self._forth, near, (host, port))
        return self._ports[host, port]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for one in (*self._near, *self._far.values()):
            self._loop.remove_reader(one)
            one.close()

    def _forth(self, near: socket.socket, janus: tuple[str, int]) -> None:
        data, sender = near.recvfrom(DATAGRAM)
        due_s = self.link.take(self._clock(), len(data))
        if due_s is not None:
            self._on_the_way.append((due_s, self._far_end(near, sender, janus), data))
            self._arm()

    def _far_end(
        self, near: socket.socket, sender: tuple[str, int], janus: tuple[str, int]
    ) -> socket.socket:
        """Each sender has its own, as behind a router: so what comes back is whose it is."""
        key = (near.fileno(), sender)
        if key not in self._far:
            far = self._far[key] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            far.setblocking(False)
            far.connect(janus)
            self._loop.add_reader(far, self._back, far, near, sender)
        return self._far[key]

    def _back(self, far: socket.socket, near: socket.socket, sender: tuple[str, int]) -> None:
        with contextlib.suppress(OSError):  # Janus has closed that port, or the page has
            near.sendto(far.recv(DATAGRAM), sender)

    def _arm(self) -> None:
        if self._timer is None and self._on_the_way:
            wait_s = max(0.0, self._on_the_way[0][0] - self._clock())
            self._timer = self._loop.call_later(wait_s, self._arrive)

    def _arrive(self) -> None:
        self._timer = None
        while self._on_the_way and self._on_the_way[0][0] <= self._clock():
            _, far, data = self._on_the_way.popleft()
            with contextlib.suppress(OSError):
                far.send(data)
        self._arm()
