"""Where events are sent to, and where not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from mixer.webhooks.destination import MAX_BODY_BYTES, Destination

from .conftest import Receiver


async def post(destination: Destination, url: str, body: bytes = b"{}") -> dict[str, object]:
    answer = await destination.post(url, body, {"x-test": "1"})
    await destination.close()
    return answer.as_json() | {"accepted": answer.accepted}


async def test_what_is_sent(receiver: Receiver) -> None:
    """A POST of JSON with our headers; status and few headers of the answer are kept."""
    receiver.answer = lambda event: (202, {"x-request-id": "r" * 500, "set-cookie": "secret"})
    told = await post(Destination(allow_private=True), receiver.url, b'{"a":1}')
    headers, body = receiver.got[0]
    assert body == b'{"a":1}'
    assert headers["content-type"] == "application/json" and headers["x-test"] == "1"
    assert headers["Host"] == receiver.url.split("/")[2]
    assert told["accepted"] and told["status"] == "202 Accepted"
    kept = told["headers"]
    assert isinstance(kept, dict)
    assert len(kept["x-request-id"]) == 200 and "set-cookie" not in kept


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/",
        "http://localhost/",
        "http://[::1]/",
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:127.0.0.1]/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0.0.0.0/",
        "http://[64:ff9b::7f00:1]/",
    ],
)
async def test_private_addresses_are_refused(url: str) -> None:
    """In all the ways in which they can be written."""
    told = await post(Destination(allow_private=False), url)
    assert not told["accepted"]
    assert "to which events are not sent" in str(told["error"]) or "no host" in str(told["error"])


async def test_metadata_is_refused_even_where_private_is_allowed() -> None:
    """No receiver is there, only a machine's credentials."""
    told = await post(Destination(allow_private=True), "http://169.254.169.254/")
    assert "metadata" in str(told["error"])


async def test_a_name_is_resolved_once(receiver: Receiver) -> None:
    """What was checked is connected to: a name that changes in between gains nothing."""
    port = int(receiver.url.split(":")[2].split("/")[0])
    answers = [["203.0.113.7"], ["127.0.0.1"]]
    asked = 0

    async def changing(host: str, port: int) -> Sequence[str]:
        nonlocal asked
        asked += 1
        return answers[min(asked, 2) - 1]

    destination = Destination(allow_private=False, lookup=changing)
    told = await post(destination, f"http://rebinding.test:{port}/hook")
    assert asked == 1 and not told["accepted"] and not receiver.got
    second = Destination(allow_private=False, lookup=changing)
    told = await post(second, f"http://rebinding.test:{port}/hook")
    assert "loopback" in str(told["error"]) and not receiver.got


async def test_redirects_are_not_followed(receiver: Receiver) -> None:
    """A redirect is an answer, and no success."""
    receiver.answer = lambda event: (307, {"location": receiver.url})
    told = await post(Destination(allow_private=True), receiver.url)
    assert not told["accepted"] and told["status"] == "307 Temporary Redirect"
    assert len(receiver.got) == 1


async def test_a_receiver_that_does_not_answer_costs_the_timeout() -> None:
    """Also one that sends its answer byte by byte."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(b"H")
                await writer.drain()
                await asyncio.sleep(0.05)
        except OSError:
            pass

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    told = await post(Destination(allow_private=True, timeout_s=0.5), f"http://127.0.0.1:{port}/")
    assert not told["accepted"] and "error" in told
    server.close()


async def test_an_endless_answer_is_cut() -> None:
    """What is accepted is accepted; the rest of the answer is not waited for."""

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()
        except OSError:
            pass

    server = await asyncio.start_server(endless, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    told = await post(Destination(allow_private=True), f"http://127.0.0.1:{port}/")
    assert told["accepted"]
    server.close()


async def test_an_enormous_event_is_not_sent(receiver: Receiver) -> None:
    """The bound is told."""
    told = await post(Destination(allow_private=True), receiver.url, b"x" * (MAX_BODY_BYTES + 1))
    assert "bytes" in str(told["error"]) and not receiver.got


@pytest.mark.parametrize(
    "url", ["ftp://x/", "http://", "nonsense", "http://ü.test/ü", "http://a:b/"]
)
async def test_an_impossible_address_is_an_answer_too(url: str) -> None:
    """Nothing is raised, whatever was configured."""
    told = await post(Destination(allow_private=False), url)
    assert not told["accepted"] and told["error"]
