"""Events of a conference on their way to a reader: as server-sent events, or by WebSocket.

Both carry the same messages. Browsers allow six connections to a host for all their tabs
together, which server-sent events would use up; WebSockets do not count there.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from mixer.room.attendance import Follower
from mixer.room.live import LiveConference

HEARTBEAT_S = 5.0
SEND_TIMEOUT_S = 30.0
AGAIN = 1013  # "try again later" (IANA WebSocket close codes): the reader reads anew


async def messages(
    conference: LiveConference, follower: Follower, id: str | None
) -> AsyncGenerator[str, None]:
    """The state, then what happens, as JSON; a heartbeat when nothing does."""
    try:
        while True:
            try:
                event = await follower.get(HEARTBEAT_S)
            except TimeoutError:
                yield _json("heartbeat", {})
                continue
            if event is None:
                return
            yield _json(*event)
    finally:
        conference.unfollow(follower, id)


async def server_sent(
    conference: LiveConference, follower: Follower, id: str | None
) -> AsyncGenerator[bytes, None]:
    """The body of a text/event-stream."""
    async with contextlib.aclosing(messages(conference, follower, id)) as texts:
        async for text in texts:
            yield f"data: {text}\n\n".encode()


async def by_websocket(
    websocket: WebSocket, conference: LiveConference, follower: Follower, id: str | None
) -> None:
    """Sends until the end or until the reader is gone; what the reader sends is ignored."""
    tasks: list[asyncio.Task[None]] = []
    try:
        await websocket.accept()
        sending = _send_all(websocket, conference, follower, id)
        tasks.append(asyncio.create_task(sending, name="events-send"))
        tasks.append(asyncio.create_task(_gone(websocket), name="events-gone"))
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        conference.unfollow(follower, id)
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):
        await websocket.close(AGAIN)


async def _send_all(
    websocket: WebSocket, conference: LiveConference, follower: Follower, id: str | None
) -> None:
    async with contextlib.aclosing(messages(conference, follower, id)) as texts:
        async for text in texts:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await websocket.send_text(text)


async def _gone(websocket: WebSocket) -> None:
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass


def _json(type: str, data: Any) -> str:
    return json.dumps({"type": type, "data": data}, ensure_ascii=False, separators=(",", ":"))
