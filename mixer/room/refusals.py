"""What the conference server answers instead of what was asked for: the status, and one body.

`error` is a line for people. The five other fields are those of every error of the service
(contract 1.4): `error_code` is the status unless the host has a number of its own for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .access import Ended
from .live import RoomFull
from .rooms import Stopping

REASONS = {400: "INVALID_REQUEST", 416: "RANGE_NOT_SATISFIABLE"}


def refusal(error: Exception) -> JSONResponse:
    """The answer that an error of joining, following or asking stands for."""
    match error:
        case HTTPException():
            code, reason = getattr(error, "code", None), getattr(error, "reason", None)
            return _answer(error.status_code, error.detail, code, reason, error.headers)
        case Ended():
            answer = _body(410, str(error), 410, "CONFERENCE_ENDED")
            return JSONResponse({**answer, "reason": error.reason}, 410)
        case RoomFull():
            return _answer(429, str(error))
        case Stopping():
            return _answer(503, str(error), headers={"retry-after": "1"})
        case _:
            return _answer(500, "this should not have happened; the server's log says more")


def _answer(
    status: int,
    line: str,
    code: int | None = None,
    reason: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    reason = reason or REASONS.get(status, HTTPStatus(status).name)
    return JSONResponse(_body(status, line, code or status, reason), status, headers)


def _body(status: int, line: str, code: int, reason: str) -> dict[str, Any]:
    sentence = line[:1].upper() + line[1:]
    return {
        "type": f"/docs/errors#{code}",
        "status": status,
        "error_code": code,
        "error_reason": reason,
        "error_description": sentence if sentence.endswith(".") else f"{sentence}.",
        "error": line,
    }


async def _error_answer(request: Request, error: Exception) -> Response:
    return refusal(error)


HANDLERS: dict[Any, Any] = dict.fromkeys(
    (HTTPException, RoomFull, Stopping, Ended, Exception), _error_answer
)
