"""Errors of the REST interface: one body for every 4xx and 5xx, with codes that do not change.

The codes are listed in docs/api-errors.md, which a test compares with what the code raises. Codes
below 1000 that are an HTTP status are the general ones; 108 and 114 have a meaning for the
platform's browser SDK.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from ..records.database import AWAY
from ..room.refusals import REASONS

log = structlog.get_logger()

MAX_DESCRIPTION_CHARS = 500


class ErrorBody(BaseModel):
    """What every error answers."""

    type: str = Field(examples=["https://mixer.example.org/docs/errors#2001"])
    status: int = Field(examples=[404])
    error_code: int = Field(examples=[2001])
    error_reason: str = Field(examples=["CONFERENCE_NOT_FOUND"])
    error_description: str = Field(examples=["There is no conference with this id: create it."])


class ApiError(HTTPException):
    """`code`: a stable number of docs/api-errors.md; `description`: what to change.

    An HTTPException, so that it passes through frameworks' own error handling unchanged.
    """

    def __init__(
        self,
        status: int,
        code: int,
        reason: str,
        description: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, description, headers)
        self.status = status
        self.code = code
        self.reason = reason
        self.description = description


def error_body(base_url: str, error: ApiError) -> dict[str, Any]:
    """The contract's fields (1.4)."""
    body = ErrorBody(
        type=f"{base_url}/docs/errors#{error.code}",
        status=error.status,
        error_code=error.code,
        error_reason=error.reason,
        error_description=_sentence(error.description),
    )
    return body.model_dump()


def error_answer(base_url: str, error: ApiError) -> JSONResponse:
    """The answer for an error."""
    return JSONResponse(error_body(base_url, error), error.status, error.headers)


def _sentence(text: str) -> str:
    whole = text[:MAX_DESCRIPTION_CHARS]
    return whole if whole.endswith(".") else f"{whole}."


def install_errors(app: FastAPI, base_url: str) -> None:
    """Makes every error of the application answer with the body above."""

    async def ours(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        return error_answer(base_url, error if isinstance(error, ApiError) else _general(error))

    async def invalid(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return error_answer(
            base_url, ApiError(400, 400, "INVALID_REQUEST", _what_is_invalid(error))
        )

    async def unforeseen(request: Request, error: Exception) -> JSONResponse:
        log.error("request.failed", path=request.url.path, exc_info=error)
        sentence = "This should not have happened; the server's log says more. Try again."
        return error_answer(base_url, ApiError(500, 500, "INTERNAL_ERROR", sentence))

    async def away(request: Request, error: Exception) -> JSONResponse:
        log.warning("database.away", path=request.url.path, error=type(error).__name__)
        sentence = "The database does not answer: try again later."
        headers = {"retry-after": "2"}
        return error_answer(base_url, ApiError(503, 503, "DATABASE_UNAVAILABLE", sentence, headers))

    for absence in AWAY:
        app.add_exception_handler(absence, away)
    app.add_exception_handler(HTTPException, ours)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(Exception, unforeseen)


_GENERAL = {
    404: "There is nothing at this address: see the list of calls at /docs.",
    405: "This address does not know that method: see the Allow header.",
}


def _general(error: HTTPException) -> ApiError:
    """What Starlette and FastAPI raise themselves: the status is the code."""
    status = error.status_code
    reason = REASONS.get(status, HTTPStatus(status).name)
    return ApiError(status, status, reason, _GENERAL.get(status, error.detail), error.headers)


def _what_is_invalid(error: RequestValidationError) -> str:
    """The first thing that is wrong, as `field: what`; never the value itself."""
    first: dict[str, Any] = dict(error.errors()[0])
    if first["type"] == "json_invalid":
        return "The body is not valid JSON."
    path = [str(part) for part in first["loc"]]
    where = ".".join(path[1:]) or path[0]
    return f"{where}: {str(first['msg']).removeprefix('Value error, ')}"


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may answer with these errors."""
    return {
        status: {"model": ErrorBody, "description": HTTPStatus(status).phrase}
        for status in statuses
    }
