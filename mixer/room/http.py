"""The conference server's HTTP and WebSocket interface (docs/conference-state.md, "Interface").

Thin: checks a request, asks the host (mixer/room/access.py), calls mixer/room/live.py, answers. No
access log, because addresses carry tokens. No CORS headers: pages of other origins may not use
this interface. What only a service offers is in mixer/room/conduct.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import html
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from mixer.conference.state import find
from mixer.room import input as checked
from mixer.room.access import Ended, Host, Moderated, Visitor
from mixer.room.attendance import Attendance, Origin
from mixer.room.conduct import conduct_routes
from mixer.room.events import SEND_TIMEOUT_S, by_websocket, server_sent
from mixer.room.identity import new_token, participant_id
from mixer.room.janus_process import Janus
from mixer.room.live import LiveConference, RoomFull
from mixer.room.presentations.routes import presentation_routes
from mixer.room.proxy import serve_proxy
from mixer.room.refusals import HANDLERS, refusal
from mixer.room.replayed import Replayed
from mixer.room.rooms import Stopping
from mixer.room.settings import RoomSettings
from mixer.room.visit import RoomNames, attendance_of, authorized, room_name, token_of

STATIC = Path(__file__).parent / "static"
MAX_AGENT_CHARS = 500
PAGE_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' http: https: data:; "
        "media-src 'self' blob: http: https:; "
        "connect-src 'self' ws: wss:; object-src 'none'; base-uri 'none'; frame-ancestors 'self'"
    ),
    "permissions-policy": "camera=(self), microphone=(self), display-capture=(self)",
    "cache-control": "no-cache",
}


class RoomInterface:
    """The routes. Owns nothing: conferences and Janus belong to the host's side."""

    def __init__(self, settings: RoomSettings, host: Host, janus: Janus) -> None:
        self._settings = settings
        self._host = host
        self._janus = janus

    def app(self) -> ASGIApp:
        """The ASGI application of a server that has nothing but rooms."""
        routes = [Route("/", self.front_page), Route("/health", self.health), *self.mounts()]
        return SafeHeaders(Starlette(routes=routes, exception_handlers=HANDLERS))

    def mounts(self) -> list[BaseRoute]:
        """/rooms and /static, for any application."""
        rooms = Starlette(routes=self._room_routes(), exception_handlers=HANDLERS)
        rooms.router.redirect_slashes = False
        return [
            Mount("/rooms", SafeHeaders(RoomNames(rooms))),
            Mount("/static", SafeHeaders(StaticFiles(directory=STATIC)), name="static"),
        ]

    def _room_routes(self) -> list[BaseRoute]:
        routes: list[BaseRoute] = [
            Route("/", self.join_page, methods=["GET"]),
            Route("/", self.end, methods=["DELETE"]),
            Route("/state", self.state),
            Route("/events", self.events),
            Route("/participants", self.join, methods=["POST"]),
            Route("/participants/{id}", self.update, methods=["PATCH"]),
            Route("/participants/{id}", self.leave, methods=["DELETE"]),
            WebSocketRoute("/events", self.events_by_websocket),
            WebSocketRoute("/janus", self.janus),
        ]
        replayed = Replayed(self._host)
        routes += [*presentation_routes(self._host, replayed.file), *replayed.routes()]
        if isinstance(self._host, Moderated):
            routes += conduct_routes(self._host, self._host)
        return routes

    async def front_page(self, request: Request) -> Response:
        return FileResponse(STATIC / "front.html", headers=PAGE_HEADERS)

    async def join_page(self, request: Request) -> Response:
        try:
            await self._host.existing(room_name(request))
        except (HTTPException, Ended) as refused:
            if "text/html" not in request.headers.get("accept", ""):
                raise
            return _missing_page(refused)
        return FileResponse(STATIC / "room.html", headers=PAGE_HEADERS)

    async def health(self, request: Request) -> Response:
        ready = self._janus.is_ready
        body = {"status": "ok" if ready else "starting", "janusRestarts": self._janus.restarts}
        return JSONResponse(body, 200 if ready else 503)

    async def state(self, request: Request) -> Response:
        name, token = room_name(request), token_of(request)
        if token:  # somebody who is in it sees it whatever they showed to get in
            with contextlib.suppress(HTTPException):
                conference = await self._host.existing(name)
                attendance_of(conference, token)
                return JSONResponse(conference.told)
        shown = request.headers.get("x-conf-access-token", "")
        return JSONResponse(await self._host.state(name, shown))

    async def events(self, request: Request) -> Response:
        conference = await self._host.enter(room_name(request))
        id = self._watcher(request, conference)
        follower = conference.follow(id)
        return StreamingResponse(
            server_sent(conference, follower, id),
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )

    async def events_by_websocket(self, websocket: WebSocket) -> None:
        try:
            _check_origin(websocket, self._settings)
            conference = await self._host.enter(room_name(websocket))
            id = self._watcher(websocket, conference)
        except (HTTPException, RoomFull, Stopping, Ended) as refused:
            await _deny(websocket, refused)
            return
        await by_websocket(websocket, conference, conference.follow(id), id)

    def _watcher(self, connection: HTTPConnection, conference: LiveConference) -> str | None:
        """The participant who follows; None for somebody who is not in the conference."""
        token = token_of(connection)
        if token:
            return attendance_of(conference, token).id
        self._host.check_watching(conference, connection.headers.get("x-conf-access-token", ""))
        return None

    async def join(self, request: Request) -> Response:
        body = await checked.read_json(request)
        profile = checked.profile_to_join(body)
        type = checked.participant_type(body)
        muted = checked.changed_mutes(body)
        records = checked.records(body, type)
        known = checked.known_token(body)
        reason = await self._host.how_ended(checked.known_conference(body))
        if reason is not None:
            raise Ended("the conference has ended", reason)
        conference = await self._host.enter(room_name(request))
        token = known or new_token()
        id = participant_id(token, conference.name)
        if conference.was_kicked(id):
            raise Ended("you were removed from the conference", "kicked")
        visitor = _visitor(request, body, id, type)
        admission = await self._host.admit(conference, visitor)
        if conference.ended:
            raise Ended("the conference has ended", "ended")
        if admission.external_id is not None:
            profile["externalId"] = admission.external_id
        conference.join(
            id,
            token,
            type,
            profile,
            records=records is not False,
            permissions=admission.permissions,
            origin=_origin(request),
        )
        conference.update(id, {}, muted)
        return self._joined(conference, conference.attendances[id])

    def _joined(self, conference: LiveConference, attendance: Attendance) -> Response:
        answer = {
            "participantId": attendance.id,
            "token": attendance.token,
            "janus": {"room": conference.name, "feedPrefix": attendance.id},
            "iceServers": [server.as_json() for server in self._settings.ice_servers],
            "permissions": sorted(attendance.permissions),
            "capabilities": self._host.capabilities(conference),
            "state": conference.told,
        }
        return JSONResponse(answer, 201, {"cache-control": "no-store"})

    async def update(self, request: Request) -> Response:
        conference = await self._host.existing(room_name(request))
        attendance = authorized(request, conference)
        body = await checked.read_json(request)
        profile, muted = checked.changed_profile(body), checked.changed_mutes(body)
        records = checked.records(body, attendance.type)
        if attendance.id not in conference.attendances:  # left while the body came
            raise HTTPException(401, "no participant has this token: join first")
        _check_who(conference, attendance, profile)
        conference.update(attendance.id, profile, muted)
        if records is not None:
            conference.record(attendance.id, records)
        return JSONResponse({})

    async def leave(self, request: Request) -> Response:
        conference = await self._host.existing(room_name(request))
        attendance = attendance_of(conference, token_of(request))
        id = request.path_params["id"]
        if id == attendance.id:
            conference.leave(attendance.id, "left")
            return JSONResponse({})
        if not isinstance(self._host, Moderated) or "KICK" not in attendance.permissions:
            raise HTTPException(403, "this token is another participant's")
        if id not in conference.attendances:
            raise HTTPException(404, "there is no such participant")
        if conference.attendances[id].type == "mixer":
            raise HTTPException(403, "this is a recorder: stop the recording instead")
        conference.kick(id)
        return JSONResponse({})

    async def end(self, request: Request) -> Response:
        conference = await self._host.existing(room_name(request))
        attendance = attendance_of(conference, token_of(request))
        self._host.check_ending(attendance, conference)
        await self._host.end(conference, "ended")
        return JSONResponse({})

    async def janus(self, websocket: WebSocket) -> None:
        try:
            _check_origin(websocket, self._settings)
            conference = await self._host.existing(room_name(websocket))
            attendance = attendance_of(conference, token_of(websocket))
        except (HTTPException, Ended) as refused:
            await _deny(websocket, refused)
            return
        await serve_proxy(
            websocket, conference, attendance, self._janus, self._settings.bitrate_bps
        )


