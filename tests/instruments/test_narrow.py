"""The narrow uplink itself, over real sockets; its clock is turned by hand."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.instruments.narrow import HEADERS, Link, Narrow
from tests.room.serving import until

PAYLOAD = 100 - HEADERS
RATE_BPS = 80_000  # 10 ms for each such packet
DELAY_S = 0.02


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Ends:
    """A browser and a Janus; what they got, as the numbers that the packets begin with."""

    def __init__(self) -> None:
        self.browser, self.janus = (socket.socket(type=socket.SOCK_DGRAM) for _ in range(2))
        for one in (self.browser, self.janus):
            one.bind(("127.0.0.1", 0))
            one.setblocking(False)
        self.way_back: tuple[str, int] = ("", 0)
        self.came: list[int] = []
        self.answers: list[bytes] = []

    def send(self, port: int, numbers: range) -> None:
        for number in numbers:
            self.browser.sendto(number.to_bytes(2, "big").ljust(PAYLOAD), ("127.0.0.1", port))

    def arrived(self) -> list[int]:
        """All that has come to Janus until now."""
        while True:
            try:
                data, self.way_back = self.janus.recvfrom(2048)
            except BlockingIOError:
                return self.came
            self.came.append(int.from_bytes(data[:2], "big"))

    async def arriving(self, count: int) -> None:
        await until(lambda: len(self.arrived()) >= count, f"{count} packets at Janus")

    def answered(self) -> list[bytes]:
        """All that has come to the browser until now."""
        while True:
            try:
                self.answers.append(self.browser.recv(2048))
            except BlockingIOError:
                return self.answers


@pytest.fixture
def ends() -> Iterator[Ends]:
    made = Ends()
    yield made
    made.browser.close()
    made.janus.close()


def test_a_link_takes_its_time_for_each_packet_and_drops_what_would_wait_too_long() -> None:
    """10 ms a packet and 20 ms on the way; with 35 ms of queue, the fifth of a burst is dropped; a
    link that was at rest has saved nothing up."""
    link = Link(RATE_BPS, queue_s=0.035, delay_s=DELAY_S)
    burst = [link.take(0.0, PAYLOAD) for _ in range(5)]
    assert burst == [pytest.approx(due) for due in (0.03, 0.04, 0.05, 0.06)] + [None]
    assert [link.take(9.0, PAYLOAD) for _ in range(2)] == [pytest.approx(9.03), pytest.approx(9.04)]
    assert (link.load.packets, link.load.dropped, link.load.carried_bytes) == (7, 1, 600)
    assert link.load.longest_wait_s == pytest.approx(0.03)


def test_somebody_elses_upload_takes_its_place_in_the_queue_while_it_lasts() -> None:
    """It comes at four times the rate in the last of 10 seconds: it fills the queue, so that we are
    dropped or wait long, and half a second after it we wait for nothing."""
    link = Link(RATE_BPS, queue_s=0.3, delay_s=DELAY_S, other_bps=4 * RATE_BPS)
    assert link.take(100.0, PAYLOAD) == pytest.approx(100.03)
    assert link.take(108.9, PAYLOAD) == pytest.approx(108.93)
    burst = [link.take(109.0 + number * 0.01, PAYLOAD) for number in range(100)]
    assert 0 < burst.count(None) == link.load.dropped < 100
    assert 0.25 < link.load.longest_wait_s <= 0.3
    assert link.take(110.5, PAYLOAD) == pytest.approx(110.53)


async def test_a_burst_comes_out_at_the_rate_in_order_without_what_overflowed(ends: Ends) -> None:
    """Of 50 packets at once 30 fit into the queue; as the clock goes on they come one by one."""
    clock = Clock()
    with Narrow(Link(RATE_BPS, queue_s=0.295, delay_s=DELAY_S), clock) as narrow:
        port = narrow.port_for(*ends.janus.getsockname())
        ends.send(port, range(50))
        await until(lambda: narrow.link.load.packets == 50, "the burst in the relay")
        assert narrow.link.load.dropped == 20
        for count in (1, 2, 10, 30):
            assert len(ends.arrived()) < count
            clock.now_s = DELAY_S + count * 0.01 + 0.001
            await ends.arriving(count)
            assert ends.came == list(range(count))


async def test_the_way_back_is_not_narrow(ends: Ends) -> None:
    """An answer arrives while the clock stands and the link is full."""
    clock = Clock()
    with Narrow(Link(RATE_BPS, delay_s=DELAY_S), clock) as narrow:
        port = narrow.port_for(*ends.janus.getsockname())
        ends.send(port, range(3))
        await until(lambda: narrow.link.load.packets == 3, "the packets in the relay")
        clock.now_s = DELAY_S + 0.011
        await ends.arriving(1)
        ends.janus.sendto(b"answer", ends.way_back)
        await until(ends.answered, "the answer")
        assert ends.answers == [b"answer"]
        assert ends.arrived() == [0]


async def test_each_port_of_janus_has_its_own_way_through_the_same_link(ends: Ends) -> None:
    """Two ports of Janus: two ports here, kept when asked again; they share the queue."""
    clock = Clock()
    other = Ends()
    try:
        with Narrow(Link(RATE_BPS, queue_s=0.015, delay_s=DELAY_S), clock) as narrow:
            ports = [narrow.port_for(*one.janus.getsockname()) for one in (ends, other, ends)]
            assert ports[0] == ports[2] != ports[1]
            ends.send(ports[0], range(2))
            await until(lambda: narrow.link.load.packets == 2, "two packets")
            other.send(ports[1], range(2))
            await until(lambda: narrow.link.load.packets == 4, "four packets")
            assert narrow.link.load.dropped == 2
            clock.now_s = 0.041
            await ends.arriving(2)
            assert other.arrived() == []
    finally:
        other.browser.close()
        other.janus.close()
