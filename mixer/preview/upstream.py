"""A page's development server, passed through: requests, streams of events and WebSockets.

The page's own origin is the preview's, so everything that it asks of its origin comes here: what is
sent to save and reload it, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import mimetypes
import ssl
from collections.abc import AsyncIterator, Callable
from functools import cache
from urllib.parse import SplitResult, urlunsplit

import httpx2
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.websockets import WebSocket
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Origin, Subprotocol

ANSWER_S = 10.0
MAX_MESSAGE = 16 << 20  # bytes
REFUSED, GOING_AWAY = 1008, 1001  # RFC 6455 section 7.4.1
SENDABLE = {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, *range(3000, 5000)}
# Of one connection (RFC 9110 section 7.6.1), or about an origin or body that is another there.
_ONLY_HERE = {
    *("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding"),
    *("upgrade", "host", "origin", "referer", "content-length", "accept-encoding"),
}
_ONLY_THERE = {
    *("connection", "keep-alive", "trailer", "transfer-encoding", "upgrade"),
    *("content-type", "content-length", "content-encoding", "content-security-policy"),
    *("x-frame-options", "cache-control", "access-control-allow-origin", "etag", "last-modified"),
}
Rewrite = Callable[[bytes, str], bytes]


class Upstream:
    """The server at `address`; every request is a connection of its own."""

    def __init__(self, address: SplitResult) -> None:
        self._scheme, self._place = address.scheme, address.netloc
        self._origin = f"{address.scheme}://{address.netloc.rpartition('@')[2]}"

    def url(self, path: str, query: str) -> str:
        return urlunsplit((self._scheme, self._place, path, query, ""))

    async def answer(self, request: Request, rewrite: Rewrite) -> Response:
        """What it answers; documents and scripts as `rewrite` makes them of body and type.

        Raises httpx2.HTTPError and TimeoutError where it does not answer.
        """
        asked = httpx2.Request(
            request.method,
            self.url(request.url.path, request.url.query),
            content=await request.body(),
            headers=self._headers(request.headers),
        )
        async with contextlib.AsyncExitStack() as stack:
            client = await stack.enter_async_context(_client())
            async with asyncio.timeout(ANSWER_S):
                got = await client.send(asked, stream=True, follow_redirects=True)
                stack.push_async_callback(got.aclose)
                if (elsewhere := self._moved_to(got)) is not None:
                    return Response(status_code=302, headers={"location": elsewhere})
                kind = got.headers.get(
                    "content-type", mimetypes.guess_type(asked.url.path)[0] or ""
                )
                if kind.startswith("text/html") or "javascript" in kind:
                    body = rewrite(await got.aread(), kind)
                    return _with_headers(Response(body, got.status_code), got, kind)
            stream = _streamed(got, stack.pop_all())
            return _with_headers(StreamingResponse(stream, got.status_code), got, kind)

    def _moved_to(self, got: httpx2.Response) -> str | None:
        """Where on this server the answer was found in the end, if that is not where it was asked
        for: addresses in documents, scripts and style sheets are relative to it."""
        place = f"{got.url.scheme}://{got.url.netloc.decode()}"
        if not got.history or got.request.method != "GET" or place != self._origin:
            return None
        asked, found = got.history[0].url.raw_path.decode(), got.url.raw_path.decode()
        return found if found != asked else None

    async def relay(self, socket: WebSocket) -> None:
        """A WebSocket of the page's, to its end. Other sites' pages get none."""
        if not _is_own(socket.headers):
            await socket.close(REFUSED)
            return
        url = f"ws{self.url(socket.url.path, socket.url.query).removeprefix('http')}"
        code = GOING_AWAY
        with contextlib.suppress(WebSocketException, OSError, TimeoutError):
            async with connect(
                url,
                origin=Origin(self._origin),
                subprotocols=[Subprotocol(one) for one in socket.scope["subprotocols"]] or None,
                additional_headers=[h for h in socket.headers.items() if h[0] == "cookie"],
                ssl=_trust() if url.startswith("wss:") else None,
                open_timeout=ANSWER_S,
                max_size=MAX_MESSAGE,
                proxy=None,
            ) as far:
                await socket.accept(subprotocol=far.subprotocol)
                await _both_ways(socket, far)
                code = far.close_code or GOING_AWAY
        with contextlib.suppress(RuntimeError):  # the page has closed it
            await socket.close(code if code in SENDABLE else GOING_AWAY)

    def _headers(self, given: Headers) -> list[tuple[str, str]]:
        """The page's origin becomes the server's; another site's stays what it is, for the server
        to refuse."""
        passed = [(name, value) for name, value in given.items() if name not in _ONLY_HERE]
        if (origin := given.get("origin")) is not None:
            passed.append(("origin", self._origin if _is_own(given) else origin))
        return passed


def _is_own(given: Headers) -> bool:
    """Whether it is a page of this very origin that asks."""
    return given.get("origin", "").partition("://")[2] == given.get("host")


async def _both_ways(near: WebSocket, far: ClientConnection) -> None:
    """Carries messages until one side has ended."""

    async def out() -> None:
        while (message := await near.receive())["type"] == "websocket.receive":
            text = message.get("text")
            await far.send(message["bytes"] if text is None else text)

    async def back() -> None:
        async for message in far:
            await (
                near.send_text(message) if isinstance(message, str) else near.send_bytes(message)
            )

    tasks = [asyncio.create_task(out()), asyncio.create_task(back())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _with_headers(response: Response, got: httpx2.Response, kind: str) -> Response:
    for name, value in got.headers.multi_items():
        if name.lower() not in _ONLY_THERE:
            response.headers.append(name, value)
    if kind:
        response.headers["content-type"] = kind
    response.headers["cache-control"] = "no-store"
    return response


async def _streamed(
    got: httpx2.Response, closing: contextlib.AsyncExitStack
) -> AsyncIterator[bytes]:
    async with closing:
        with contextlib.suppress(httpx2.HTTPError):  # told by what is missing
            async for part in got.aiter_bytes():
                yield part


def _client() -> httpx2.AsyncClient:
    timeout = httpx2.Timeout(ANSWER_S, read=None)  # a stream of events may be silent for long
    return httpx2.AsyncClient(verify=_trust(), timeout=timeout)


@cache
def _trust() -> ssl.SSLContext:
    """Made once: it takes longer than a request to a server on this machine."""
    return httpx2.create_ssl_context()
