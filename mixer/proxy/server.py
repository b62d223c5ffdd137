"""The proxy itself: CONNECT for anything encrypted or held open, absolute addresses for http.

One for each page. What it refuses is answered with 403 and `Proxy-Status` (RFC 9209), and told to
`on_refusal`. How much a page may take is limited, so that endless requests fill no disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import h11
import structlog

from .connecting import NoWay, Resolve, Streams, connect, resolve
from .reach import Reach

log = structlog.get_logger()

CHUNK = 1 << 16
HEAD_TIMEOUT_S = 60.0
ORIGIN_TIMEOUT_S = 60.0  # without a byte of a plain answer
HOP_BY_HOP = {
    b"connection", b"keep-alive", b"proxy-connection", b"proxy-authenticate",
    b"proxy-authorization", b"te", b"trailer", b"upgrade", b"host",
}  # fmt: skip
TOO_MUCH = "http_request_denied"


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one page, for as long as it is open."""

    open: int = 128  # connections at a time; more wait
    connections: int = 100_000
    bytes: int = 4 << 30


@dataclass(frozen=True, slots=True)
class Refusal:
    """What was not let through, and why, in words."""

    host: str
    port: int
    reason: str

    def __str__(self) -> str:
        return f"{self.host}:{self.port}: {self.reason}"


class Proxy:
    """`async with Proxy(reach) as proxy: … proxy.url …`; all connections end with it."""

    def __init__(
        self,
        reach: Reach,
        *,
        lookup: Resolve = resolve,
        limits: Limits | None = None,
        on_refusal: Callable[[Refusal], None] = lambda refusal: None,
    ) -> None:
        self._reach = reach
        self._lookup = lookup
        self._limits = limits or Limits()
        self._on_refusal = on_refusal
        self._open = asyncio.Semaphore(self._limits.open)
        self._connections = 0
        self._bytes = 0
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(_Client(reader, writer)))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, client: _Client) -> None:
        try:
            async with self._open:
                while await self._answer(client):
                    client.http.start_next_cycle()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, h11.ProtocolError) as error:
            log.debug("proxy.dropped", reason=str(error) or type(error).__name__)
        finally:
            client.writer.close()

    async def _answer(self, client: _Client) -> bool:
        """One request; True if another may follow on the same connection."""
        async with asyncio.timeout(HEAD_TIMEOUT_S):
            request = await client.event()
        if not isinstance(request, h11.Request):
            return False
        try:
            host, port = _destination(request)
            try:
                origin = await self._connected(host, port)
            except NoWay as failure:
                if failure.status == 403:
                    self._refuse(Refusal(host, port, failure.reason))
                raise
        except NoWay as failure:
            await _decline(client, failure)
            return False
        try:
            if request.method == b"CONNECT":
                await self._tunnel(client, origin)
                return False
            return await self._forward(client, request, origin)
        finally:
            origin[1].close()

    def _refuse(self, refusal: Refusal) -> None:
        log.info("proxy.refused", host=refusal.host, port=refusal.port, reason=refusal.reason)
        self._on_refusal(refusal)

    async def _connected(self, host: str, port: int) -> Streams:
        self._connections += 1
        if self._connections > self._limits.connections:
            raise NoWay(403, TOO_MUCH, f"more than {self._limits.connections} requests")
        if self._bytes >= self._limits.bytes:
            raise NoWay(403, TOO_MUCH, f"more than {self._limits.bytes >> 20} MB were loaded")
        return await connect(host, port, self._reach, self._lookup)

    def _count(self, data: bytes) -> None:
        """Raises ConnectionError when the page has had enough."""
        self._bytes += len(data)
        if self._bytes > self._limits.bytes:
            raise ConnectionError("the page has had enough")

    # ---- CONNECT ------------------------------------------------------------------------------

    async def _tunnel(self, client: _Client, origin: Streams) -> None:
        while not isinstance(await client.event(), h11.EndOfMessage):
            pass
        await client.send(h11.Response(status_code=200, headers=[], reason=b"OK"))
        early, _ = client.http.trailing_data
        origin[1].write(early)
        await _first(
            self._pump(client.reader, origin[1]),
            self._pump(origin[0], client.writer),
        )

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(CHUNK):
            self._count(data)
            sink.write(data)
            await sink.drain()

    # ---- http://… -----------------------------------------------------------------------------

    async def _forward(self, client: _Client, request: h11.Request, origin: Streams) -> bool:
        server = _Origin(*origin)
        target = urlsplit(request.target)
        path = (target.path or b"/") + (b"?" + target.query if target.query else b"")
        headers = [(k, v) for k, v in request.headers.raw_items() if k.lower() not in HOP_BY_HOP]
        headers += [(b"Host", target.netloc.rpartition(b"@")[2]), (b"Connection", b"close")]
        await server.send(h11.Request(method=request.method, target=path, headers=headers))
        while True:
            event = await client.event()
            if isinstance(event, h11.EndOfMessage):
                await server.send(h11.EndOfMessage())
                break
            if not isinstance(event, h11.Data):
                return False
            self._count(event.data)
            await server.send(event)
        await _first(self._back(client, server), client.hung_up())
        return client.http.states == {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}

    async def _back(self, client: _Client, server: _Origin) -> None:
        answered = False
        while True:
            try:
                async with asyncio.timeout(None if answered else ORIGIN_TIMEOUT_S):
                    event = await server.event()
            except (h11.RemoteProtocolError, OSError, TimeoutError) as error:
                if not answered:
                    reason = str(error) or "no answer"
                    await _decline(client, NoWay(502, "http_protocol_error", reason))
                return
            match event:
                case h11.Response():
                    answered = True
                    kept = [(k, v) for k, v in event.headers.raw_items()
                            if k.lower() not in HOP_BY_HOP]  # fmt: skip
                    await client.send(
                        h11.Response(
                            status_code=event.status_code, headers=kept, reason=event.reason
                        )
                    )
                case h11.Data():
                    self._count(event.data)
                    await client.send(event)
                case h11.EndOfMessage():
                    await client.send(h11.EndOfMessage())
                    return
                case h11.ConnectionClosed():
                    return


