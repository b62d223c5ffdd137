"""Recordings: listed, played, their posters."""

from __future__ import annotations

import asyncio

from sqlalchemy import select, tuple_
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from ..errors import MixerError
from ..records.models import Conference, Recording
from ..service import listing
from ..service.context import Service
from ..service.errors import ApiError
from ..service.pages import Position, position
from ..service.rest.downloads import file_answer
from . import pages, pictures
from .visits import private

A_PAGE = 25
KINDS = {
    "": "all",
    "merged": "whole mixes",
    "parts": "parts",
    "participant": "participants’ audio",
    "remix": "remixes",
}


async def listed(request: Request, service: Service) -> Response:
    """Newest first, of all applications."""
    asked = request.query_params
    query = select(Recording, Conference.alias).join(
        Conference, Conference.id == Recording.conference_id
    )
    query = query.where(listing.downloadable())
    match asked.get("kind", ""):
        case "merged":
            query = query.where(Recording.kind == "mix", Recording.merged.is_(True))
        case "parts":
            query = query.where(Recording.kind == "mix", Recording.merged.is_(False))
        case "participant":
            query = query.where(Recording.kind == "participant")
        case "remix":
            query = query.where(Recording.remix.is_(True))
    if start := asked.get("start", ""):
        at = position(start)
        query = query.where(tuple_(Recording.end_time, Recording.id) <= tuple_(at.at, at.id))
    query = query.order_by(Recording.end_time.desc(), Recording.id.desc()).limit(A_PAGE + 1)
    async with service.database.reading() as db:
        found = (await db.execute(query)).all()
    more = None
    if len(found) > A_PAGE:
        more = Position(found[A_PAGE][0].end_time, found[A_PAGE][0].id).token()
    return pages.page(
        request,
        "recordings.html.j2",
        rows=found[:A_PAGE],
        more=more,
        kinds=KINDS,
        kind=asked.get("kind", ""),
    )


async def _recording(request: Request, service: Service) -> Recording:
    async with service.database.reading() as db:
        chosen = Recording.id == request.path_params["id"], listing.downloadable()
        found = await db.scalar(select(Recording).where(*chosen))
    if found is None:
        raise HTTPException(404, "There is no such recording (any more).")
    return found


async def played(request: Request, service: Service) -> Response:
    """The file for the page's own player, with ranges: no address that ends while it plays."""
    return await file_answer(service, await _recording(request, service))


async def download(request: Request, service: Service) -> Response:
    """Leads to a fresh signed address."""
    recording = await _recording(request, service)
    try:
        url = await service.storage.url(recording.object_key)
    except MixerError as error:
        raise ApiError(503, 4006, "STORAGE_UNAVAILABLE", str(error)) from error
    return RedirectResponse(url, 303, headers={"cache-control": "no-store"})


async def poster(request: Request, service: Service) -> Response:
    """One picture of a video. 404 for files that lie in a bucket: they are not fetched for it."""
    recording = await _recording(request, service)
    path = service.storage.local_file(recording.object_key)
    jpeg = None
    if path is not None and recording.media_type == "video/mp4":
        jpeg = await asyncio.to_thread(pictures.poster, path)
    if jpeg is None:
        return Response(status_code=404)
    lasting = {"cache-control": "private, max-age=86400"}
    return Response(jpeg, media_type="image/jpeg", headers=lasting)


ROUTES: list[BaseRoute] = [
    Route("/recordings", private(listed), methods=["GET"]),
    Route("/recordings/{id}/file", private(played), methods=["GET"]),
    Route("/recordings/{id}/download", private(download), methods=["GET"]),
    Route("/recordings/{id}/poster.jpg", private(poster), methods=["GET"]),
]
