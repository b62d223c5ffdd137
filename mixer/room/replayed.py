"""What the robots of a replay present: pages and videos of the recording, as its journal has them.

A robot brings each file as it is, called by its SHA-256, then tells what is shown. Files are kept
until the conference ends. Turning pages, playing, pausing, seeking and stopping are requests as
everybody makes them (mixer/room/presentations/routes.py, docs/replay.md).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast
from weakref import WeakKeyDictionary

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from mixer.conference.presentation import is_object_name, is_video_name
from mixer.conference.state import FilePage, FilePresentation, Presentation, VideoPresentation
from mixer.journal.video_file import HEAD_BYTES, ending
from mixer.room import input as checked
from mixer.room.access import Host
from mixer.room.attendance import Attendance
from mixer.room.live import LiveConference
from mixer.room.presentations.played import video_to_present
from mixer.room.presentations.shelf import PREFIX  # what a killed server leaves, a shelf removes
from mixer.room.visit import attendance_of, room_name, token_of

MAX_KEPT_BYTES = 4 << 30  # of one conference
MAX_ALL_BYTES = 16 << 30  # of all conferences of this server
MIN_FREE_BYTES = 2 << 30  # that are left to others where the files are
MAX_BODY_BYTES = 64 << 10  # a presentation of 300 pages has 30 kB
MAX_PAGES = 300
MAX_SIDE = 8192  # pixels
MAX_NAME_CHARS = 200
HEADS = {".png": b"\x89PNG\r\n\x1a\n", ".jpg": b"\xff\xd8\xff"}


class Replayed:
    """`routes` stand behind /rooms/NAME; `file` answers for what they have brought."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._stores: WeakKeyDictionary[LiveConference, _Store] = WeakKeyDictionary()

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/replayed/{file}", self.bring, methods=["PUT"]),
            Route("/replayed", self.present, methods=["POST"]),
        ]

    def file(self, conference: LiveConference, id: str, name: str) -> Path | None:
        """The file of that name of a presentation; None if that is none of a robot's."""
        store = self._stores.get(conference)
        return store.path(name) if store is not None and id in store.shown else None

    async def bring(self, request: Request) -> Response:
        """A file, as the body. 200 if it is there already."""
        conference = await self._host.existing(room_name(request))
        _robot(request, conference)
        name = request.path_params["file"]
        if not (is_object_name(name) or is_video_name(name)):
            raise HTTPException(400, "a file is called by its SHA-256, .png, .jpg, .mp4 or .webm")
        store = self._store(conference)
        if store.path(name) is not None:
            return JSONResponse({})
        await store.keep(name, request)
        return JSONResponse({}, 201)

    async def present(self, request: Request) -> Response:
        """Shows what has been brought, in the place of what another robot presents."""
        conference = await self._host.existing(room_name(request))
        robot = _robot(request, conference)
        body = await checked.read_json(request, MAX_BODY_BYTES)
        shown = conference.presentation
        owner = conference.attendances.get(shown["ownerId"]) if shown is not None else None
        if owner is not None and owner.type != "robot":
            raise HTTPException(409, "somebody else presents: ask them to stop first")
        store, id = self._store(conference), secrets.token_hex(16)
        told: Presentation
        if "pages" in body:
            told = _file(body, id, robot.id, store)
        else:
            told = _video(body, id, robot.id, store, conference.now_ms)
        store.shown.add(id)
        conference.present(told)
        return JSONResponse(told, 201)

    def _store(self, conference: LiveConference) -> _Store:
        if conference not in self._stores:
            store = self._stores[conference] = _Store(self._kept_bytes)
            conference.on_close.append(store.close)
        return self._stores[conference]

    def _kept_bytes(self) -> int:
        return sum(store.bytes for store in self._stores.values() if not store.closed)


