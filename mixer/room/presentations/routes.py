"""The interface of presentations, behind /rooms/NAME (docs/presentations.md).

A page's address has 128 random bits: who knows it is in the conference, or was told by somebody
who is. Everything else is asked with the participant's token.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from mixer.conference.state import FilePresentation, Presentation
from mixer.room import input as checked
from mixer.room.access import Ended, Host
from mixer.room.attendance import Attendance
from mixer.room.live import SHARING, LiveConference
from mixer.room.presentations.played import changed_playing, video_to_present
from mixer.room.presentations.shelf import MAX_FILE_BYTES, TOO_LARGE, Shelf
from mixer.room.ranges import RangedFile
from mixer.room.visit import attendance_of, room_name, token_of

CONVERTING = 1  # at a time, of all conferences: each takes a core
MAX_UPLOADS = 4  # that are under way, of all conferences; one of each participant
MAX_NAME_CHARS = 200
KINDS = ("application/pdf", "image/png", "image/jpeg", "image/webp", "image/gif")
# The file of a presentation that a robot of a replay shows; None if that is not one of theirs.
OfRobots = Callable[[LiveConference, str, str], Path | None]
FOR_GOOD = {"cache-control": "private, max-age=31536000, immutable"}


def presentation_routes(host: Host, of_robots: OfRobots) -> list[BaseRoute]:
    """The routes, to stand behind /rooms/NAME."""
    presentations = _Presentations(host, of_robots)
    return [
        Route("/presentations", presentations.start, methods=["POST"]),
        Route("/presentations/{id}", presentations.change, methods=["PATCH"]),
        Route("/presentations/{id}", presentations.stop, methods=["DELETE"]),
        Route("/presentations/{id}/{file}", presentations.page, methods=["GET"]),
    ]


class _Presentations:
    def __init__(self, host: Host, of_robots: OfRobots) -> None:
        self._host = host
        self._of_robots = of_robots
        self._shelves: WeakKeyDictionary[LiveConference, Shelf] = WeakKeyDictionary()
        self._converting = asyncio.Semaphore(CONVERTING)
        self._uploading: set[str] = set()  # participants

    async def start(self, request: Request) -> Response:
        if _content_type(request) == "application/json":
            return await self._start_video(request)
        conference = await self._host.existing(room_name(request))
        attendance = _presenter(request, conference, "file")
        name = _file_name(request)
        if int(request.headers.get("content-length") or 0) > MAX_FILE_BYTES:
            raise HTTPException(413, TOO_LARGE)
        if attendance.id in self._uploading:
            raise HTTPException(429, "your last file is still being read: wait for it")
        if len(self._uploading) >= MAX_UPLOADS:
            raise HTTPException(429, "other files are being read: try again in a moment")
        self._uploading.add(attendance.id)
        try:
            shelf = self._shelf(conference)
            id, pages = await shelf.add(request.stream(), self._converting)
        finally:
            self._uploading.discard(attendance.id)
        if conference.ended:
            raise Ended("the conference has ended", "ended")
        attendance = _presenter(request, conference, "file")  # who may have gone meanwhile
        conference.present(
            FilePresentation(
                kind="file", id=id, ownerId=attendance.id, name=name, pages=pages, page=0
            )
        )
        return JSONResponse(conference.presentation, 201)

    async def _start_video(self, request: Request) -> Response:
        body = await checked.read_json(request)
        conference = await self._host.existing(room_name(request))
        attendance = _presenter(request, conference, "video")
        conference.present(video_to_present(body, attendance.id, conference.now_ms))
        return JSONResponse(conference.presentation, 201)

    async def change(self, request: Request) -> Response:
        """Another page of a file; a video is played, paused, sought."""
        conference, shown = await self._shown(request)
        body = await checked.read_json(request)
        now = conference.presentation
        if now is None or now["id"] != shown["id"]:
            return JSONResponse({})  # it has ended while the body came
        if now["kind"] == "video":
            conference.change_presentation(changed_playing(body, now, conference.now_ms))
        else:
            conference.change_presentation({"page": _page(body, now)})
        return JSONResponse({})

    async def stop(self, request: Request) -> Response:
        conference, _ = await self._shown(request)
        conference.stop_presenting()
        return JSONResponse({})

    async def page(self, request: Request) -> Response:
        conference = await self._host.existing(room_name(request))
        folder, shelf = conference.presented_in, self._shelves.get(conference)
        if shelf is None and folder is not None and folder.is_dir():
            shelf = self._shelf(conference)  # of before a restart
        id, name = request.path_params["id"], request.path_params["file"]
        path = self._of_robots(conference, id, name)
        if path is None and shelf is not None:
            path = shelf.page(id, name)
        if path is None:
            raise HTTPException(404, "there is no such page")
        return RangedFile(path, headers=FOR_GOOD)

    def _shelf(self, conference: LiveConference) -> Shelf:
        if conference not in self._shelves:
            kept = conference.presented_in
            shelf = self._shelves[conference] = Shelf(kept)

            def close() -> None:
                shelf.close(keeping=kept is not None and not conference.ended)

            conference.on_close.append(close)
        return self._shelves[conference]

    async def _shown(self, request: Request) -> tuple[LiveConference, Presentation]:
        """What the participant who asks presents."""
        conference = await self._host.existing(room_name(request))
        attendance = attendance_of(conference, token_of(request))
        shown = conference.presentation
        if shown is None or shown["id"] != request.path_params["id"]:
            raise HTTPException(404, "this is not presented any more")
        if shown["ownerId"] != attendance.id:
            raise HTTPException(403, "only who presents changes what is seen, and stops")
        return conference, shown


def _presenter(request: Request, conference: LiveConference, kind: str) -> Attendance:
    """Who asks, if they may present a file or a video now."""
    attendance = attendance_of(conference, token_of(request))
    if attendance.type != "user" or SHARING[kind] not in attendance.permissions:
        raise HTTPException(403, f"you may not share {kind}s here")
    shown = conference.presentation
    if shown is not None and shown["ownerId"] != attendance.id:
        raise HTTPException(
            409, f"somebody else presents a {shown['kind']}: ask them to stop first"
        )
    return attendance


def _page(body: Mapping[str, Any], shown: FilePresentation) -> int:
    page = body.get("page")
    if not isinstance(page, int) or isinstance(page, bool) or not 0 <= page < len(shown["pages"]):
        raise HTTPException(400, f"page is 0 to {len(shown['pages']) - 1}")
    return page


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "").split(";")[0].strip()


def _file_name(request: Request) -> str:
    """`name`, as people call the file; the content type says that it is one of ours."""
    if _content_type(request) not in KINDS:
        raise HTTPException(
            415, "only PDF, PNG, JPEG, WebP and GIF can be presented, and videos by their address"
        )
    name = request.query_params.get("name", "")
    return "".join(c for c in name if c.isprintable()).strip()[:MAX_NAME_CHARS]
