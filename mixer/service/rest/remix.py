"""Remixing an ended conference's raw recording (contract 3.3)."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Body, Depends
from pydantic import BaseModel, Field

from .. import conferences
from ..auth import Caller, GivenService, caller
from ..errors import answers
from .conferences import ConferenceId
from .recordings import MIX, MixBody

router = APIRouter(tags=["Remix"])


class RemixStatus(BaseModel):
    """How far the last remix is. Never nothing: clients parse it as an object."""

    status: Literal["UNKNOWN", "AUDIO_REMIX_NOT_AVAILABLE", "ERROR", "IN_PROGRESS", "COMPLETED"]
    region: str = Field(examples=["us"])
    alias: str = Field(examples=["weekly sync"])


@router.post(
    f"{MIX}/remix/start", summary="Start a remix", responses=answers(400, 401, 403, 404, 409, 421)
)
async def start(
    id: ConferenceId,
    service: GivenService,
    who: Annotated[Caller, Depends(caller("comms:remix:write"))],
    body: Annotated[MixBody | None, Body()] = None,
) -> RemixStatus:
    """Another version of what was recorded, with any layout and size, after the conference."""
    row = await conferences.find(service, who.app_key, id)
    return RemixStatus(**await service.sessions.remix(row, (body or MixBody()).order()))


@router.get(f"{MIX}/remix/status", summary="Status of a remix", responses=answers(401, 403, 404))
async def status(
    id: ConferenceId,
    service: GivenService,
    who: Annotated[Caller, Depends(caller("comms:remix:read", "comms:remix:write"))],
) -> RemixStatus:
    """Of the conference's last remix; UNKNOWN when there was none."""
    row = await conferences.find(service, who.app_key, id)
    return RemixStatus(**await service.sessions.remix_status(row))