class _Peer:
    """One side's connection and what is known of its HTTP."""

    role: type[h11.CLIENT] | type[h11.SERVER]

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.http = h11.Connection(self.role, max_incomplete_event_size=CHUNK)

    async def event(self) -> object:
        while (event := self.http.next_event()) is h11.NEED_DATA:
            self.http.receive_data(await self.reader.read(CHUNK))
        return event

    async def send(self, event: h11.Event) -> None:
        data = self.http.send(event)
        if data:
            self.writer.write(data)
            await self.writer.drain()


class _Client(_Peer):
    role = h11.SERVER  # what we are to the browser

    async def hung_up(self) -> None:
        """Returns when the browser wants no answer any more."""
        while data := await self.reader.read(CHUNK):
            self.http.receive_data(data)  # the next request, ahead of time


class _Origin(_Peer):
    role = h11.CLIENT


async def _first(*ways: Coroutine[Any, Any, None]) -> None:
    """Until one of them is over; the others are ended. Raises what it raised."""
    tasks = [asyncio.ensure_future(way) for way in ways]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _destination(request: h11.Request) -> tuple[str, int]:
    """Host and port that a request is for. Raises NoWay."""
    connecting = request.method == b"CONNECT"
    target = request.target.decode("ascii", "replace")
    try:
        parts = urlsplit(f"//{target}" if connecting else target)
        port = parts.port or (443 if connecting else 80)
    except ValueError:
        raise NoWay(400, "http_request_error", "no such address") from None
    if not parts.hostname or (not connecting and parts.scheme != "http"):
        raise NoWay(400, "http_request_error", "this is a forward proxy")
    return parts.hostname, port


async def _decline(client: _Client, failure: NoWay) -> None:
    body = f"{failure.reason}\n".encode()
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Proxy-Status", f"mixer; error={failure.error}"),
        ("Connection", "close"),
    ]
    answer = (
        h11.Response(status_code=failure.status, headers=headers),
        h11.Data(data=body),
        h11.EndOfMessage(),
    )
    # In one piece: clients take what comes with the head of an answer to CONNECT, and no more.
    client.writer.write(b"".join(client.http.send(event) or b"" for event in answer))
    await client.writer.drain()
