"""Tokens: for an application's server, and for its clients (contract 1.2, 1.3)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator

from ..applications import Application
from ..auth import (
    Caller,
    GivenService,
    application_of_basic,
    basic,
    caller,
    granted,
    known_only,
)
from ..context import Service
from ..errors import ApiError, answers
from .bodies import Text, described, form_or_json

router = APIRouter(tags=["Authentication"])

SESSION_SCOPES = ("conf:create", "notifications:set", "file:convert", "session:update")
API_TOKEN_S = 1800
CLIENT_TOKEN_S = 3600
MAX_TOKEN_S = 86_400

_EXPIRES = AliasChoices("expires_in", "expiresIn")


class TokenRequest(BaseModel):
    """A request for an API token."""

    grant_type: str | None = Field(default=None, examples=["client_credentials"])
    expires_in: int = Field(default=API_TOKEN_S, ge=1, le=MAX_TOKEN_S, validation_alias=_EXPIRES)
    scope: str | None = Field(default=None, examples=["comms:conf:create comms:record:write"])


class ClientTokenRequest(BaseModel):
    """A request for a client access token."""

    model_config = ConfigDict(populate_by_name=True)

    sessionScope: str | None = Field(default=None, examples=["conf:create notifications:set"])
    externalId: Text = ""
    expires_in: int = Field(default=CLIENT_TOKEN_S, ge=1, le=MAX_TOKEN_S, validation_alias=_EXPIRES)

    @field_validator("sessionScope", mode="before")
    @classmethod
    def _joined(cls, scope: object) -> object:
        """Some clients send a list."""
        return " ".join(map(str, scope)) if isinstance(scope, list) else scope


class Token(BaseModel):
    """A token and what it is good for."""

    token_type: str = Field("Bearer", examples=["Bearer"])
    access_token: str = Field(examples=["eyJhbGciOiJIUzI1NiIs…"])
    expires_in: int = Field(description="Seconds.", examples=[1800])
    scope: str = Field(examples=["comms:conf:create comms:record:write"])


_NEVER_STORED = {"cache-control": "no-store"}


@router.post(
    "/v1/auth/token",
    summary="Get an API token",
    response_model=Token,
    responses=answers(400, 401, 429),
    dependencies=[Depends(basic)],
    openapi_extra=described(TokenRequest, grant_type="client_credentials", expires_in=1800),
)
async def api_token(
    request: Request,
    service: GivenService,
    app: Annotated[Application, Depends(application_of_basic)],
) -> JSONResponse:
    """A token for the application whose key and secret are sent by HTTP Basic.

    No scope means all of them; unknown ones are passed over; `comms:*` is a wildcard.
    """
    body = await form_or_json(request, TokenRequest)
    if body.grant_type != "client_credentials":
        raise ApiError(400, 1006, "INVALID_GRANT", "Send grant_type=client_credentials.")
    scopes = granted(body.scope)
    token = Token(
        token_type="Bearer",
        access_token=service.tokens.api_token(app.key, scopes, body.expires_in),
        expires_in=body.expires_in,
        scope=" ".join(scopes),
    )
    return JSONResponse(token.model_dump(), headers=_NEVER_STORED)


@router.post(
    "/v2/client-access-token",
    summary="Get a client access token",
    response_model=Token,
    responses=answers(400, 401, 403),
    openapi_extra=described(
        ClientTokenRequest, sessionScope="conf:create", externalId="ada", expires_in=3600
    ),
)
async def client_token(
    request: Request,
    service: GivenService,
    who: Annotated[Caller, Depends(caller("comms:client_access_token:create"))],
) -> JSONResponse:
    """A token that an application's server gets for one of its clients."""
    return _client_token(service, who.app_key, await form_or_json(request, ClientTokenRequest))


@router.post(
    "/v1/oauth2/token",
    summary="Get a client access token (older call)",
    response_model=Token,
    responses=answers(400, 401, 429),
    deprecated=True,
    dependencies=[Depends(basic)],
    openapi_extra=described(ClientTokenRequest, expires_in=3600),
)
async def older_client_token(
    request: Request,
    service: GivenService,
    app: Annotated[Application, Depends(application_of_basic)],
) -> JSONResponse:
    """As `/v2/client-access-token`, with key and secret instead of an API token."""
    return _client_token(service, app.key, await form_or_json(request, ClientTokenRequest))


def _client_token(service: Service, app_key: str, body: ClientTokenRequest) -> JSONResponse:
    wanted = (body.sessionScope or "*").split()
    scopes = ("*",) if "*" in wanted else known_only(wanted, SESSION_SCOPES)
    made = service.tokens.client_token(app_key, body.externalId, scopes, body.expires_in)
    token = Token(
        token_type="Bearer",
        access_token=made,
        expires_in=body.expires_in,
        scope=" ".join(scopes),
    )
    return JSONResponse(token.model_dump(), headers=_NEVER_STORED)
