"""Sends one event to a receiver: bounded in time and size, and never to where it must not go.

Its host is resolved once, the addresses are checked, and what was checked is connected to: a name
that resolves to something else a moment later gains nothing (DNS rebinding). Redirects are answers
like others, not followed.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpcore2
import httpx2

from ..proxy.addresses import METADATA, Address, parse_address, refusal
from ..proxy.connecting import Resolve, resolve
from ..proxy.reach import own_addresses

TIMEOUT_S = 10.0
KEPT_HEADERS = ("content-type", "date", "location", "retry-after", "server", "x-request-id")
MAX_HEADER_CHARS = 200
MAX_READ_BYTES = 64 << 10  # of the answer, which is not looked at: read to use the connection again
MAX_BODY_BYTES = 4 << 20  # of an event: some 5,000 files
MAX_CONNECTIONS = 64
NO_HTTP = (httpcore2.ProtocolError, httpcore2.UnsupportedProtocol, httpx2.InvalidURL)


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an attempt: a status, or an error."""

    status: int | None = None
    headers: Mapping[str, str] | None = None
    error: str | None = None

    @property
    def accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    def as_json(self) -> dict[str, Any]:
        if self.status is None:
            return {"status": "", "headers": {}, "error": self.error}
        return {"status": _status_line(self.status), "headers": dict(self.headers or {})}


class Destination:
    """`allow_private`: addresses of private networks and of this machine may be sent to."""

    def __init__(
        self,
        *,
        allow_private: bool,
        timeout_s: float = TIMEOUT_S,
        lookup: Resolve = resolve,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._timeout_s = timeout_s
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=ssl_context,
            max_connections=MAX_CONNECTIONS,
            keepalive_expiry=30.0,
            network_backend=_CheckedBackend(allow_private, lookup),
        )

    async def close(self) -> None:
        await self._pool.aclose()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Never raises for what the other side does."""
        if len(body) > MAX_BODY_BYTES:
            return Answer(error=f"the event has {len(body)} bytes, more than are sent")
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._post(url, body, headers)
        except TimeoutError:
            return Answer(error=f"no answer within {self._timeout_s:g} s")
        except _Refused as error:
            return Answer(error=str(error))
        except (httpcore2.NetworkError, httpcore2.TimeoutException, ssl.SSLError) as error:
            return Answer(error=f"no connection: {error or type(error).__name__}")
        except (*NO_HTTP, ValueError) as error:
            return Answer(error=f"no HTTP: {error or type(error).__name__}")

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        sent = {
            "content-type": "application/json",
            "content-length": str(len(body)),
            "user-agent": "mixer-webhooks/1",
            "accept": "*/*",
            **headers,
        }
        phases = dict.fromkeys(("connect", "read", "write", "pool"), self._timeout_s)
        asked = httpx2.URL(url)  # names and paths in letters that addresses do not have
        target = httpcore2.URL(
            scheme=asked.raw_scheme, host=asked.raw_host, port=asked.port, target=asked.raw_path
        )
        pairs = [("Host", asked.netloc.decode()), *sent.items()]
        async with self._pool.stream(
            "POST", target, headers=pairs, content=body, extensions={"timeout": phases}
        ) as response:
            read = 0
            async for block in response.aiter_stream():
                read += len(block)
                if read > MAX_READ_BYTES:
                    break
        return Answer(response.status, _few(response.headers))


class _Refused(Exception):
    pass


class _CheckedBackend(httpcore2.AsyncNetworkBackend):
    """Connects to addresses that were checked. TLS is for the name all the same."""

    def __init__(self, allow_private: bool, lookup: Resolve) -> None:
        self._plain = httpcore2.AnyIOBackend()
        self._allow_private = allow_private
        self._lookup = lookup

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        failure: Exception = httpcore2.ConnectError(f"{host} has no address")
        for address in await self._checked(host, port):
            try:
                return await self._plain.connect_tcp(str(address), port, timeout)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure

    async def _checked(self, host: str, port: int) -> list[Address]:
        try:
            texts = await self._lookup(host, port)
        except (OSError, UnicodeError):
            raise httpcore2.ConnectError(f"there is no host {host}") from None
        found = list(dict.fromkeys(parse_address(text) for text in texts))
        allowed = [address for address in found if self._refusal(address) is None]
        if found and not allowed:
            raise _Refused(
                f"{host} is {self._refusal(found[0])}, to which events are not sent "
                "(setting allow_private_webhooks)"
            )
        return allowed

    def _refusal(self, address: Address) -> str | None:
        what = refusal(address)
        if self._allow_private:
            return what if what == METADATA else None
        return what or ("this machine" if address in own_addresses() else None)


def _few(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    pairs = ((name.decode("latin-1").lower(), value) for name, value in headers)
    return {
        name: value.decode("latin-1")[:MAX_HEADER_CHARS]
        for name, value in pairs
        if name in KEPT_HEADERS
    }


def _status_line(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
