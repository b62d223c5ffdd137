"""The server's own connection to its Janus: makes rooms, and notices when Janus hangs.

One WebSocket, one session, one videoroom handle. Participants' connections are not here but in
mixer/room/proxy.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from mixer.room.janus_config import VIDEOROOM

REQUEST_TIMEOUT_S = 5.0
KEEPALIVE_S = 2.0
MAX_MESSAGE_BYTES = 1 << 20
JANUS_PROTOCOL = Subprotocol("janus-protocol")
ROOM_EXISTS = 427  # JANUS_VIDEOROOM_ERROR_ROOM_EXISTS


class JanusGone(Exception):
    """Janus does not answer any more, or refused what the server itself asked for."""


def open_janus(port: int) -> connect:
    """A WebSocket connection to the Janus that listens on this port of the loopback."""
    return connect(
        f"ws://127.0.0.1:{port}",
        subprotocols=[JANUS_PROTOCOL],
        max_size=MAX_MESSAGE_BYTES,
        ping_interval=None,
        compression=None,
        open_timeout=REQUEST_TIMEOUT_S,
        close_timeout=1,
        proxy=None,
    )


class JanusControl:
    """Requests to Janus by the server itself. Made by `open_control`; used by one supervisor."""

    def __init__(self, socket: ClientConnection, api_secret: str) -> None:
        self._socket = socket
        self._secret = api_secret
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._session = 0
        self._handle = 0

    async def attach(self) -> None:
        """Makes the session and the videoroom handle. Raises JanusGone."""
        self._session = (await self._request({"janus": "create"}))["data"]["id"]
        attach = {"janus": "attach", "plugin": VIDEOROOM, "session_id": self._session}
        self._handle = (await self._request(attach))["data"]["id"]

    async def create_room(self, request: dict[str, Any]) -> None:
        """Sends a videoroom `create`; a room that exists already is fine. Raises JanusGone."""
        answer = await self._plugin_request(request)
        if answer.get("error_code") not in (None, ROOM_EXISTS):
            raise JanusGone(f"Janus makes no room: {answer.get('error')}")

    async def destroy_room(self, room: str) -> None:
        """Forgets a room. Raises JanusGone."""
        await self._plugin_request({"request": "destroy", "room": room})

    async def stay_alive(self) -> None:
        """Keeps the session; returns never, raises JanusGone as soon as Janus does not answer."""
        while True:
            await asyncio.sleep(KEEPALIVE_S)
            await self._request({"janus": "keepalive", "session_id": self._session})

    async def read(self) -> None:
        """Hands answers to who waits for them; raises JanusGone when the connection ends."""
        try:
            async for text in self._socket:
                message = json.loads(text)
                waiting = self._waiting.get(message.get("transaction", ""))
                if waiting is not None and not waiting.done():
                    waiting.set_result(message)
        except (ConnectionClosed, ValueError) as error:
            raise JanusGone("the connection to Janus broke") from error
        raise JanusGone("Janus closed the connection")

    async def _plugin_request(self, body: dict[str, Any]) -> dict[str, Any]:
        answer = await self._request(
            {
                "janus": "message",
                "session_id": self._session,
                "handle_id": self._handle,
                "body": body,
            }
        )
        data = answer.get("plugindata", {}).get("data", {})
        return data if isinstance(data, dict) else {}

    async def _request(self, message: dict[str, Any]) -> dict[str, Any]:
        transaction = secrets.token_hex(8)
        waiting: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[transaction] = waiting
        try:
            text = json.dumps({**message, "transaction": transaction, "apisecret": self._secret})
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                await self._socket.send(text)
                answer = await waiting
        except (TimeoutError, ConnectionClosed) as error:
            raise JanusGone("Janus does not answer") from error
        finally:
            del self._waiting[transaction]
        if answer.get("janus") == "error":
            raise JanusGone(f"Janus refuses: {answer.get('error', {}).get('reason')}")
        return answer


@asynccontextmanager
async def open_control(port: int, api_secret: str) -> AsyncIterator[JanusControl]:
    """A control connection that is read by a task of this context. Raises JanusGone, OSError."""
    async with open_janus(port) as socket:
        control = JanusControl(socket, api_secret)
        reading = asyncio.create_task(control.read(), name="janus-control-read")
        try:
            await control.attach()
            yield control
        finally:
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError, JanusGone):
                await reading
