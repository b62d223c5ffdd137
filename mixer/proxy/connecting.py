"""Resolves a host once, checks every address, and connects to one that was checked.

There is no second resolution, so an answer that changes in between (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence

from .addresses import Address, parse_address
from .reach import Reach, plain_host

CONNECT_TIMEOUT_S = 10.0
RESOLVE_TIMEOUT_S = 10.0
MAX_ADDRESSES = 8
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class NoWay(Exception):
    """There is no connection. `error` is of the Proxy-Status registry (RFC 9209)."""

    def __init__(self, status: int, error: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.error = error
        self.reason = reason


async def resolve(host: str, port: int) -> Sequence[str]:
    """The system's resolver; raises OSError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


async def connect(host: str, port: int, reach: Reach, lookup: Resolve) -> Streams:
    """Raises NoWay: 403 when no address of the host may be reached, else 502 or 504."""
    host = plain_host(host)
    failure = NoWay(502, "dns_error", f"{host} has no address")
    for address in await _checked(host, port, reach, lookup):
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                return await asyncio.open_connection(str(address), port)
        except TimeoutError:
            failure = NoWay(504, "connection_timeout", f"{host} does not answer")
        except OSError as error:
            failure = NoWay(502, "connection_refused", f"{host}: {error.strerror or error}")
    raise failure


async def _checked(host: str, port: int, reach: Reach, lookup: Resolve) -> list[Address]:
    try:
        async with asyncio.timeout(RESOLVE_TIMEOUT_S):
            texts = await lookup(host, port)
    except TimeoutError:
        raise NoWay(504, "dns_timeout", f"{host} could not be resolved in time") from None
    except (OSError, UnicodeError):
        raise NoWay(502, "dns_error", f"there is no host {host}") from None
    found = list(dict.fromkeys(parse_address(text) for text in texts))[:MAX_ADDRESSES]
    refused = {address: reach.refusal(host, port, address) for address in found}
    allowed = [address for address in found if refused[address] is None]
    if found and not allowed:
        what = refused[found[0]]
        raise NoWay(403, "destination_ip_prohibited", f"{host} is {what}")
    return allowed
