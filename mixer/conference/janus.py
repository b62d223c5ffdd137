"""A client of Janus over WebSocket: session, handles, transactions, events. Knows no plugin's
vocabulary but the video room's error codes; the video room itself is videoroom.py.

The same protocol is spoken by a bare Janus and by the proxy of our room server. Foreign
exceptions end here: what goes wrong is told in the classes of mixer.errors.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import ssl
from dataclasses import dataclass, field
from typing import Any, Self

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI, WebSocketException
from websockets.typing import Subprotocol

from mixer.conference.address import no_answer
from mixer.errors import (
    ConferenceError,
    ConferenceRefused,
    ConferenceUnknown,
    ConferenceUnreachable,
    UsageError,
)

log = structlog.get_logger()

CONNECT_TIMEOUT_S = 5.0
TRANSACTION_TIMEOUT_S = 10.0
KEEPALIVE_S = 20.0  # Janus forgets a silent session after 60 s by default
EVENTS_BOUND = 256  # events of one handle not yet read; more are a stuck reader
MESSAGE_BOUND = 1 << 22  # bytes of one WebSocket message

# Codes of the core (apierror.h) are 403, 405 and 450 to 490, those of the video room
# (janus_videoroom.c) 421 to 437 and 499.
_REFUSED = {403, 405, 433}  # core: unauthorized, token; video room: unauthorized
_FULL = 432
_UNKNOWN_ROOM = 426
_NO_PLUGIN = {460, 461}
_NOT_ACCEPTING = 472  # it is about to stop
NO_SUCH_FEED = 428
MISSING_ELEMENT = 429
INVALID_ELEMENT = 430


class JanusError(ConferenceError):
    """Janus refused a request for a reason that has no class of its own."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"Janus refused a request: {reason} ({code})")
        self.code = code


