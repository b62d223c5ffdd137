"""The conference server's HTTP and WebSocket interface (docs/conference-state.md, "Interface").

Thin: checks a request, calls mixer/room/live.py, answers. No access log, because addresses carry
tokens. No CORS headers: pages of other origins may not use this interface.
"""

from __future__ import annotations

import asyncio
import hmac
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from mixer.room import input as checked
from mixer.room.events import SEND_TIMEOUT_S, by_websocket, server_sent
from mixer.room.identity import is_room_name, new_token, participant_id
from mixer.room.janus_process import Janus
from mixer.room.live import Attendance, LiveConference, RoomFull
from mixer.room.proxy import serve_proxy
from mixer.room.rooms import Rooms, Stopping
from mixer.room.settings import RoomSettings

STATIC = Path(__file__).parent / "static"
PAGE_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' http: https: data:; media-src 'self' blob:; "
        "connect-src 'self' ws: wss:; object-src 'none'; base-uri 'none'; frame-ancestors 'self'"
    ),
    "permissions-policy": "camera=(self), microphone=(self), display-capture=(self)",
    "cache-control": "no-cache",
}


class RoomInterface:
    """The routes. Owns nothing: rooms and Janus belong to mixer/room/server.py."""

    def __init__(self, settings: RoomSettings, rooms: Rooms, janus: Janus) -> None:
        self._settings = settings
        self._rooms = rooms
        self._janus = janus

    def app(self) -> ASGIApp:
        """The ASGI application."""
        room = "/rooms/{room}"
        routes = [
            Route("/", self.front_page),
            Route("/health", self.health),
            Mount("/static", StaticFiles(directory=STATIC), name="static"),
            Route(room, self.join_page, methods=["GET"]),
            Route(room, self.end, methods=["DELETE"]),
            Route(f"{room}/state", self.state),
            Route(f"{room}/events", self.events),
            Route(f"{room}/participants", self.join, methods=["POST"]),
            Route(f"{room}/participants/{{id}}", self.update, methods=["PATCH"]),
            Route(f"{room}/participants/{{id}}", self.leave, methods=["DELETE"]),
            WebSocketRoute(f"{room}/events", self.events_by_websocket),
            WebSocketRoute(f"{room}/janus", self.janus),
        ]
        handlers: dict[Any, Any] = {
            HTTPException: _error_answer,
            RoomFull: _full_answer,
            Stopping: _stopping_answer,
        }
        return SafeHeaders(Starlette(routes=routes, exception_handlers=handlers))

    async def front_page(self, request: Request) -> Response:
        return FileResponse(STATIC / "front.html", headers=PAGE_HEADERS)

    async def join_page(self, request: Request) -> Response:
        _room_name(request)
        return FileResponse(STATIC / "room.html", headers=PAGE_HEADERS)

    async def health(self, request: Request) -> Response:
        ready = self._janus.is_ready
        body = {"status": "ok" if ready else "starting", "janusRestarts": self._janus.restarts}
        return JSONResponse(body, 200 if ready else 503)

    async def state(self, request: Request) -> Response:
        return JSONResponse(self._rooms.state(_room_name(request)))

    async def events(self, request: Request) -> Response:
        conference = self._rooms.open(_room_name(request))
        token = _token(request)
        id = _attendance(conference, token).id if token else None
        follower = conference.follow(id)
        return StreamingResponse(
            server_sent(conference, follower, id),
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )

    async def events_by_websocket(self, websocket: WebSocket) -> None:
        try:
            _check_origin(websocket, self._settings)
            conference = self._rooms.open(_room_name(websocket))
            token = _token(websocket)
            id = _attendance(conference, token).id if token else None
        except (HTTPException, RoomFull, Stopping) as refused:
            await _deny(websocket, refused)
            return
        await by_websocket(websocket, conference, conference.follow(id), id)

    async def join(self, request: Request) -> Response:
        name = _room_name(request)
        body = await checked.read_json(request)
        profile = checked.profile_to_join(body)
        type = checked.participant_type(body)
        muted = checked.changed_mutes(body)
        records = checked.records(body, type)
        token = checked.known_token(body) or new_token()
        reason = self._rooms.how_ended(checked.known_conference(body))
        if reason is not None:
            return JSONResponse({"error": "the conference has ended", "reason": reason}, 410)
        conference = self._rooms.open(name)
        id = participant_id(token, name)
        conference.join(id, token, type, profile, records=records is not False)
        conference.update(id, {}, muted)
        answer = {
            "participantId": id,
            "token": token,
            "janus": {"room": name, "feedPrefix": id},
            "iceServers": [server.as_json() for server in self._settings.ice_servers],
            "state": conference.state,
        }
        return JSONResponse(answer, 201, {"cache-control": "no-store"})

    async def update(self, request: Request) -> Response:
        conference, attendance = self._authorized(request)
        body = await checked.read_json(request)
        profile, muted = checked.changed_profile(body), checked.changed_mutes(body)
        records = checked.records(body, attendance.type)
        conference.update(attendance.id, profile, muted)
        if records is not None:
            conference.record(attendance.id, records)
        return JSONResponse({})

    async def leave(self, request: Request) -> Response:
        conference, attendance = self._authorized(request)
        conference.leave(attendance.id, "left")
        return JSONResponse({})

    async def end(self, request: Request) -> Response:
        conference = self._rooms.existing(_room_name(request))
        attendance = _attendance(conference, _token(request))
        if attendance.type != "user":
            raise HTTPException(403, "only a participant of type user may end the conference")
        await self._rooms.end(conference, "ended")
        return JSONResponse({})

    async def janus(self, websocket: WebSocket) -> None:
        try:
            _check_origin(websocket, self._settings)
            conference = self._rooms.existing(_room_name(websocket))
            attendance = _attendance(conference, _token(websocket))
        except HTTPException as refused:
            await _deny(websocket, refused)
            return
        await serve_proxy(
            websocket, conference, attendance, self._janus, self._settings.bitrate_bps
        )

    def _authorized(self, request: Request) -> tuple[LiveConference, Attendance]:
        """The participant of the path, if the token is theirs."""
        conference = self._rooms.existing(_room_name(request))
        attendance = _attendance(conference, _token(request))
        if attendance.id != request.path_params["id"]:
            raise HTTPException(403, "this token is another participant's")
        return conference, attendance


