"""What a client may do to a connection: slowness, length, several requests at once."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mixer.service.connection import MAX_HEADER_BYTES

from .conftest import open_service, served

Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
TRICKLE_S = 0.05


@contextlib.asynccontextmanager
async def connected(data: Path, headers_timeout_s: float) -> AsyncIterator[Line]:
    """One connection to a server."""
    async with (
        open_service(data, headers_timeout_s=headers_timeout_s) as service,
        served(service),
        asyncio.timeout(60),
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", service.settings.port)
        try:
            yield reader, writer
        finally:
            writer.close()


def assert_refused(answer: bytes, status: int) -> None:
    """An answer of this status, whole, with the contract's body."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), head
    assert b"content-length: %d\r\n" % len(body) in head
    assert b"content-type: application/json" in head
    told = json.loads(body)
    assert (told["status"], told["error_code"]) == (status, status)
    assert set(told) == {"type", "status", "error_code", "error_reason", "error_description"}


async def trickle(writer: asyncio.StreamWriter) -> None:
    """A header that never ends, a byte now and then."""
    writer.write(HEALTH + b"X-Slow: ")
    while not writer.is_closing():
        writer.write(b"a")
        await asyncio.sleep(TRICKLE_S)


async def test_slow_headers(tmp_path: Path) -> None:
    """Who sends a byte now and then is answered 408 and let go, however busy the line is."""
    async with connected(tmp_path / "data", 0.5) as (reader, writer):
        trickling = asyncio.create_task(trickle(writer))
        answer = await reader.read()
        trickling.cancel()
    assert_refused(answer, 408)


async def test_silence(tmp_path: Path) -> None:
    """So is who says nothing at all."""
    async with connected(tmp_path / "data", 0.3) as (reader, _):
        assert_refused(await reader.read(), 408)


async def test_a_request_in_pieces(tmp_path: Path) -> None:
    """Slow is not too slow: pieces make one request, and the line stays open for the next."""
    async with connected(tmp_path / "data", 60) as (reader, writer):
        for _ in range(2):
            for at in range(0, len(HEALTH), 5):
                writer.write(HEALTH[at : at + 5])
                await writer.drain()
            writer.write(b"\r\n")
            assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200 ")
            await reader.readuntil(b"}")


@pytest.mark.parametrize("complete", [True, False], ids=["complete", "endless"])
async def test_long_headers(tmp_path: Path, complete: bool) -> None:
    """More headers than are allowed are refused, whether they end or not."""
    async with connected(tmp_path / "data", 60) as (reader, writer):
        end = b"\r\n\r\n" if complete else b""
        writer.write(HEALTH + b"X-Long: " + b"a" * MAX_HEADER_BYTES + end)
        assert_refused(await reader.read(), 431)


@pytest.mark.parametrize(
    "nonsense", [b"\x16\x03\x01", b"GET /x XTTP/1.1\r\n\r\n", HEALTH + b"a b\r\n\r\n"]
)
async def test_what_is_no_http(tmp_path: Path, nonsense: bytes) -> None:
    """400 with the body that every error has: there may be a client that reads it."""
    async with connected(tmp_path / "data", 60) as (reader, writer):
        writer.write(nonsense)
        assert_refused(await reader.read(), 400)


async def test_a_long_body_is_no_header(tmp_path: Path) -> None:
    """Only headers are counted as such; of requests that come at once, each its own."""
    body = b"x" * (2 * MAX_HEADER_BYTES)
    post = b"POST /v1/auth/token HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with connected(tmp_path / "data", 60) as (reader, writer):
        writer.write(post + body + HEALTH + b"\r\n" + post + body)
        writer.write(HEALTH + b"Connection: close\r\n\r\n")
        answers = await reader.read()
    assert answers.count(b"HTTP/1.1 401 ") == 2
    assert answers.count(b"HTTP/1.1 200 ") == 2
