"""The world around hostile pages: a server that helps them, and canaries that nobody may reach."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import psutil

FRAMES = (
    "<!doctype html><body><script>mixerLayout.ready?.();</script>"
    "<iframe src='/frames?a{0}'></iframe><iframe src='/frames?b{0}'></iframe>"
)


def own_address() -> str:
    """An address of this machine's network, or another loopback one where there is none."""
    for entries in psutil.net_if_addrs().values():
        for entry in entries:
            if entry.family == socket.AF_INET and not entry.address.startswith("127."):
                return str(entry.address)
    return "127.0.0.2"


@dataclass(slots=True)
class World:
    """Where everything is, and what reached the canaries."""

    evil: str = ""
    canary: str = ""
    own: str = ""
    udp: str = ""
    hits: list[str] = field(default_factory=list)

    def fill(self, text: str) -> str:
        """`text` with the addresses for their names in braces."""
        for name in ("evil", "canary", "own", "udp"):
            text = text.replace(f"{{{name}}}", getattr(self, name))
        return text


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, world: World) -> None:
        self._world = world

    def datagram_received(self, data: bytes, sender: object) -> None:
        self._world.hits.append(f"udp {data[:20]!r}")


async def _evil(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, asyncio.IncompleteReadError):
        target = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        path, _, query = target.partition("?")
        more, body, kind = "", "x", "text/plain"
        match path:
            case "/silence":
                await reader.read()
                return
            case "/endless":
                await _endless(writer)
                return
            case "/to":
                writer.write(f"HTTP/1.1 302 Found\r\nLocation: {query}\r\n".encode())
                writer.write(b"Content-Length: 0\r\n\r\n")
                return
            case "/attached":
                more = "Content-Disposition: attachment; filename=x.txt\r\n"
            case "/frames":
                body, kind = FRAMES.format(query), "text/html"
            case "/never-ready":
                body, kind = "<!doctype html><script>mixerLayout.parameters;</script>", "text/html"
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        head += f"Access-Control-Allow-Origin: *\r\nConnection: close\r\n{more}\r\n"
        writer.write((head + body).encode())
        await writer.drain()
    writer.close()


async def _endless(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\n\r\n")
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """Everything, on free ports."""
    made = World()

    async def reached(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        told = b""
        with suppress(OSError, TimeoutError):
            told = await asyncio.wait_for(reader.read(100), 5)
        made.hits.append(f"tcp {told[:40]!r}")
        writer.close()

    loop = asyncio.get_running_loop()
    async with (
        await asyncio.start_server(_evil, "127.0.0.1", 0) as evil,
        await asyncio.start_server(reached, "127.0.0.1", 0) as canary,
        await asyncio.start_server(reached, own_address(), 0) as own,
    ):
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(made), local_addr=(own_address(), 0)
        )
        made.evil = "http://{}:{}".format(*evil.sockets[0].getsockname())
        made.canary = "{}:{}".format(*canary.sockets[0].getsockname())
        made.own = "{}:{}".format(*own.sockets[0].getsockname())
        made.udp = "{}:{}".format(*transport.get_extra_info("sockname"))
        try:
            yield made
        finally:
            transport.close()
