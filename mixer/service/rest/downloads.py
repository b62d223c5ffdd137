"""Downloads from our own addresses: files of a folder, ZIPs, lasting addresses of a bucket's files.

Who has the address may download until it ends; without a signature an API token is needed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials
from sqlalchemy import Row, Select, select

from ...records.models import Conference, Recording
from ...room.ranges import RangedFile
from ...storage.media import attachment, media_type_of
from ...storage.signed import UNTIL_DELETED
from .. import listing
from ..auth import GivenService, caller
from ..context import Service, now_ms
from ..errors import ApiError, answers
from ..files.addresses import ARCHIVES, stored_urls
from ..files.archive import zipped

router = APIRouter(tags=["Downloads"])

Expires = Annotated[int | None, Query(ge=0, le=10**11, description="Epoch seconds; 0: never.")]
Signature = Annotated[str | None, Query(max_length=100)]
FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": {"application/octet-stream": {}}},
    206: {"description": "A part of it.", "content": {"application/octet-stream": {}}},
    307: {"description": "It is in the bucket."},
}
HEADERS = {
    "x-content-type-options": "nosniff",
    "cache-control": "private, no-store",
    "content-security-policy": "sandbox",
}


@router.head("/v1/downloads/archives/{conferenceId}", include_in_schema=False)
@router.get(
    "/v1/downloads/archives/{conferenceId}",
    responses={200: FILE[200], **answers(400, 401, 403, 404, 410)},
    response_class=Response,
    operation_id="download_archive",
)
async def archive(
    request: Request,
    service: GivenService,
    conference_id: Annotated[str, Path(alias="conferenceId", max_length=100)],
    expires: Expires = None,
    signature: Signature = None,
) -> Response:
    """Everything of a conference that can be downloaded, as one ZIP."""
    key = f"{ARCHIVES}{conference_id}"
    app_key = await _allowed(request, service, key, expires, signature)
    async with service.database.reading() as db:
        conference = (
            await db.get(Conference, conference_id) if conference_id.isprintable() else None
        )
        if conference is None or app_key not in (None, conference.app_key):
            raise _missing()
    found = await listing.all_of(service.database, conference.id)
    if not found:
        raise _missing()
    headers = {
        **HEADERS,
        "content-disposition": attachment(f"conference_{conference.id}.zip"),
    }
    # how long it becomes nobody knows before: a HEAD has no length either
    blocks = _nothing() if request.method == "HEAD" else zipped(service.storage, found)
    return StreamingResponse(blocks, headers=headers, media_type="application/zip")


@router.head("/v1/downloads/{key:path}", include_in_schema=False)
@router.get(
    "/v1/downloads/{key:path}",
    responses={**FILE, **answers(400, 401, 403, 404, 410, 416, 503)},
    response_class=Response,
    operation_id="download_file",
)
async def download(
    request: Request,
    service: GivenService,
    key: Annotated[str, Path(max_length=600)],
    expires: Expires = None,
    signature: Signature = None,
) -> Response:
    """A file, or a part of it (Range)."""
    app_key = await _allowed(request, service, key, expires, signature)
    async with service.database.reading() as db:
        found = await db.scalar(_recording(key)) if key.isprintable() else None
    if found is None or app_key not in (None, found.app_key):
        raise _missing()
    return await file_answer(service, found)


async def file_answer(service: Service, recording: Recording | Row[Any]) -> Response:
    """A recording's file, from here or from its bucket. Raises ApiError 404 and 503."""
    key = recording.object_key
    if service.storage.location.folder is None:
        return RedirectResponse((await stored_urls(service, [key]))[0], 307, headers=HEADERS)
    path = service.storage.local_file(key)
    if path is None:
        raise _missing()
    headers = {**HEADERS, "content-disposition": attachment(recording.filename)}
    return RangedFile(path, media_type=media_type_of(recording.filename), headers=headers)


async def _allowed(
    request: Request, service: Service, key: str, expires: int | None, signature: str | None
) -> str | None:
    """None: whoever has the address may. Otherwise the application whose token it was.

    Raises ApiError 401, 403, 410.
    """
    if signature is None and expires is None:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        given = HTTPAuthorizationCredentials(scheme=kind, credentials=token) if token else None
        reader = await caller("comms:monitor:download", "comms:monitor:read")(request, given)
        return reader.app_key
    genuine = expires is not None and signature is not None
    if not genuine or not service.storage.signed.is_genuine(key, expires or 0, signature or ""):
        sentence = "The address has been changed: ask the Monitor API for a new one."
        raise ApiError(403, 4001, "URL_INVALID", sentence)
    if expires != UNTIL_DELETED and (expires or 0) * 1000 < now_ms():
        sentence = "The address has ended: ask the Monitor API for a new one."
        raise ApiError(410, 4002, "URL_EXPIRED", sentence)
    return None


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield


def _recording(key: str) -> Select[Recording]:
    """Keys begin with the conference, by which there is an index."""
    of_it = Recording.conference_id == key.partition("/")[0]
    return select(Recording).where(of_it, Recording.object_key == key, listing.downloadable())


def _missing() -> ApiError:
    sentence = "There is no such file (any more): the Monitor API lists those that there are."
    return ApiError(404, 4003, "FILE_NOT_FOUND", sentence)
