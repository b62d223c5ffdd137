"""Conferences: create, invite, permissions, kick, message, participants, terminate (contract 2)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Depends, Path
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator

from .. import attendance, conferences
from ..applications import Application
from ..auth import Caller, application_of_basic, basic, caller, service_of
from ..conferences import MAX_ALIAS_CHARS, PERMISSIONS
from ..context import Service
from ..errors import answers
from .bodies import Done, Name, Text

router = APIRouter(tags=["Conferences"])

MAX_TTL_S = 24 * 3600
MAX_MESSAGE_CHARS = 16_000
MAX_EXTERNAL_IDS = 1000

ConferenceId = Annotated[
    str, Path(alias="conferenceId", examples=["a88484c6-2a47-4691-86e2-933eec80b316"])
]
GivenService = Annotated[Service, Depends(service_of)]
Administrator = Annotated[Caller, Depends(caller("comms:conf:admin"))]


class _Wire(BaseModel):
    """Names as on the wire; null is the same as missing, unknown fields are passed over."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    @field_validator("*", mode="before")
    @classmethod
    def _null_is_missing(cls, value: Any, info: Any) -> Any:
        if value is None and info.field_name is not None:
            return cls.model_fields[info.field_name].get_default(call_default_factory=True)
        return value


class RecordingFormats(_Wire):
    """What a recording of the conference makes."""

    format: list[Literal["mp3", "mp4"]] | None = Field(default=None, examples=[["mp3", "mp4"]])

    @field_validator("format", mode="before")
    @classmethod
    def _as_list(cls, given: Any) -> Any:
        """One format instead of a list of them; upper case; BOTH."""
        if isinstance(given, str):
            given = [given]
        if not isinstance(given, list):
            return given
        lower = [one.lower() if isinstance(one, str) else one for one in given]
        wanted = ["mp3", "mp4"] if "both" in lower else lower
        return wanted or None


class Parameters(_Wire):
    """How the conference is to be. Those about bandwidth and voice are kept, not acted upon."""

    dolbyVoice: bool | None = None
    liveRecording: bool | None = None
    rtcpMode: Literal["worst", "average", "max"] | None = None
    pincode: Annotated[Text | None, Field(validation_alias=AliasChoices("pincode", "pinCode"))] = (
        None
    )
    ttl: int | None = Field(default=None, ge=0, le=MAX_TTL_S, description="Seconds.")
    videoCodec: Literal["VP8", "H264", "NONE"] | None = None
    audioOnly: bool | None = None
    recording: RecordingFormats | None = None

    @field_validator("recording", mode="before")
    @classmethod
    def _bare(cls, given: Any) -> Any:
        """A client sends the formats without the object around them."""
        return {"format": given} if isinstance(given, list | str) else given

    @field_validator("pincode", mode="before")
    @classmethod
    def _digits(cls, given: Any) -> Any:
        return str(given) if type(given) is int else given


class Invited(_Wire):
    """What one participant may do."""

    permissions: list[str] = Field(default=[], examples=[["JOIN", "SEND_AUDIO", "SEND_VIDEO"]])
    notification: bool = False

    @field_validator("permissions")
    @classmethod
    def _known(cls, given: list[str]) -> list[str]:
        upper = [one.upper() for one in given]
        unknown = [one for one in upper if one not in PERMISSIONS]
        if unknown:
            raise ValueError(f"there is no such permission; there are {', '.join(PERMISSIONS)}")
        return list(dict.fromkeys(upper))


Participants = Annotated[dict[Name, Invited], Field(max_length=conferences.MAX_INVITED)]


class CreateConference(_Wire):
    """A conference to be created; all fields can be left out."""

    ownerExternalId: Text = Field(default="", examples=["owner@example.org"])
    alias: Text | None = Field(default=None, examples=["weekly sync"])
    parameters: Parameters = Parameters()
    participants: Participants = {}

    @field_validator("alias")
    @classmethod
    def _no_hash(cls, alias: str | None) -> str | None:
        if alias is None or not alias.strip():
            return None
        if "#" in alias:
            raise ValueError(f"an alias has at most {MAX_ALIAS_CHARS} characters and no '#'")
        return alias.strip()


class Invitation(_Wire):
    """Participants and their permissions."""

    participants: Participants = {}


class Kick(_Wire):
    """Whom to throw out."""

    externalIds: list[Name] = Field(default=[], max_length=MAX_EXTERNAL_IDS, examples=[["ada"]])


class Message(_Wire):
    """A message for participants; for everybody when `to` is missing or empty."""

    sender: Annotated[Text, Field(validation_alias="from", serialization_alias="from")] = ""
    to: list[Name] = Field(default=[], max_length=MAX_EXTERNAL_IDS)
    message: str = Field(
        default="", max_length=MAX_MESSAGE_CHARS, examples=["We start again at ten."]
    )


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
    responses=answers(400, 401, 403, 404),
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
    responses=answers(400, 401, 403, 404),
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
    responses=answers(400, 401, 403, 404),
)
async def kick(
    id: ConferenceId,
    service: GivenService,
    who: Administrator,
    body: Annotated[Kick | None, Body()] = None,
) -> Done:
    """Throws participants out. Those who are not there are passed over."""
    row = await conferences.find_live(service, who.app_key, id)
    await service.rooms.kick(row.id, (body or Kick()).externalIds)
    return Done()


@router.post(
    "/v2/conferences/{conferenceId}/message",
    summary="Send a message",
    responses=answers(400, 401, 403, 404),
)
async def message(
    id: ConferenceId,
    service: GivenService,
    who: Administrator,
    body: Annotated[Message | None, Body()] = None,
) -> Done:
    """To some participants by their external ids, or to everybody."""
    row = await conferences.find_live(service, who.app_key, id)
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
