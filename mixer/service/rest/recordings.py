"""Recording a conference: start, stop (contract 3.1 and 3.2); ours: pause, resume, state."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends
from pydantic import BaseModel, ConfigDict, Field, field_validator

from .. import conferences
from ..auth import Caller, GivenService, caller
from ..errors import answers
from ..sessions import MixOrder
from ..sessions.order import MAX_SIDE, MIN_SIDE
from .bodies import Done, Text
from .conferences import ConferenceId

router = APIRouter(tags=["Recording"])

MIX = "/v2/conferences/mix/{conferenceId}"

Recorder = Annotated[Caller, Depends(caller("comms:record:write"))]
Watcher = Annotated[Caller, Depends(caller("comms:record:write", "comms:monitor:read"))]


class MixBody(BaseModel):
    """A mix to be made; all fields can be left out."""

    model_config = ConfigDict(extra="ignore")

    layoutUrl: str | None = Field(
        default=None,
        description="A page; `default` or a built-in layout's name; null: the application's.",
        examples=["https://example.org/layout", "default"],
    )
    layoutName: Text | None = Field(default=None, description="Older: a name for the layout.")
    width: int | None = Field(default=None, ge=MIN_SIDE, le=MAX_SIDE, description="1920 by default")
    height: int | None = Field(
        default=None, ge=MIN_SIDE, le=MAX_SIDE, description="1080 by default"
    )
    mixId: Text | None = Field(default=None, examples=["landscape-stage"])

    @field_validator("layoutUrl", "mixId", "layoutName")
    @classmethod
    def _empty_is_missing(cls, text: str | None) -> str | None:
        return text or None

    def order(self) -> MixOrder:
        given = {
            "mix_id": self.mixId,
            "layout_url": self.layoutUrl,
            "layout_name": self.layoutName,
            "width": self.width,
            "height": self.height,
        }
        known: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        return MixOrder(**known)


class StopBody(BaseModel):
    """Which mix to stop; all, when it is left out."""

    model_config = ConfigDict(extra="ignore")

    mixId: Text | None = None


class RecordedMix(BaseModel):
    """One start of a mix. Times are epoch milliseconds."""

    mixId: str
    part: int
    layoutUrl: str | None
    layoutName: str | None
    width: int
    height: int
    startedAt: int
    beganAt: int | None
    stoppedAt: int | None
    error: str | None
    layoutReplaced: str | None = Field(
        None, description="Why the default layout is shown instead of the one asked for."
    )


class RecordingState(BaseModel):
    """What is being recorded. `live` is what the recorder says of itself (docs/recording.md)."""

    status: str = Field(examples=["recording"])
    sessionId: str | None = None
    paused: bool = False
    liveRecording: bool | None = None
    format: str | None = None
    error: str | None = None
    mixes: list[RecordedMix] = []
    live: dict[str, Any] | None = None


@router.post(
    f"{MIX}/recording/start",
    summary="Start recording",
    responses=answers(400, 401, 403, 404, 409, 421, 503),
)
async def start(
    id: ConferenceId,
    service: GivenService,
    who: Recorder,
    body: Annotated[MixBody | None, Body()] = None,
) -> Done:
    """Starts a mix; further ones by further calls with other mixIds. Answers at once."""
    row = await conferences.find_live(service, who.app_key, id)
    await service.sessions.start(row, (body or MixBody()).order())
    return Done()


@router.post(
    f"{MIX}/recording/stop",
    summary="Stop recording",
    responses=answers(400, 401, 403, 404),
)
async def stop(
    id: ConferenceId,
    service: GivenService,
    who: Recorder,
    body: Annotated[StopBody | None, Body()] = None,
) -> Done:
    """Stops all mixes, or the one of the mixId. Those that do not run are no error."""
    row = await conferences.find(service, who.app_key, id)
    await service.sessions.stop(row, (body.mixId or None) if body else None)
    return Done()


@router.post(
    f"{MIX}/recording/pause",
    summary="Pause recording",
    responses=answers(401, 403, 404, 409),
)
async def pause(id: ConferenceId, service: GivenService, who: Recorder) -> Done:
    """Nothing is recorded until `resume`; the files go on without the time between. Ours."""
    row = await conferences.find_live(service, who.app_key, id)
    await service.sessions.pause(row)
    return Done()


@router.post(
    f"{MIX}/recording/resume",
    summary="Resume recording",
    responses=answers(401, 403, 404, 409),
)
async def resume(id: ConferenceId, service: GivenService, who: Recorder) -> Done:
    """Goes on after `pause`. Ours."""
    row = await conferences.find_live(service, who.app_key, id)
    await service.sessions.resume(row)
    return Done()


@router.get(f"{MIX}/recording", summary="State of the recording", responses=answers(401, 403, 404))
async def state(id: ConferenceId, service: GivenService, who: Watcher) -> RecordingState:
    """What is, or was, recorded in the conference. Ours."""
    row = await conferences.find(service, who.app_key, id)
    return RecordingState(**await service.sessions.state(row.id))
