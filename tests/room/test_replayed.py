"""What robots may bring to a server: no more than there is room for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import cast

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message

from mixer.room import replayed
from mixer.room.access import Host
from mixer.room.live import LiveConference
from mixer.room.replayed import Replayed

CHUNK = 1000
CHUNKS = 6


def uploaded(number: int) -> tuple[str, Request]:
    """The name of a file of CHUNKS chunks, and a request that brings it."""
    content = b"\x89PNG\r\n\x1a\n" + bytes([number]) * (CHUNKS * CHUNK - 8)
    messages: Iterator[Message] = iter(
        {
            "type": "http.request",
            "body": content[at : at + CHUNK],
            "more_body": at + CHUNK < len(content),
        }
        for at in range(0, len(content), CHUNK)
    )

    async def receive() -> Message:
        return next(messages)

    name = f"{hashlib.sha256(content).hexdigest()}.png"
    return name, Request({"type": "http", "method": "PUT", "headers": []}, receive)


def conference(name: str) -> LiveConference:
    return LiveConference(name, grace_s=0, max_participants=1, wall_ms=lambda: 0)


@pytest.fixture
def server() -> Replayed:
    return Replayed(cast(Host, None))  # what it brings its files to is known


async def test_all_conferences_have_one_budget(
    server: Replayed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one conference has brought is not there for another, until it ends."""
    monkeypatch.setattr(replayed, "MAX_ALL_BYTES", CHUNKS * CHUNK * 3 // 2)
    one, other = conference("one"), conference("other")
    await server._store(one).keep(*uploaded(1))
    with pytest.raises(HTTPException) as refused:
        await server._store(other).keep(*uploaded(2))
    assert refused.value.status_code == 413
    one.end("ended")
    name, request = uploaded(2)
    await server._store(other).keep(name, request)
    assert server._store(other).path(name) is not None
    other.end("ended")


async def test_a_full_disk_is_left_some_room(
    server: Replayed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replayed, "MIN_FREE_BYTES", 1 << 62)
    one = conference("one")
    store = server._store(one)
    with pytest.raises(HTTPException) as refused:
        await store.keep(*uploaded(1))
    assert refused.value.status_code == 413
    assert store.bytes == 0 and not list(store._folder.iterdir())
    one.end("ended")
    with pytest.raises(HTTPException) as over:
        await store.keep(*uploaded(1))
    assert over.value.status_code == 410