class _Store:
    """A folder with the files of one conference; `all_bytes`: of all conferences together."""

    def __init__(self, all_bytes: Callable[[], int]) -> None:
        self.shown: set[str] = set()  # ids of presentations
        self.bytes = 0
        self._all_bytes = all_bytes
        self._folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        self._lock = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # as long as this process lives
        self.closed = False

    def path(self, name: str) -> Path | None:
        path = self._folder / Path(name).name
        return path if path.is_file() else None

    async def keep(self, name: str, request: Request) -> None:
        """Raises HTTPException where it is not what it is called, or there is no place for it."""
        self._check_room()
        aside = self._folder / f"{secrets.token_hex(8)}.part"
        digest, size, head = hashlib.sha256(), 0, b""
        try:
            with aside.open("wb") as file:
                async for chunk in request.stream():
                    size += len(chunk)
                    self.bytes += len(chunk)
                    self._check_room()
                    head = (head + chunk)[:HEAD_BYTES] if len(head) < HEAD_BYTES else head
                    digest.update(chunk)
                    file.write(chunk)
            self._check_room()
            if digest.hexdigest() != Path(name).stem or not _is_kind(head, Path(name).suffix):
                raise HTTPException(400, "the file is not what it is called")
            aside.replace(self._folder / name)
        except BaseException:
            self.bytes -= size
            aside.unlink(missing_ok=True)
            raise

    def _check_room(self) -> None:
        """Raises HTTPException where the files would be too many for this server, or have gone."""
        if self.closed:
            raise HTTPException(410, "the conference has ended")
        if self.bytes > MAX_KEPT_BYTES:
            raise HTTPException(413, f"only {MAX_KEPT_BYTES >> 30} GB of files here")
        if self._all_bytes() > MAX_ALL_BYTES:
            raise HTTPException(413, "this server has no room for more files of replays just now")
        if shutil.disk_usage(self._folder).free < MIN_FREE_BYTES:
            raise HTTPException(413, "the server's disk is nearly full: make room there")

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            shutil.rmtree(self._folder, ignore_errors=True)
            os.close(self._lock)


def _is_kind(head: bytes, suffix: str) -> bool:
    return head.startswith(HEADS[suffix]) if suffix in HEADS else ending(head) == suffix


def _robot(request: Request, conference: LiveConference) -> Attendance:
    attendance = attendance_of(conference, token_of(request))
    if attendance.type != "robot":
        raise HTTPException(403, "only the robots of a replay present like this")
    return attendance


def _file(body: Mapping[str, Any], id: str, owner: str, store: _Store) -> FilePresentation:
    """{"name", "pages": [{"file", "width", "height"}], "page"}."""
    given, page = body["pages"], body.get("page", 0)
    if not isinstance(given, list) or not 0 < len(given) <= MAX_PAGES:
        raise HTTPException(400, f"pages are 1 to {MAX_PAGES}")
    pages = [_page(one, id) for one in given]
    if not isinstance(page, int) or isinstance(page, bool) or not 0 <= page < len(pages):
        raise HTTPException(400, f"page is 0 to {len(pages) - 1}")
    if store.path(given[page]["file"]) is None:
        raise HTTPException(409, "bring the page that is shown first")
    return FilePresentation(
        kind="file", id=id, ownerId=owner, name=_name(body), pages=pages, page=page
    )


def _page(given: Any, id: str) -> FilePage:
    sizes = [given.get(side) for side in ("width", "height")] if isinstance(given, dict) else []
    valid = all(type(side) is int and 0 < side <= MAX_SIDE for side in sizes)
    if not sizes or not valid or not is_object_name(str(given.get("file"))):
        raise HTTPException(400, "a page is {file, width, height}")
    width, height = cast(list[int], sizes)
    return {"url": f"presentations/{id}/{given['file']}", "width": width, "height": height}


def _video(
    body: Mapping[str, Any], id: str, owner: str, store: _Store, now_ms: int
) -> VideoPresentation:
    """{"file", "name", "playing", "positionMs"}."""
    file = str(body.get("file"))
    if not is_video_name(file) or store.path(file) is None:
        raise HTTPException(409, "bring the video first")
    stands_for = {**body, "url": f"http://replayed/{file}", "name": _name(body)}
    told = video_to_present(stands_for, owner, now_ms)
    return {**told, "id": id, "url": f"presentations/{id}/{file}"}


def _name(body: Mapping[str, Any]) -> str:
    name = body.get("name", "")
    if not isinstance(name, str):
        raise HTTPException(400, "name is not a text")
    return "".join(c for c in name if c.isprintable()).strip()[:MAX_NAME_CHARS]
