"""What bodies of requests may contain: nothing that others could not be told of, or not store."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message

from mixer.room.input import changed_profile, external_id, read_json

HALF = "\ud800"  # of a surrogate pair: JSON can say it, UTF-8 cannot


def sent(body: bytes) -> Request:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-type", b"application/json")]
    return Request({"type": "http", "method": "POST", "headers": headers}, receive)


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"externalId": HALF}).encode(),
        json.dumps({"participants": {f"ada{HALF}": {}}}).encode(),
        json.dumps({"a": [{"message": HALF}]}).encode(),
        b'{"message": "\xed\xa0\x80"}',
        b"[" * 100_000,
    ],
)
async def test_a_text_that_is_no_unicode_is_refused(body: bytes) -> None:
    """It would make every later answer and event of the room fail, for everybody."""
    with pytest.raises(HTTPException) as refused:
        await read_json(sent(body), 1 << 20)
    assert refused.value.status_code == 400


async def test_any_other_text_comes_through() -> None:
    """A whole pair, other scripts, zero-width joiners."""
    given = {"externalId": "Ада 👩‍🚀\u00a0@x"}
    assert await read_json(sent(json.dumps(given).encode())) == given
    assert changed_profile(given) == given


@pytest.mark.parametrize("value", ["\0", "a\nb", "\x9f", "x" * 251, 1, ["a"]])
def test_external_ids_have_no_control_characters(value: Any) -> None:
    """PostgreSQL stores no NUL: whoever had one in theirs was in no list."""
    with pytest.raises(HTTPException) as refused:
        external_id(value)
    assert refused.value.status_code == 400
