"""Monitor API, version 1: recordings by conference (contract 4.4), deprecated but kept working."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response

from ...records.models import Conference
from ...webhooks.bodies import Urls, audio_records
from .. import conferences, files, listing
from ..auth import Caller, GivenService
from ..context import Service
from ..errors import ApiError, answers
from ..pages import Range, tokens
from .bodies import Done
from .conferences import ConferenceId
from .downloads import FILE, file_answer
from .monitor import Deleter, Reader, deleted
from .monitor_answers import AudioV1, RecordingsV1
from .monitor_conferences import router as conferences_router
from .paging import GivenRange, json_answer

router = APIRouter(tags=["Monitor, version 1"])
router.include_router(conferences_router)

Facts = Any  # of a recording: listing's rows
Perm = Annotated[
    bool, Query(description="Addresses that last until the file is deleted, not ten minutes.")
]


@router.get(
    "/v1/monitor/recordings",
    responses={200: {"model": RecordingsV1}, **answers(400, 401, 403, 503)},
    response_class=Response,
    deprecated=True,
)
async def recordings(
    service: GivenService,
    reader: Reader,
    given: GivenRange,
    perm: Perm = False,
) -> Response:
    """Conferences that have recordings, by the end of their last one. Use version 2 instead."""
    found = await listing.conferences_recorded(service.database, reader.app_key, given)
    urls = await _urls(service, reader, [file for one in found.rows for file in one.files], perm)
    region = service.settings.region
    told = [_told(one, urls, region) for one in found.rows]
    return json_answer({**tokens(found.places, given), "recordings": told})


@router.get(
    "/v1/monitor/conferences/{conferenceId}/recordings",
    responses={200: {"model": RecordingsV1}, **answers(400, 401, 403, 404, 503)},
    response_class=Response,
    deprecated=True,
)
async def conference_recordings(
    conference_id: ConferenceId,
    service: GivenService,
    reader: Reader,
    given: GivenRange,
    perm: Perm = False,
) -> Response:
    """The recordings of one conference, as one entry. Use version 2 instead."""
    conference, found = await _found(service, reader, conference_id, given)
    urls = await _urls(service, reader, found, perm)
    of_it = listing.Recorded(conference.id, conference.alias, found)
    told = [_told(of_it, urls, service.settings.region)] if found else []
    return json_answer({"first": "", "next": "", "recordings": told})


@router.get(
    "/v1/monitor/conferences/{conferenceId}/recordings/audio",
    responses={200: {"model": AudioV1}, **answers(400, 401, 403, 404, 503)},
    response_class=Response,
    deprecated=True,
)
async def audio(
    conference_id: ConferenceId, service: GivenService, reader: Reader, perm: Perm = False
) -> Response:
    """Audio mixes of a conference, with the participants' files. Use version 2 instead."""
    conference, found = await _found(service, reader, conference_id)
    return json_answer(
        {
            "region": service.settings.region,
            "conference": {"confId": conference.id, "confAlias": conference.alias},
            "records": _records(found, await _urls(service, reader, found, perm)),
        }
    )


@router.get(
    "/v1/monitor/conferences/{conferenceId}/recordings/mp4",
    responses={**FILE, **answers(401, 403, 404, 503)},
    response_class=Response,
    deprecated=True,
)
async def mp4(conference_id: ConferenceId, service: GivenService, reader: Reader) -> Response:
    """The conference's video itself: the last whole recording's. Use version 2 instead."""
    return await _file(service, reader, conference_id, "video/mp4")


@router.get(
    "/v1/monitor/conferences/{conferenceId}/recordings/mp3",
    responses={**FILE, **answers(401, 403, 404, 503)},
    response_class=Response,
    deprecated=True,
)
async def mp3(conference_id: ConferenceId, service: GivenService, reader: Reader) -> Response:
    """The conference's audio mix itself: the last whole recording's. Use version 2 instead."""
    return await _file(service, reader, conference_id, "audio/mpeg")


@router.delete(
    "/v1/monitor/conferences/{conferenceId}/recordings",
    responses=answers(401, 403, 404, 409, 421, 503),
    deprecated=True,
)
async def delete(conference_id: ConferenceId, service: GivenService, deleter: Deleter) -> Done:
    """Deletes all that was recorded of a conference, the raw recording too, for ever."""
    return await deleted(service, deleter, conference_id)


async def _found(
    service: Service, reader: Caller, conference_id: str, given: Range | None = None
) -> tuple[Conference, list[Facts]]:
    conference = await conferences.find(service, reader.app_key, conference_id)
    return conference, await listing.all_of(service.database, conference.id, given)


def _told(one: listing.Recorded, urls: Urls, region: str) -> dict[str, Any]:
    """One conference: sizes are of whole recordings where there are such, else of their parts."""
    whole = _whole(one.files)
    mp4 = sum(file.size for file in whole if file.media_type == "video/mp4")
    mp3 = sum(file.size for file in whole if file.media_type == "audio/mpeg")
    return {
        "confId": one.id,
        "alias": one.alias,
        "duration": _duration(whole),
        "ts": one.files[-1].end_time,  # they are in this order
        "region": region,
        "mix": {"mp4": mp4, "mp3": mp3, "region": region},
        "audio": {
            "region": region,
            "mix": {"mp4": 0, "mp3": mp3, "region": region},
            "records": _records(one.files, urls),
        },
    }


def _whole(found: Sequence[Facts]) -> list[Facts]:
    mixes = [one for one in found if one.kind == "mix"]
    return [one for one in mixes if one.merged] or mixes


def _duration(whole: Sequence[Facts]) -> int:
    """Of what was recorded, in ms: mixes that ran side by side count once."""
    lanes: dict[tuple[str | None, str], int] = {}
    for one in whole:
        lane = one.mix_id, one.media_type
        lanes[lane] = lanes.get(lane, 0) + one.duration
    return max(lanes.values(), default=0)


async def _urls(
    service: Service, reader: Caller, found: Sequence[Facts], perm: bool
) -> dict[str, str]:
    """Addresses of what sounds, by recording: of videos this version tells none."""
    sounds = [one for one in found if one.media_type == "audio/mpeg"]
    urls = await files.urls_of(service, reader.app, sounds, lasting=perm)
    return {one.id: url for one, url in zip(sounds, urls, strict=True)}


def _records(found: Sequence[Facts], urls: Urls) -> list[dict[str, Any]]:
    sounds = [one for one in found if one.media_type == "audio/mpeg"]
    return audio_records(sounds, urls, name="fileName", inner_user_id=True)


async def _file(service: Service, reader: Caller, conference_id: str, media_type: str) -> Response:
    _, found = await _found(service, reader, conference_id)
    chosen = [one for one in _whole(found) if one.media_type == media_type]
    if not chosen:
        chosen = [one for one in found if one.kind == "mix" and one.media_type == media_type]
    if not chosen:
        sentence = "The conference has no such file: the Monitor API lists those that there are."
        raise ApiError(404, 4003, "FILE_NOT_FOUND", sentence)
    return await file_answer(service, chosen[-1])
