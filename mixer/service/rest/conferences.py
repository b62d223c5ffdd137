"""Conferences: create, invite, permissions, kick, message, participants, terminate (contract 2)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path
from pydantic import BaseModel, Field

from .. import attendance, conferences, servers
from ..applications import Application
from ..auth import Caller, GivenService, application_of_basic, basic, caller
from ..conferences import PERMISSIONS
from ..context import Service
from ..errors import answers
from .bodies import Done
from .conference_bodies import CreateConference, Invitation, Invited, Kick, Message

router = APIRouter(tags=["Conferences"])

ConferenceId = Annotated[
    str, Path(alias="conferenceId", examples=["a88484c6-2a47-4691-86e2-933eec80b316"])
]
Administrator = Annotated[Caller, Depends(caller("comms:conf:admin"))]


class CreatedConference(BaseModel):
    """The conference, and tokens for joining it where access control is on."""

    conferenceId: str = Field(examples=["a88484c6-2a47-4691-86e2-933eec80b316"])
    conferenceAlias: str = Field(examples=["weekly sync"])
    conferencePincode: str = Field(default="", examples=["123456"])
    isProtected: bool = False
    ownerToken: str | None = None
    usersTokens: dict[str, str] = {}


class Participant(BaseModel):
    """Somebody who is in the conference."""

    userId: str
    externalId: str
    name: str
    avatarUrl: str
    ipAddress: str
    userAgent: str
    lastJoinTimestamp: int = Field(description="Epoch milliseconds.")
    nbSession: int = Field(description="How many times they have joined.")


class ParticipantList(BaseModel):
    participants: list[Participant]


@router.post(
    "/v2/conferences/create",
    summary="Create a conference",
    response_model_exclude_none=True,
    responses=answers(400, 401, 403),
)
async def create(
    service: GivenService,
    who: Annotated[Caller, Depends(caller("comms:conf:create"))],
    body: Annotated[CreateConference | None, Body()] = None,
) -> CreatedConference:
    """A new conference, or the one that goes on under the same alias (upper or lower case)."""
    given = body or CreateConference()
    created = await conferences.create(
        service,
        who.app,
        owner_external_id=given.ownerExternalId,
        alias=given.alias,
        parameters=given.parameters.model_dump(exclude_none=True),
        permissions={id: one.permissions for id, one in given.participants.items()},
    )
    row = created.conference
    answer = CreatedConference(
        conferenceId=row.id,
        conferenceAlias=row.alias,
        conferencePincode=row.parameters.get("pincode", ""),
        isProtected=row.protected,
    )
    if row.protected:
        owner = given.ownerExternalId
        answer.ownerToken = service.tokens.conference_token(who.app_key, row.id, owner, PERMISSIONS)
        answer.usersTokens = _tokens(service, who.app, row.id, given.participants)
    return answer


@router.post(
    "/v2/conferences/{conferenceId}/invite",
    summary="Invite participants",
    responses=answers(400, 401, 403, 404, 421),
)
async def invite(
    id: ConferenceId,
    service: GivenService,
    who: Administrator,
    body: Annotated[Invitation | None, Body()] = None,
) -> dict[str, str]:
    """A conference access token for each of the participants who is not in the conference."""
    row = await conferences.find_live(service, who.app_key, id)
    async with service.database.reading() as db:
        here = {stay.external_id for stay in await attendance.present(db, row.id)}
    given = (body or Invitation()).participants
    invited = {id: one for id, one in given.items() if id not in here}
    changed = {id: one.permissions for id, one in invited.items()}
    if changed:
        await conferences.permit(service, row, changed)
    return _tokens(service, who.app, row.id, invited)


@router.post(
    "/v2/conferences/{conferenceId}/permissions",
    summary="Change permissions",
    responses=answers(400, 401, 403, 404, 421),
)
async def permissions(
    id: ConferenceId,
    service: GivenService,
    who: Administrator,
    body: Annotated[Invitation | None, Body()] = None,
) -> dict[str, str]:
    """New tokens for the participants; what they may do changes at once."""
    row = await conferences.find_live(service, who.app_key, id)
    given = (body or Invitation()).participants
    if given:
        changed = {id: one.permissions for id, one in given.items()}
        await conferences.permit(service, row, changed)
    return _tokens(service, who.app, row.id, given)


@router.post(
    "/v2/conferences/{conferenceId}/kick",
    summary="Kick participants",
    responses=answers(400, 401, 403, 404, 421),
)
async def kick(
    id: ConferenceId,
    service: GivenService,
    who: Administrator,
    body: Annotated[Kick | None, Body()] = None,
) -> Done:
    """Throws participants out. Those who are not there are passed over."""
    row = await conferences.find_live(service, who.app_key, id)
    await servers.check_here(service, row)
    await service.rooms.kick(row.id, (body or Kick()).externalIds)
    return Done()


@router.post(
    "/v2/conferences/{conferenceId}/message",
    summary="Send a message",
    responses=answers(400, 401, 403, 404, 421),
)
async def message(
    id: ConferenceId,
    service: GivenService,
    who: Administrator,
    body: Annotated[Message | None, Body()] = None,
) -> Done:
    """To some participants by their external ids, or to everybody."""
    row = await conferences.find_live(service, who.app_key, id)
    await servers.check_here(service, row)
    given = body or Message()
    await service.rooms.message(row.id, given.sender, given.message, given.to or None)
    return Done()


@router.get(
    "/v2/conferences/{conferenceId}/participants",
    summary="List the participants",
    responses=answers(401, 403, 404),
)
async def participants(
    id: ConferenceId, service: GivenService, who: Administrator
) -> ParticipantList:
    """Who is in the conference now, in the order of joining."""
    row = await conferences.find_live(service, who.app_key, id)
    async with service.database.reading() as db:
        stays = await attendance.all_stays(db, row.id)
    here = [stay for stay in stays if stay.left_at is None and stay.type in attendance.PEOPLE]
    return ParticipantList(
        participants=[
            Participant(
                userId=stay.participant_id,
                externalId=stay.external_id,
                name=stay.name,
                avatarUrl=stay.avatar_url,
                ipAddress=stay.ip_address,
                userAgent=stay.user_agent,
                lastJoinTimestamp=stay.joined_at,
                nbSession=sum(one.participant_id == stay.participant_id for one in stays),
            )
            for stay in here
        ]
    )


@router.delete(
    "/v2/conferences/{conferenceId}",
    summary="Terminate a conference",
    responses=answers(401, 403, 404),
)
async def terminate(
    id: ConferenceId,
    service: GivenService,
    who: Annotated[Caller, Depends(caller("comms:conf:destroy"))],
) -> Done:
    """Ends it for everybody; recordings are finished. Once more does nothing."""
    row = await conferences.find(service, who.app_key, id)
    await conferences.terminate(service, row.id, "ended")
    return Done()


@router.post(
    "/v1/conferences/{conferenceId}/destroy",
    summary="Terminate a conference (older call)",
    deprecated=True,
    dependencies=[Depends(basic)],
    responses=answers(401, 404, 429),
)
async def destroy(
    id: ConferenceId,
    service: GivenService,
    app: Annotated[Application, Depends(application_of_basic)],
) -> Done:
    """As DELETE, with key and secret instead of an API token."""
    row = await conferences.find(service, app.key, id)
    await conferences.terminate(service, row.id, "ended")
    return Done()


def _tokens(
    service: Service, app: Application, conf_id: str, invited: dict[str, Invited]
) -> dict[str, str]:
    make = service.tokens.conference_token
    return {id: make(app.key, conf_id, id, tuple(one.permissions)) for id, one in invited.items()}