def _room_name(connection: HTTPConnection) -> str:
    name = str(connection.path_params["room"])
    if not is_room_name(name):
        raise HTTPException(404, "a room's name is 1 to 100 of A-Z a-z 0-9 . _ -")
    return name


def _token(connection: HTTPConnection) -> str:
    """From `Authorization: Bearer …`, or `?token=…` where a browser cannot send headers."""
    kind, _, token = connection.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and token:
        return token.strip()
    return connection.query_params.get("token", "")


def _attendance(conference: LiveConference, token: str) -> Attendance:
    found = conference.attendances.get(participant_id(token, conference.name)) if token else None
    if found is None or not hmac.compare_digest(found.token.encode(), token.encode()):
        raise HTTPException(401, "no participant has this token: join first")
    return found


def _check_origin(connection: HTTPConnection, settings: RoomSettings) -> None:
    """Browsers say which page a WebSocket comes from: only ours may."""
    origin = connection.headers.get("origin")
    if origin is None:
        return
    allowed = {connection.headers.get("host", "").lower()}
    if settings.public_url:
        allowed.add(urlsplit(settings.public_url).netloc.lower())
    if urlsplit(origin).netloc.lower() not in allowed:
        raise HTTPException(403, "pages of other origins may not connect")


async def _deny(websocket: WebSocket, refused: Exception) -> None:
    status = refused.status_code if isinstance(refused, HTTPException) else 503
    reason = refused.detail if isinstance(refused, HTTPException) else str(refused)
    await websocket.send_denial_response(JSONResponse({"error": reason}, status))


async def _error_answer(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


async def _full_answer(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 429)


async def _stopping_answer(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 503, {"retry-after": "1"})


class SafeHeaders:
    """Headers on every answer that keep browsers from guessing and referring; bounded sending.

    A client that takes nothing for SEND_TIMEOUT_S loses its connection.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message.get("headers", []),
                    (b"x-content-type-options", b"nosniff"),
                    (b"referrer-policy", b"no-referrer"),
                    (b"cross-origin-resource-policy", b"same-origin"),
                ]
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)
