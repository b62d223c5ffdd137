"""Monitor API, version 2: recordings that can be downloaded (contract 4.1 to 4.3)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from ...records.models import Conference
from ...webhooks.bodies import iso, recording_item
from .. import conferences, files, listing
from ..auth import Caller, GivenService, caller
from ..context import Service, now_ms
from ..errors import answers
from ..pages import tokens
from .bodies import Done
from .conferences import ConferenceId
from .monitor_answers import Archive, ConferenceRecordings, Recordings
from .paging import GivenRange, json_answer

router = APIRouter(tags=["Monitor"])


Reader = Annotated[Caller, Depends(caller("comms:monitor:read", "comms:monitor:download"))]
Deleter = Annotated[Caller, Depends(caller("comms:monitor:delete"))]
MEDIA_TYPES = ("audio/mpeg", "video/mp4")


async def filters(
    media_type: Annotated[
        list[Literal["audio/mpeg", "video/mp4", ""]] | None,
        Query(alias="mediaType", description="Only files of this media type."),
    ] = None,
    kind: Annotated[
        Literal["mix", "participant", ""] | None,
        Query(alias="type", description="Only mixes, or only participants' files."),
    ] = None,
) -> listing.Filters:
    return listing.Filters(tuple(one for one in media_type or () if one), kind or None)


GivenFilters = Annotated[listing.Filters, Depends(filters)]


@router.get(
    "/v2/monitor/recordings",
    responses={200: {"model": Recordings}, **answers(400, 401, 403, 503)},
    response_class=Response,
)
async def recordings(
    service: GivenService,
    reader: Reader,
    chosen: GivenFilters,
    given: GivenRange,
    region: Annotated[str | None, Query(description="Only of this region.")] = None,
) -> Response:
    """All that an application can download, newest first, by the time of the recordings' ends.

    Addresses are made for each answer and last ten minutes.
    """
    if region and region != service.settings.region:
        return json_answer({"first": "", "next": "", "recordings": []})
    found = await listing.recordings(service.database, reader.app_key, given, chosen)
    items = await _items(service, reader, found, with_conference=True)
    return json_answer({**tokens(found.places, given), "recordings": items})


@router.get(
    "/v2/monitor/conferences/{conferenceId}/recordings",
    responses={200: {"model": ConferenceRecordings}, **answers(400, 401, 403, 404, 503)},
    response_class=Response,
)
async def conference_recordings(
    conference_id: ConferenceId,
    service: GivenService,
    reader: Reader,
    chosen: GivenFilters,
    given: GivenRange,
) -> Response:
    """What of one conference can be downloaded. `liveConference`: more may follow."""
    found = None
    if conferences.is_conference_id(conference_id):
        found = await listing.recordings_of(
            service.database, reader.app_key, conference_id, given, chosen
        )
    if found is None:
        raise conferences.not_found()
    conference = found.conference
    more = conference.ended_at is None or found.at_work
    items = await _items(service, reader, found.listed)
    return json_answer(
        {
            "conference": {"confId": conference.id, "confAlias": conference.alias},
            "liveConference": more,
            **tokens(found.listed.places, given),
            "recordings": items,
        }
    )


@router.get(
    "/v2/monitor/conferences/{conferenceId}/recordings/archive",
    responses={200: {"model": Archive}, **answers(401, 403, 404)},
    response_class=Response,
)
async def archive(conference_id: ConferenceId, service: GivenService, reader: Reader) -> Response:
    """An address that downloads everything of a conference as one ZIP. Ours, not the platform's."""
    conference = await conferences.find(service, reader.app_key, conference_id)
    url = files.archive_url(service, reader.app, conference.id)
    return json_answer({"url": url, "createdAt": iso(now_ms())})


@router.delete(
    "/v2/monitor/conferences/{conferenceId}/recordings",
    responses=answers(401, 403, 404, 409, 421, 503),
)
async def delete(conference_id: ConferenceId, service: GivenService, deleter: Deleter) -> Done:
    """Deletes all that was recorded of a conference, the raw recording too, for ever."""
    return await deleted(service, deleter, conference_id)


async def deleted(service: Service, deleter: Caller, conference_id: str) -> Done:
    """Also version 1's."""
    conference: Conference = await conferences.find(service, deleter.app_key, conference_id)
    await files.delete(service, conference)
    return Done()


async def _items(
    service: Service, reader: Caller, found: listing.Listed, *, with_conference: bool = False
) -> list[dict[str, Any]]:
    urls = await files.urls_of(service, reader.app, found.rows)
    region, at = service.settings.region, iso(now_ms())
    items = []
    for row, url in zip(found.rows, urls, strict=True):
        item = recording_item(row, region=region, url=url, created_at=at)
        if with_conference:
            item["conference"] = {"confId": row.conference_id, "confAlias": row.alias}
        items.append(item)
    return items
