"""What the lists of the REST interface have in common: their parameters, how they are written."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query
from fastapi.responses import Response
from pydantic_core import to_json

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


def json_answer(value: Any) -> Response:
    """Long lists are written several times as quickly as by JSONResponse."""
    return Response(to_json(value), media_type="application/json")