def _check_who(conference: LiveConference, attendance: Attendance, profile: dict[str, Any]) -> None:
    """Nobody takes another's external id while being there, and the permissions that go with it.
    Raises HTTPException."""
    someone = find(conference.state, attendance.id)
    known = someone["externalId"] if someone else ""
    if profile.get("externalId", known) != known:
        raise HTTPException(403, "externalId stays as it is: join anew to be somebody else")


def _visitor(request: Request, body: dict[str, Any], id: str, type: Any) -> Visitor:
    """What somebody shows to be let in. An Authorization that is a participant's own token is no
    mixer's: the host will not take it for one."""
    conference_token = checked.shown_token(
        body, "conferenceAccessToken", request.headers.get("x-conf-access-token", "")
    )
    bearer = token_of(request) if type in ("mixer", "robot") else ""
    return Visitor(id, type, conference_token, checked.shown_token(body, "mixerToken", bearer))


def _origin(request: Request) -> Origin:
    client = request.client
    agent = request.headers.get("user-agent", "")[:MAX_AGENT_CHARS]
    return Origin(client.host if client else "", agent)


def _check_origin(connection: HTTPConnection, settings: RoomSettings) -> None:
    """Browsers say which page a WebSocket comes from: only ours may."""
    origin = connection.headers.get("origin")
    if origin is None:
        return
    allowed = {connection.headers.get("host", "").lower()}
    if settings.public_url:
        allowed.add(urlsplit(settings.public_url).netloc.lower())
    if origin.partition("://")[2].lower() not in allowed:
        raise HTTPException(403, "pages of other origins may not connect")


async def _deny(websocket: WebSocket, refused: Exception) -> None:
    await websocket.send_denial_response(refusal(refused))


def _missing_page(refused: HTTPException | Ended) -> Response:
    """For people: why there is no conference at this address, and what to do."""
    gone = isinstance(refused, Ended)
    status = 410 if isinstance(refused, Ended) else refused.status_code
    if isinstance(refused, HTTPException) and (refused.headers or {}).get("location"):
        return RedirectResponse((refused.headers or {})["location"], 307)
    title = "The conference has ended" if gone else "No conference here"
    if status == 409:
        title = "Which conference?"
    text = str(refused) if isinstance(refused, Ended) else refused.detail
    page = (STATIC / "missing.html").read_text(encoding="utf-8")
    page = page.replace("{{title}}", html.escape(title))
    page = page.replace("{{text}}", html.escape(text[:1].upper() + text[1:]))
    return HTMLResponse(page, status, PAGE_HEADERS)


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
