"""Monitor API, version 1: conferences and who was in them (contract 4.5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response

from ...records.models import Attendance, Conference
from .. import attendance, conference_listing, conferences
from ..applications import ApplicationSettings
from ..auth import GivenService
from ..conference_listing import Stays
from ..context import now_ms
from ..errors import ApiError, answers
from ..pages import Position, tokens
from ..pattern import MAX_PATTERN_CHARS, Pattern, PatternError
from ..recording_choice import live_recording
from .conferences import ConferenceId
from .monitor import Reader
from .monitor_answers import Conferences, Participants
from .paging import GivenRange, json_answer

router = APIRouter()

LiveStats = Annotated[
    bool, Query(alias="livestats", description="Count who is in ongoing conferences.")
]
Types = Literal["user", "listener", "pstn", "mixer", ""]


@router.get(
    "/v1/monitor/conferences",
    responses={200: {"model": Conferences}, **answers(400, 401, 403)},
    response_class=Response,
)
async def list_conferences(
    service: GivenService,
    reader: Reader,
    given: GivenRange,
    alias: Annotated[
        str | None,
        Query(
            max_length=MAX_PATTERN_CHARS,
            description="A regular expression that the whole alias matches.",
            examples=[".*sync.*"],
        ),
    ] = None,
    active: Annotated[bool, Query(description="Only ongoing ones.")] = False,
    livestats: LiveStats = False,
    exid: Annotated[
        str | None, Query(max_length=250, description="The external id of their owner.")
    ] = None,
) -> Response:
    """Conferences, newest first, with what they sum up to once they have ended."""
    wanted = conference_listing.Filters(
        pattern("alias", alias) if alias else None, active, exid or None
    )
    try:
        async with service.database.reading() as db:
            rows, places = await conference_listing.page(db, reader.app_key, given, wanted)
    except PatternError as error:
        raise _refused("alias", error) from None
    region, settings = service.settings.region, reader.app.settings

    def told(row: Conference, stays: Stays, recorded: int) -> dict[str, Any]:
        return summary(row, stays, recorded, region, settings, livestats)

    found = await conference_listing.summed_up(service.database, rows, told)
    return json_answer({**tokens(places, given), "conferences": found})


@router.get(
    "/v1/monitor/conferences/{conferenceId}",
    responses={200: {"model": dict[str, Any]}, **answers(400, 401, 403, 404)},
    response_class=Response,
)
async def conference(
    conference_id: ConferenceId, service: GivenService, reader: Reader, livestats: LiveStats = False
) -> Response:
    """One conference."""
    row = await conferences.find(service, reader.app_key, conference_id)
    async with service.database.reading() as db:
        stays = await attendance.all_stays(db, row.id)
        recorded = (await conference_listing.recorded_ms(db, [row.id]))[row.id]
    region, settings = service.settings.region, reader.app.settings
    return json_answer(summary(row, stays, recorded, region, settings, livestats))


@router.get(
    "/v1/monitor/conferences/{conferenceId}/statistics",
    responses={200: {"model": dict[str, Any]}, **answers(401, 403, 404)},
    response_class=Response,
)
async def statistics(
    conference_id: ConferenceId, service: GivenService, reader: Reader
) -> Response:
    """How many there were at most. Rates of the network are not kept."""
    row = await conferences.find(service, reader.app_key, conference_id)
    async with service.database.reading() as db:
        stays = await attendance.all_stays(db, row.id)
    return json_answer(_statistics(stays))


@router.get(
    "/v1/monitor/conferences/{conferenceId}/participants",
    responses={200: {"model": Participants}, **answers(400, 401, 403, 404)},
    response_class=Response,
)
async def participants(
    conference_id: ConferenceId,
    service: GivenService,
    reader: Reader,
    given: GivenRange,
    type: Annotated[Types | None, Query(description="Only participants of this type.")] = None,
) -> Response:
    """Who was there, in the order of their coming, each with all of their stays."""
    row = await conferences.find(service, reader.app_key, conference_id)
    async with service.database.reading() as db:
        stays = await attendance.all_stays(db, row.id)
    people: dict[str, list[Attendance]] = {}
    for stay in stays:
        if (not type or stay.type == type) and given.since <= stay.joined_at <= given.until:
            people.setdefault(stay.participant_id, []).append(stay)
    places = [Position(found[0].joined_at, id) for id, found in people.items()]
    if given.position is not None:
        at = given.position.at, given.position.id
        places = [place for place in places if (place.at, place.id) >= at]
    places = sorted(places, key=lambda place: (place.at, place.id))[: given.most + 1]
    end = row.ended_at
    told = {place.id: _connections(people[place.id], end) for place in places[: given.most]}
    return json_answer({**tokens(places, given), "participants": told})


@router.get(
    "/v1/monitor/conferences/{conferenceId}/participants/{userId}",
    responses={200: {"model": Participants}, **answers(400, 401, 403, 404)},
    response_class=Response,
)
async def participant(
    conference_id: ConferenceId,
    user_id: Annotated[str, Path(alias="userId", max_length=250)],
    service: GivenService,
    reader: Reader,
) -> Response:
    """One of them, by the id they had in the conference."""
    row = await conferences.find(service, reader.app_key, conference_id)
    async with service.database.reading() as db:
        stays = await attendance.all_stays(db, row.id)
    theirs = [stay for stay in stays if stay.participant_id == user_id]
    if not theirs:
        sentence = "Nobody with this id was in the conference."
        raise ApiError(404, 4004, "PARTICIPANT_NOT_FOUND", sentence)
    told = {user_id: _connections(theirs, row.ended_at)}
    return json_answer({"first": "", "next": "", "participants": told})


def summary(
    row: Conference,
    stays: Stays,
    recorded: int,
    region: str,
    settings: ApplicationSettings,
    livestats: bool,
) -> dict[str, Any]:
    """Ongoing conferences have the first fields only, and the numbers if they are asked for."""
    start = row.started_at or row.created_at
    told: dict[str, Any] = {
        "confId": row.id,
        "alias": row.alias,
        "region": region,
        "dolbyVoice": bool(row.parameters.get("dolbyVoice", True)),
        "start": start,
        "live": row.ended_at is None,
        "owner": _owner(row, stays),
    }
    if row.ended_at is None:
        there = [stay for stay in stays if stay.left_at is None]
        return told | (_numbers(there) if livestats else {})
    people = [stay for stay in stays if stay.type != "mixer"]
    return told | {
        "end": row.ended_at,
        "duration": row.ended_at - start,
        "type": row.type.lower(),
        "presenceDuration": sum((stay.left_at or row.ended_at) - stay.joined_at for stay in people),
        "recordingDuration": recorded,
        "mixerLiveRecording": recorded if live_recording(row, settings) else 0,
        "mixerHlsStreaming": 0,
        "mixerRtmpStreaming": 0,
        "mixerRtsStreaming": 0,
        **_numbers(stays),
        "statistics": _statistics(stays),
    }


def pattern(field: str, text: str) -> Pattern:
    """Raises ApiError 400."""
    try:
        return Pattern(text)
    except PatternError as error:
        raise _refused(field, error) from None


def _refused(field: str, error: PatternError) -> ApiError:
    sentence = f"{field}: no regular expression that is known here: {error}."
    return ApiError(400, 400, "INVALID_REQUEST", sentence)


def _numbers(stays: Stays) -> dict[str, int]:
    """How many different ones there were."""
    ids: dict[str, set[str]] = {"user": set(), "listener": set()}
    for stay in stays:
        ids.setdefault(stay.type, set()).add(stay.participant_id)
    return {"nbUsers": len(ids["user"]), "nbListeners": len(ids["listener"]), "nbPstn": 0}


def _statistics(stays: Stays) -> dict[str, Any]:
    types = ("user", "listener", "mixer", "pstn")
    most = {name.upper(): conference_listing.most_at_once(stays, name) for name in types}
    return {"maxParticipants": most, "network": {}}  # of which nothing is measured


def _owner(row: Conference, stays: Stays) -> dict[str, Any]:
    theirs = [stay for stay in stays if stay.external_id == row.owner_external_id]
    known = theirs[0] if theirs and row.owner_external_id else None
    return {
        "userId": known.participant_id if known else "",
        "metadata": {**_metadata(known), "externalId": row.owner_external_id},
    }


def _metadata(stay: Any) -> dict[str, str]:
    return {
        "userID": stay.participant_id if stay else "",
        "externalName": stay.name if stay else "",
        "externalId": stay.external_id if stay else "",
        "externalPhotoUrl": stay.avatar_url if stay else "",
        "ipAddress": stay.ip_address if stay else "",
    }


def _connections(stays: Sequence[Attendance], ended_at: int | None) -> dict[str, Any]:
    now = ended_at or now_ms()
    connections = [
        {
            "type": stay.type,
            "start": stay.joined_at,
            "end": stay.left_at,
            "duration": (stay.left_at or now) - stay.joined_at,
            "reason": stay.reason,
            "speakingDuration": stay.speaking_ms,
            "userAgent": stay.user_agent,
            "metadata": _metadata(stay),
        }
        for stay in stays
    ]
    return {"connections": connections, "stats": {}}
