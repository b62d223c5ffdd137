"""The proxy over real sockets: what it forwards, what it refuses, what it limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx2
import pytest

from mixer.proxy import Limits, Proxy, Reach, Refusal

ORIGIN = "127.0.0.1"


class Canary:
    """An origin that counts who connects, and echoes what it is asked for."""

    def __init__(self) -> None:
        self.port = 0
        self.heads: list[str] = []
        self.asked = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        self.asked.set()
        path = head.split()[1]
        if path == "/silence":
            await reader.read()
        elif path == "/away":
            writer.write(b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest\r\n")
            writer.write(b"Content-Length: 0\r\n\r\n")
        elif path == "/much":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + b"x" * 3_000_000)
        else:
            body = head.encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        writer.close()


@asynccontextmanager
async def canary() -> AsyncIterator[Canary]:
    bird = Canary()
    async with await asyncio.start_server(bird.serve, ORIGIN, 0) as server:
        bird.port = server.sockets[0].getsockname()[1]
        yield bird


def asking(proxy: Proxy) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(proxy=proxy.url, timeout=30)


async def test_plain_http_is_forwarded_on_kept_connections() -> None:
    """Path, query and host arrive; what is meant for the proxy does not."""
    async with canary() as bird, Proxy(Reach.of([ORIGIN])) as proxy, asking(proxy) as client:
        for number in range(3):
            headers = {"Proxy-Authorization": "Basic x"}
            answer = await client.get(f"http://{ORIGIN}:{bird.port}/a?n={number}", headers=headers)
            assert answer.status_code == 200
            assert answer.text.startswith(f"GET /a?n={number} HTTP/1.1")
            assert f"host: {ORIGIN}:{bird.port}" in answer.text.lower()
            assert "proxy-" not in answer.text.lower()
        assert len(bird.heads) == 3


async def connected(
    proxy: Proxy, target: str
) -> tuple[str, asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = proxy.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    return (await reader.readuntil(b"\r\n\r\n")).decode(), reader, writer


async def test_a_tunnel_carries_bytes_both_ways() -> None:
    """CONNECT: what encrypted pages, WebSockets and the driver's own fetches use."""
    async with canary() as bird, Proxy(Reach.of([ORIGIN])) as proxy:
        head, reader, writer = await connected(proxy, f"{ORIGIN}:{bird.port}")
        assert head.startswith("HTTP/1.1 200")
        writer.write(b"GET /through HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"/through" in await reader.read()
        writer.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f.1", "2130706433", "127.1"])
async def test_refused_addresses_are_not_connected_to(host: str) -> None:
    """Whatever a loopback address is written like: 403, the reason, no connection."""
    told: list[Refusal] = []
    async with canary() as bird, Proxy(Reach(), on_refusal=told.append) as proxy:
        async with asking(proxy) as client:
            answer = await client.get(f"http://{host}:{bird.port}/")
        assert answer.status_code == 403
        assert "loopback" in answer.text
        assert "error=destination_ip_prohibited" in answer.headers["proxy-status"]
        head, _, writer = await connected(proxy, f"{host}:{bird.port}")
        assert head.startswith("HTTP/1.1 403")
        writer.close()
        assert not bird.heads
    assert [refusal.port for refusal in told] == [bird.port] * 2


async def test_a_redirect_comes_back_through_the_proxy() -> None:
    """To a metadata address: the redirect is the client's to follow, and is refused then."""
    async with canary() as bird, Proxy(Reach.of([ORIGIN])) as proxy, asking(proxy) as client:
        answer = await client.get(f"http://{ORIGIN}:{bird.port}/away", follow_redirects=True)
        assert answer.status_code == 403
        assert "metadata" in answer.text


async def test_rebinding_gains_nothing() -> None:
    """A name that is public when asked first and loopback afterwards: every connection is made to
    the address that was checked for it, and a name is asked for once a connection."""
    answers = iter([["203.0.113.9"], ["127.0.0.1"], ["127.0.0.1", "::1"]])
    asked: list[str] = []

    async def lookup(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return next(answers)

    reach = Reach.of(["203.0.113.0/24"])  # stands for a public address; nothing answers there
    async with canary() as bird, Proxy(reach, lookup=lookup) as proxy, asking(proxy) as client:
        url = f"http://rebinding.test:{bird.port}/"
        codes = [(await client.get(url)).status_code for _ in range(3)]
        assert codes[0] in (502, 504) and codes[1:] == [403, 403]
        assert asked == ["rebinding.test"] * 3
        assert not bird.heads


async def test_of_several_addresses_only_checked_ones_are_used() -> None:
    """A name with a refused and an allowed address is reached at the allowed one."""

    async def lookup(host: str, port: int) -> Sequence[str]:
        return ["10.255.255.1", "::ffff:127.0.0.1"]

    reach = Reach.of([f"{ORIGIN}/32"])
    async with canary() as bird, Proxy(reach, lookup=lookup) as proxy, asking(proxy) as client:
        assert (await client.get(f"http://both.test:{bird.port}/")).status_code == 200


async def test_how_much_a_page_may_take_is_limited() -> None:
    """Connections and bytes beyond the limits are refused, and told."""
    told: list[Refusal] = []
    limits = Limits(connections=3, bytes=1_000_000)
    reach = Reach.of([ORIGIN])
    proxy_ = Proxy(reach, limits=limits, on_refusal=told.append)
    async with canary() as bird, proxy_ as proxy, asking(proxy) as client:
        with pytest.raises(httpx2.RemoteProtocolError):
            await client.get(f"http://{ORIGIN}:{bird.port}/much")
        assert (await client.get(f"http://{ORIGIN}:{bird.port}/")).status_code == 403
    assert "MB" in told[0].reason


async def test_nothing_is_left_when_the_browser_hangs_up() -> None:
    """An answer that never comes is not waited for once nobody wants it."""
    async with canary() as bird, Proxy(Reach.of([ORIGIN]), limits=Limits(open=1)) as proxy:
        host, _, port = proxy.url.removeprefix("http://").partition(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET http://{ORIGIN}:{bird.port}/silence HTTP/1.1\r\n".encode())
        writer.write(f"Host: {ORIGIN}:{bird.port}\r\n\r\n".encode())
        async with asyncio.timeout(30):
            await bird.asked.wait()
            writer.close()
            async with asking(proxy) as client:  # only one connection is allowed at a time
                assert (await client.get(f"http://{ORIGIN}:{bird.port}/")).status_code == 200


@pytest.mark.parametrize("line", ["GET / HTTP/1.1", "GET https://a.test/ HTTP/1.1", "nonsense"])
async def test_what_is_no_request_for_a_proxy_is_refused(line: str) -> None:
    """An origin's request, encrypted ones in the clear, and noise."""
    async with Proxy(Reach()) as proxy:
        host, _, port = proxy.url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"{line}\r\nHost: a\r\n\r\n".encode())
        answer = await reader.read()
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400")
        writer.close()
