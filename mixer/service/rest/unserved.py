"""Calls of the platform that this server does not serve: 501 with the error body (contract 3.4)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from ..auth import Caller, caller
from ..errors import ApiError, answers

router = APIRouter(tags=["Not served"])

STREAMING = (
    "/v2/conferences/mix/{conferenceId}/rtmp/start",
    "/v2/conferences/mix/{conferenceId}/rtmp/stop",
    "/v2/conferences/mix/{conferenceId}/rts/start",
    "/v2/conferences/mix/{conferenceId}/rts/stop",
    "/v3/conferences/mix/{conferenceId}/rts/start",
    "/v3/conferences/mix/{conferenceId}/rts/stop",
    "/v2/conferences/mix/{conferenceId}/lls/start",
    "/v2/conferences/mix/{conferenceId}/lls/stop",
    "/v2/conferences/mix/{conferenceId}/hls/start",
    "/v2/conferences/mix/{conferenceId}/hls/stop",
    "/v1/api/conferences/mix/{conferenceId}/live/start",
    "/v1/api/conferences/mix/{conferenceId}/live/stop",
    "/v1/api/conferences/mix/{conferenceId}/hls/start",
    "/v1/api/conferences/mix/{conferenceId}/hls/stop",
)
OLDER_REMIX = {
    "/v1/api/conferences/mix/{conferenceId}/record": "POST",
    "/v1/api/conferences/mix/{conferenceId}/status": "GET",
}
OLDER_TOKENS = ("refresh", "invalidate", "mixer/refresh")


async def streaming(
    conferenceId: str, who: Annotated[Caller, Depends(caller("comms:stream:write"))]
) -> None:
    """Streaming is not served: record the conference instead."""
    sentence = "This server does not stream: record the conference instead."
    raise ApiError(501, 501, "NOT_SERVED", sentence)


async def spatial_audio(
    conferenceId: str, who: Annotated[Caller, Depends(caller("comms:conf:admin"))]
) -> None:
    """Spatial audio is not served: participants hear each other without places."""
    sentence = "This server has no spatial audio: leave the call out, everybody is heard."
    raise ApiError(501, 501, "NOT_SERVED", sentence)


async def older_remix(
    conferenceId: str, who: Annotated[Caller, Depends(caller("comms:remix:write"))]
) -> None:
    """Of the first version; POST /v2/conferences/mix/ID/remix/start does the same."""
    sentence = "This address is not served: use /v2/conferences/mix/ID/remix/start and …/status."
    raise ApiError(501, 501, "NOT_SERVED", sentence)


async def older_tokens() -> None:
    """Tokens are not renewed and not taken back: get another one before it expires."""
    sentence = "Tokens are not renewed here: get a new one by /v1/oauth2/token."
    raise ApiError(501, 501, "NOT_SERVED", sentence)


for path in STREAMING:
    router.add_api_route(
        path,
        streaming,
        methods=["POST"],
        summary=f"Streaming: {path.rsplit('/', 2)[1]} {path.rsplit('/', 1)[1]} (not served)",
        responses=answers(401, 403, 501),
        status_code=501,
    )
for path, method in OLDER_REMIX.items():
    router.add_api_route(
        path,
        older_remix,
        methods=[method],
        summary=f"Older remix: {path.rsplit('/', 1)[1]} (not served)",
        responses=answers(401, 403, 501),
        status_code=501,
    )
for name in OLDER_TOKENS:
    router.add_api_route(
        f"/v1/oauth2/{name}",
        older_tokens,
        methods=["POST"],
        summary=f"Older tokens: {name} (not served)",
        responses=answers(501),
        status_code=501,
    )
router.add_api_route(
    "/v2/conferences/{conferenceId}/spatial-listeners-audio",
    spatial_audio,
    methods=["PUT"],
    summary="Spatial audio scene (not served)",
    responses=answers(401, 403, 501),
    status_code=501,
)
