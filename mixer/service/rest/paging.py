"""What the lists of the REST interface have in common: their parameters, how they are written."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Query
from fastapi.responses import Response
from pydantic_core import to_json

from ..pages import Range, position

DEFAULT_PAGE = 100
LONGEST_PAGE = 1000
LATEST_MS = 9_999_999_999_999  # what the published clients send as `to`
MAX_TOKEN_CHARS = 200

From = Annotated[
    int, Query(alias="from", ge=0, le=LATEST_MS, description="Epoch ms; the range's beginning.")
]
To = Annotated[int, Query(ge=0, le=LATEST_MS, description="Epoch ms; the range's end.")]
Max = Annotated[int, Query(ge=1, le=LONGEST_PAGE, description="How many there are on a page.")]
Start = Annotated[
    str | None,
    Query(max_length=MAX_TOKEN_CHARS, description="`next` of the page before: where to go on."),
]


async def given_range(
    since: From = 0, to: To = LATEST_MS, max: Max = DEFAULT_PAGE, start: Start = None
) -> Range:
    """Raises ApiError 400 for a token that is none of ours."""
    return Range(since, to, max, position(start) if start else None)


GivenRange = Annotated[Range, Depends(given_range)]


def json_answer(value: Any) -> Response:
    """Long lists are written several times as quickly as by JSONResponse."""
    return Response(to_json(value), media_type="application/json")