@dataclass(frozen=True, slots=True)
class JanusEvent:
    """What Janus says of a handle unasked.

    `kind`: "event" (of the plugin, in `data`), "webrtcup", "media", "slowlink", "hangup",
    "detached", or "lost" (the connection is gone; always the last one).
    """

    kind: str
    data: dict[str, Any] = field(default_factory=dict)
    jsep: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a Janus may ask for. Never logged."""

    api_secret: str = ""
    token: str = ""

    def fields(self) -> dict[str, str]:
        fields = {"apisecret": self.api_secret, "token": self.token}
        return {name: value for name, value in fields.items() if value}


class JanusHandle:
    """One attachment to a plugin. Events wait in a queue of EVENTS_BOUND; overflow ends the
    connection, because nothing that is missed could be told apart from what never happened."""

    def __init__(self, connection: JanusConnection, handle_id: int) -> None:
        self.id = handle_id
        self.events: asyncio.Queue[JanusEvent] = asyncio.Queue(EVENTS_BOUND + 1)
        self._connection = connection

    async def message(
        self, body: dict[str, Any], jsep: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """Send a request to the plugin, return its (data, jsep). Raises ConferenceError."""
        fields: dict[str, Any] = {"body": body}
        if jsep is not None:
            fields["jsep"] = jsep
        answer = await self._connection.request("message", self.id, **fields)
        data = answer.get("plugindata", {}).get("data", {})
        if "error_code" in data:
            raise _error(int(data["error_code"]), str(data.get("error", "")))
        return data, answer.get("jsep")

    async def detach(self) -> None:
        """Never raises for a Janus that is gone."""
        self._connection.forget(self.id)
        with contextlib.suppress(ConferenceError):
            await self._connection.request("detach", self.id)


class JanusConnection:
    """A WebSocket with one Janus session on it. Made by `open`, ended by `close` or by Janus."""

    def __init__(self, socket: ClientConnection, credentials: Credentials) -> None:
        self.lost = asyncio.Event()
        self._socket = socket
        self._credentials = credentials.fields()
        self._session: int | None = None
        self._handles: dict[int, JanusHandle] = {}
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._messages: set[str] = set()  # transactions whose "ack" is not yet the answer
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def open(
        cls,
        url: str,
        credentials: Credentials | None = None,
        *,
        ssl_context: ssl.SSLContext | None = None,
    ) -> JanusConnection:
        """Connect to ws(s)://… and create a session.

        Raises UsageError (not such an address), ConferenceUnreachable, ConferenceRefused.
        """
        connection = cls(await _connect(url, ssl_context), credentials or Credentials())
        connection._tasks.append(asyncio.create_task(connection._read()))
        try:
            answer = await connection.request("create")
            connection._session = int(answer["data"]["id"])
        except BaseException:
            await connection.close()
            raise
        connection._tasks.append(asyncio.create_task(connection._keep_alive()))
        return connection

    async def attach(self, plugin: str = "janus.plugin.videoroom") -> JanusHandle:
        answer = await self.request("attach", plugin=plugin)
        handle = JanusHandle(self, int(answer["data"]["id"]))
        self._handles[handle.id] = handle
        if self.lost.is_set():
            handle.events.put_nowait(JanusEvent("lost"))
        return handle

    async def request(self, kind: str, handle: int | None = None, **fields: Any) -> dict[str, Any]:
        """One transaction; "ack" is waited past, the answer returned. Raises ConferenceError."""
        if self.lost.is_set():
            raise ConferenceUnreachable("the connection to Janus is lost")
        transaction = secrets.token_hex(8)
        message = {"janus": kind, "transaction": transaction, **self._credentials, **fields}
        if self._session is not None:
            message["session_id"] = self._session
        if handle is not None:
            message["handle_id"] = handle
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[transaction] = answer
        if kind == "message":
            self._messages.add(transaction)
        try:
            async with asyncio.timeout(TRANSACTION_TIMEOUT_S):
                await self._socket.send(json.dumps(message))
                return await answer
        except TimeoutError as error:
            raise ConferenceUnreachable(f"Janus does not answer a {kind!r} request") from error
        except WebSocketException as error:
            raise ConferenceUnreachable("the connection to Janus is lost") from error
        finally:
            self._waiting.pop(transaction, None)
            self._messages.discard(transaction)

    @property
    def close_code(self) -> int | None:
        """With which the connection was ended (RFC 6455 section 7.4), None while it is not."""
        return self._socket.close_code

    def forget(self, handle: int) -> None:
        self._handles.pop(handle, None)

    async def close(self) -> None:
        """Ends session, socket and tasks. Never raises for a Janus that is gone."""
        if self._session is not None and not self.lost.is_set():
            with contextlib.suppress(ConferenceError, TimeoutError):
                async with asyncio.timeout(1.0):
                    await self.request("destroy")
        for task in self._tasks[1:]:
            task.cancel()
        with contextlib.suppress(TimeoutError, WebSocketException, OSError):
            async with asyncio.timeout(1.0):
                await self._socket.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._lose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        await asyncio.shield(self.close())

    async def _read(self) -> None:
        try:
            async for text in self._socket:
                message = json.loads(text)
                if isinstance(message, dict):
                    self._dispatch(message)
        except (WebSocketException, OSError, ValueError) as error:
            log.info("janus.connection_lost", error=error.__class__.__name__)
        except asyncio.QueueFull:
            log.error("janus.events_overflow", bound=EVENTS_BOUND)
        finally:
            self._lose()

    async def _keep_alive(self) -> None:
        while not self.lost.is_set():
            await asyncio.sleep(KEEPALIVE_S)
            try:
                await self.request("keepalive")
            except ConferenceError:
                log.info("janus.keepalive_failed")
                await self._socket.close()
                return

    def _dispatch(self, message: dict[str, Any]) -> None:
        kind = str(message.get("janus"))
        transaction = str(message.get("transaction"))
        waiting = self._waiting.get(transaction)
        if waiting is not None and not waiting.done():
            if kind == "error":
                error = message.get("error", {})
                waiting.set_exception(_error(int(error.get("code", 0)), str(error.get("reason"))))
            elif kind != "ack" or transaction not in self._messages:
                waiting.set_result(message)
            return
        handle = self._handles.get(int(message.get("sender", 0)))
        if handle is not None:
            data = message.get("plugindata", {}).get("data") if kind == "event" else message
            if handle.events.qsize() >= EVENTS_BOUND:
                raise asyncio.QueueFull
            handle.events.put_nowait(JanusEvent(kind, data or {}, message.get("jsep")))
        elif kind == "timeout":
            raise ValueError("the session timed out")

    def _lose(self) -> None:
        if self.lost.is_set():
            return
        self.lost.set()
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(ConferenceUnreachable("the connection to Janus is lost"))
        for handle in self._handles.values():
            handle.events.put_nowait(JanusEvent("lost"))


async def _connect(url: str, ssl_context: ssl.SSLContext | None) -> ClientConnection:
    place = url.split("?")[0]
    try:
        return await connect(
            url,
            subprotocols=[Subprotocol("janus-protocol")],
            ssl=(ssl_context or True) if url.startswith("wss:") else None,
            open_timeout=CONNECT_TIMEOUT_S,
            close_timeout=1.0,
            ping_interval=5.0,
            ping_timeout=15.0,
            max_size=MESSAGE_BOUND,
            compression=None,
            proxy=None,
        )
    except InvalidURI as error:
        raise UsageError(f"{place!r} is no WebSocket address: give ws(s)://HOST:PORT") from error
    except InvalidStatus as error:
        status = error.response.status_code
        if status in (401, 403):
            raise ConferenceRefused(f"{place} refuses the connection ({status})") from error
        if status == 404:
            raise ConferenceUnknown(f"there is no Janus at {place} ({status})") from error
        raise ConferenceUnreachable(f"{place} is not ready ({status})") from error
    except (InvalidHandshake, OSError, TimeoutError) as error:
        raise no_answer(place, error) from error


def _error(code: int, reason: str) -> ConferenceError:
    if code in _REFUSED:
        return ConferenceRefused(f"Janus refuses: {reason}: check pin, token and secret")
    if code == _UNKNOWN_ROOM:
        return ConferenceUnknown(f"Janus: {reason}")
    if code == _FULL:
        return ConferenceRefused(f"Janus refuses: {reason}: the room is full")
    if code in _NO_PLUGIN:
        return ConferenceUnknown(f"this Janus has no video rooms: {reason}")
    if code == _NOT_ACCEPTING:
        return ConferenceUnreachable(f"Janus takes nobody just now: {reason}")
    return JanusError(code, reason)
