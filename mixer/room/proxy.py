"""The only way to Janus: a participant's WebSocket, passed on message by message.

One connection to Janus for each connection of a participant, so that Janus cleans up by itself
when either is gone. What may pass is decided by mixer/room/gate.py; what is learnt about the
participant's streams goes to mixer/room/live.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, WebSocketException

from mixer.room.attendance import Attendance
from mixer.room.gate import Gate
from mixer.room.janus_control import JANUS_PROTOCOL, JanusGone, open_janus
from mixer.room.janus_process import Janus
from mixer.room.live import LiveConference
from mixer.room.requests import INVALID, Json, Permission, Refused

log = structlog.get_logger()

JANUS_WAIT_S = 10.0
RETRY_S = 0.05
SEND_TIMEOUT_S = 10.0
SUPERSEDE_TIMEOUT_S = 2.0
SERVICE_RESTART = 1012
SUPERSEDED = 4009


class ProxyConnection:
    """One participant's connection; made for each WebSocket, run once."""

    def __init__(
        self,
        websocket: WebSocket,
        conference: LiveConference,
        attendance: Attendance,
        gate: Gate,
    ) -> None:
        self._websocket = websocket
        self._conference = conference
        self._attendance = attendance
        self._gate = gate
        self._close: tuple[int, str] | None = None
        self._closing = asyncio.Event()
        self._orders: asyncio.Queue[Json] = asyncio.Queue()  # at most one for each handle at once
        self.closed = asyncio.Event()  # Janus' side is closed too

    @property
    def feeds(self) -> frozenset[str]:
        return self._gate.feeds

    def close(self, code: int, reason: str) -> None:
        """Asks the connection to end; `run` ends soon after."""
        if self._close is None:
            self._close = (code, reason)
        self._closing.set()

    def permit(self, permissions: frozenset[str]) -> None:
        """Other permissions from now on; what is sent against them ends soon after."""
        for request in self._gate.permit(permissions):
            self._orders.put_nowait(request)

    async def run(self, janus: ClientConnection) -> None:
        """Serves the connection until either side or `close` ends it; closes `janus`."""
        self._conference.connected(self._attendance.id, self)
        try:
            async with janus:
                await self._websocket.accept(subprotocol=JANUS_PROTOCOL)
                await self._pass_on(janus)
        finally:
            self.closed.set()
            self._conference.disconnected(self._attendance.id, self, self.feeds)
            code, reason = self._close or (1000, "")
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                await self._websocket.close(code, reason)

    async def _pass_on(self, janus: ClientConnection) -> None:
        tasks = [
            asyncio.create_task(self._to_janus(janus), name="proxy-to-janus"),
            asyncio.create_task(self._from_janus(janus), name="proxy-from-janus"),
            asyncio.create_task(self._obey(janus), name="proxy-obey"),
            asyncio.create_task(self._closing.wait(), name="proxy-closing"),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            for result in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(result, Exception):
                    self.close(1011, "error")
                    log.error("proxy.failed", error=result.__class__.__name__)

    async def _to_janus(self, janus: ClientConnection) -> None:
        """From the participant to Janus; what is refused is answered here."""
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                text = await self._websocket.receive_text()
                message: Any = None
                try:
                    message = _parsed(text)
                    permitted = self._gate.outgoing(message)
                except Refused as refused:
                    await self._send(_refusal(message, refused))
                    continue
                if permitted["janus"] == "message":
                    await self._supersede()
                try:
                    await janus.send(json.dumps(permitted))
                except ConnectionClosed:
                    self.close(SERVICE_RESTART, "the media server is gone")
                    return

    async def _from_janus(self, janus: ClientConnection) -> None:
        """From Janus to the participant, after the conference has learnt from it."""
        try:
            async for text in janus:
                message = json.loads(text)
                for observation in self._gate.incoming(message):
                    self._conference.observe(self._attendance.id, observation)
                await self._send(message)
        except ConnectionClosed:
            pass
        except (WebSocketDisconnect, TimeoutError):
            return
        self.close(SERVICE_RESTART, "the media server is gone")

    async def _obey(self, janus: ClientConnection) -> None:
        """Sends what the server itself has to say on this connection."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                await janus.send(json.dumps(await self._orders.get()))

    async def _supersede(self) -> None:
        """A feed belongs to the connection that joined last: older holders are closed first."""
        others = [c for c in self._attendance.connections if c is not self]
        for other in others:
            if other.feeds & self.feeds:
                other.close(SUPERSEDED, "another connection took this feed")
                if isinstance(other, ProxyConnection):
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(SUPERSEDE_TIMEOUT_S):
                            await other.closed.wait()

    async def _send(self, message: dict[str, Any]) -> None:
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await self._websocket.send_text(json.dumps(message))


async def serve_proxy(
    websocket: WebSocket,
    conference: LiveConference,
    attendance: Attendance,
    janus: Janus,
    max_bitrate_bps: int,
) -> None:
    """Waits for Janus and the room, then passes messages until the connection ends."""
    try:
        async with asyncio.timeout(JANUS_WAIT_S):
            connection = await _reach_room(janus, conference)
    except TimeoutError:
        log.warning("proxy.no_janus")
        await websocket.accept(subprotocol=JANUS_PROTOCOL)
        await websocket.close(SERVICE_RESTART, "the media server is not there")
        return
    if conference.attendances.get(attendance.id) is not attendance:  # left while Janus started
        await connection.close()
        await websocket.close(4000, "left")
        return
    permission = Permission(
        attendance.id,
        attendance.type,
        conference.name,
        conference.pin,
        max_bitrate_bps,
        attendance.permissions,
    )
    gate = Gate(permission, janus.secrets.api)
    await ProxyConnection(websocket, conference, attendance, gate).run(connection)


async def _reach_room(janus: Janus, conference: LiveConference) -> ClientConnection:
    """A connection to the Janus that has the room; tries until cancelled.

    A Janus that has just died still counts as ready until its supervisor notices.
    """
    while True:
        try:
            await janus.ready(JANUS_WAIT_S)
            await janus.ensure_room(conference.name, conference.pin)
            return await open_janus(janus.port)
        except (JanusGone, OSError, WebSocketException):
            await asyncio.sleep(RETRY_S)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused(INVALID, "this is not JSON") from error


def _refusal(message: Any, refused: Refused) -> dict[str, Any]:
    """The Janus error for a message; carries its transaction and session if it has such."""
    answer: dict[str, Any] = {"janus": "error"}
    if isinstance(message, dict):
        if isinstance(message.get("session_id"), int):
            answer["session_id"] = message["session_id"]
        if isinstance(message.get("transaction"), str):
            answer["transaction"] = message["transaction"][:100]
    return {**answer, "error": {"code": refused.code, "reason": refused.reason}}
