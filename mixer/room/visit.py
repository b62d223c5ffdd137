"""Whose request it is, and to which room: from address and headers, checked against the conference.

Names of rooms are taken from the address before it is decoded, because a name may contain what
separates the parts of an address ("%2F").
"""

from __future__ import annotations

import hmac
from urllib.parse import quote, unquote, unquote_to_bytes

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from mixer.room.attendance import Attendance
from mixer.room.identity import participant_id
from mixer.room.live import LiveConference

PREFIX = b"/rooms/"


class RoomNames:
    """Takes /rooms/NAME off the path; `room_name` gives it. The application sees what follows."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw = scope.get("raw_path") or quote(scope["path"]).encode()
        name, _, rest = raw.partition(b"?")[0].partition(PREFIX)[2].partition(b"/")
        inner = dict(scope)
        inner["mixer.room"] = unquote_to_bytes(name).decode("utf-8", "replace")
        inner["path"] = "/" + unquote(rest.decode("ascii", "replace"))
        inner["raw_path"] = b"/" + rest
        inner["root_path"] = ""
        inner["path_params"] = {}
        await self._app(inner, receive, send)


def room_name(connection: HTTPConnection) -> str:
    return str(connection.scope["mixer.room"])


def token_of(connection: HTTPConnection) -> str:
    """From `Authorization: Bearer …`, or `?token=…` where a browser cannot send headers."""
    kind, _, token = connection.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and token:
        return token.strip()
    return connection.query_params.get("token", "")


def attendance_of(conference: LiveConference, token: str) -> Attendance:
    """The participant with that token. Raises HTTPException 401."""
    found = conference.attendances.get(participant_id(token, conference.name)) if token else None
    if found is None or not hmac.compare_digest(found.token.encode(), token.encode()):
        raise HTTPException(401, "no participant has this token: join first")
    return found


def authorized(request: Request, conference: LiveConference) -> Attendance:
    """The participant of the path, if the token is theirs. Raises HTTPException."""
    attendance = attendance_of(conference, token_of(request))
    if attendance.id != request.path_params["id"]:
        raise HTTPException(403, "this token is another participant's")
    return attendance
