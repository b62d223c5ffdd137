"""Who follows a room's events, and who speaks with its Janus proxy: for tests of a real server."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from mixer.conference.session import RoomSession
from mixer.conference.state import State


class Follower:
    """Follows a session's events in a task of its own and remembers them."""

    def __init__(self, session: RoomSession) -> None:
        self.session = session
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.task = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        async for event in self.session.events():
            self.events.append(event)

    def types(self) -> list[str]:
        return [type for type, _ in self.events]

    async def __aenter__(self) -> Follower:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


def names(state: State) -> list[str]:
    return [p["name"] for p in state["participants"]]


def statuses(state: State) -> list[str]:
    return [p["status"] for p in state["participants"]]


@asynccontextmanager
async def janus_of(session: RoomSession) -> AsyncIterator[ClientConnection]:
    async with connect(
        session.janus_url,
        subprotocols=[Subprotocol("janus-protocol")],
        ssl=session.ssl_context,
        proxy=None,
    ) as socket:
        yield socket


async def ask(socket: ClientConnection, **message: Any) -> dict[str, Any]:
    transaction = f"t{time.monotonic_ns()}"
    await socket.send(json.dumps({**message, "transaction": transaction}))
    while True:
        answer = json.loads(await asyncio.wait_for(socket.recv(), 20))
        if answer.get("transaction") == transaction and answer["janus"] != "ack":
            return dict(answer)


async def attach(socket: ClientConnection) -> dict[str, int]:
    session = (await ask(socket, janus="create"))["data"]["id"]
    plugin = "janus.plugin.videoroom"
    answer = await ask(socket, janus="attach", session_id=session, plugin=plugin)
    return {"session_id": session, "handle_id": answer["data"]["id"]}
