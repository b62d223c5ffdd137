"""What a service offers in its conferences beyond `mixer room`: recording, replay, and conduct.

Every request is a participant's (their token in Authorization) and takes one of their permissions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from mixer.conference.state import find
from mixer.room import input as checked
from mixer.room.access import PERMISSIONS, Host, Moderated
from mixer.room.attendance import Attendance
from mixer.room.live import LiveConference
from mixer.room.visit import attendance_of, room_name, token_of

MAX_MESSAGE_CHARS = 8000
MAX_OFFSET_MS = 366 * 24 * 3600 * 1000
MAX_INVITED = 100


def conduct_routes(host: Host, moderated: Moderated) -> list[BaseRoute]:
    """The routes, to stand behind /rooms/NAME."""
    conduct = _Conduct(host, moderated)
    return [
        Route("/recording", conduct.recording, methods=["GET"]),
        Route("/recording", conduct.start_recording, methods=["POST"]),
        Route("/recording", conduct.stop_recording, methods=["DELETE"]),
        Route("/replay", conduct.replay, methods=["POST"]),
        Route("/messages", conduct.send_message, methods=["POST"]),
        Route("/invitations", conduct.invite, methods=["POST"]),
        Route("/permissions", conduct.change_permissions, methods=["POST"]),
    ]


class _Conduct:
    def __init__(self, host: Host, moderated: Moderated) -> None:
        self._host = host
        self._moderated = moderated

    async def recording(self, request: Request) -> Response:
        conference, _ = await self._participant(request)
        return JSONResponse(await self._moderated.recording(conference))

    async def start_recording(self, request: Request) -> Response:
        conference, attendance = await self._participant(request, "RECORD")
        await self._moderated.start_recording(conference, attendance)
        return JSONResponse(await self._moderated.recording(conference), 202)

    async def stop_recording(self, request: Request) -> Response:
        conference, attendance = await self._participant(request, "RECORD")
        await self._moderated.stop_recording(conference, attendance)
        return JSONResponse(await self._moderated.recording(conference), 202)

    async def replay(self, request: Request) -> Response:
        body = await checked.read_json(request)
        shown = checked.shown_token(
            body, "conferenceAccessToken", request.headers.get("x-conf-access-token", "")
        )
        offset_ms = body.get("offset", 0)
        if isinstance(offset_ms, bool) or not isinstance(offset_ms, int | float):
            raise HTTPException(400, "offset is a number of milliseconds")
        if not 0 <= offset_ms <= MAX_OFFSET_MS:
            raise HTTPException(400, "offset is a number of milliseconds from the start, 0 or more")
        begun = await self._moderated.replay(
            room_name(request), round(offset_ms), token_of(request), shown
        )
        return JSONResponse(begun, 201, {"cache-control": "no-store"})

    async def send_message(self, request: Request) -> Response:
        conference, attendance = await self._participant(request, "SEND_MESSAGE")
        body = await checked.read_json(request)
        message = body.get("message")
        if not isinstance(message, str) or not 0 < len(message) <= MAX_MESSAGE_CHARS:
            raise HTTPException(400, f"message is a text of 1 to {MAX_MESSAGE_CHARS} characters")
        someone = find(conference.state, attendance.id)
        name = (someone["externalId"] or someone["name"]) if someone else ""
        told = {"from": name, "participantId": attendance.id, "message": message}
        conference.tell("message", told, _texts(body, "to"))
        return JSONResponse({})

    async def invite(self, request: Request) -> Response:
        conference, attendance = await self._participant(request, "INVITE")
        invited = await _participants(request, attendance)
        return JSONResponse(
            await self._moderated.invite(conference, invited), 201, {"cache-control": "no-store"}
        )

    async def change_permissions(self, request: Request) -> Response:
        conference, attendance = await self._participant(request, "UPDATE_PERMISSIONS")
        for external_id, permissions in (await _participants(request, attendance)).items():
            await self._moderated.change_permissions(conference, external_id, permissions)
        return JSONResponse({})

    async def _participant(
        self, request: Request, permission: str = "JOIN"
    ) -> tuple[LiveConference, Attendance]:
        """The participant who asks, if they have that permission. Raises HTTPException."""
        conference = await self._host.existing(room_name(request))
        attendance = attendance_of(conference, token_of(request))
        if permission not in attendance.permissions:
            raise HTTPException(403, f"this takes the permission {permission}")
        return conference, attendance


def _texts(body: Mapping[str, Any], field: str) -> list[str] | None:
    value = body.get(field)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise HTTPException(400, f"{field} is a list of participants' ids")
    return value


async def _participants(request: Request, by: Attendance) -> dict[str, frozenset[str]]:
    """`participants` of the body: {external id: {"permissions": […]}}. Nobody gives others more
    than they have themselves."""
    given = (await checked.read_json(request)).get("participants")
    if not isinstance(given, Mapping) or not 0 < len(given) <= MAX_INVITED:
        raise HTTPException(400, 'participants is {externalId: {"permissions": […]}}')
    found: dict[str, frozenset[str]] = {}
    for external_id, about in given.items():
        names = _texts(about, "permissions") if isinstance(about, Mapping) else None
        if names is None or not set(names) <= PERMISSIONS:
            raise HTTPException(400, f"permissions are of {', '.join(sorted(PERMISSIONS))}")
        if not set(names) <= by.permissions:
            raise HTTPException(403, "you cannot give permissions that you do not have")
        if not checked.external_id(external_id):
            raise HTTPException(400, "an external id has 1 to 250 characters")
        found[external_id] = frozenset(names)
    return found
