"""What HTTP requests may contain, checked: bodies of joining and of changes. Pure but for reading.
What a service adds to rooms is checked in mixer/room/conduct.py.

Errors are HTTPException with a status and one line for the caller.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request

from mixer.conference.state import ParticipantType
from mixer.room.identity import is_token

MAX_BODY_BYTES = 16_384
MAX_NAME_CHARS = 100
MAX_EXTERNAL_ID_CHARS = 250
MAX_URL_CHARS = 2000
MAX_TOKEN_CHARS = 8000
TYPES: tuple[ParticipantType, ...] = ("user", "listener", "mixer", "robot")
MUTABLE = {"camera": ("audio", "video"), "screen": ("audio", "video")}


async def read_json(request: Request, most: int = MAX_BODY_BYTES) -> dict[str, Any]:
    """The body as a JSON object. The content type is required: forms of other sites lack it."""
    if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
        raise HTTPException(415, "send content-type application/json")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise HTTPException(413, f"the body is longer than {most} bytes")
    try:
        value = json.loads(body)
        # half of a surrogate pair is a text for Python, and nobody could be told of it
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise HTTPException(
            400, "the body is not JSON, or has texts that are no Unicode"
        ) from error
    if not isinstance(value, dict):
        raise HTTPException(400, "the body is not a JSON object")
    return value


def profile_to_join(body: Mapping[str, Any]) -> dict[str, Any]:
    """name, externalId and avatarUrl of a participant who joins; a name is required."""
    if "name" not in body:
        raise HTTPException(400, "name is missing")
    return {"externalId": "", "avatarUrl": "", **changed_profile(body)}


def changed_profile(body: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the fields name, externalId and avatarUrl that are there, checked."""
    changed: dict[str, Any] = {}
    for field, check in _PROFILE.items():
        if field in body:
            changed[field] = check(body[field])
    return changed


def participant_type(body: Mapping[str, Any]) -> ParticipantType:
    value = body.get("type", "user")
    if value not in TYPES:
        raise HTTPException(400, f"type is one of {', '.join(TYPES)}")
    return cast(ParticipantType, value)


def records(body: Mapping[str, Any], type: ParticipantType) -> bool | None:
    """`recording`, if it is there: whether a mixer records just now."""
    value = body.get("recording")
    if value is None:
        return None
    if not isinstance(value, bool):
        raise HTTPException(400, "recording is true or false")
    if type != "mixer":
        raise HTTPException(403, "only a participant of type mixer records")
    return value


def known_token(body: Mapping[str, Any]) -> str | None:
    """The token of somebody who was here before, if one is shown."""
    token = body.get("token")
    if token is not None and not is_token(token):
        raise HTTPException(400, "token is not of the form this server gives")
    return token


def known_conference(body: Mapping[str, Any]) -> str:
    """The id of the conference that somebody who comes back was in; "" if none is told."""
    value = body.get("conference", "")
    if not isinstance(value, str) or len(value) > MAX_NAME_CHARS:
        raise HTTPException(400, "conference is the id of a conference")
    return value


def shown_token(body: Mapping[str, Any], field: str, header: str) -> str:
    """A secret from the body's field, else from what a header has; "" if there is none."""
    value = body.get(field) or header
    if not isinstance(value, str) or len(value) > MAX_TOKEN_CHARS:
        raise HTTPException(400, f"{field} is a text of up to {MAX_TOKEN_CHARS} characters")
    return value


def changed_mutes(body: Mapping[str, Any]) -> dict[str, dict[str, dict[str, bool]]]:
    """`streams` of a change: {"camera": {"audio": {"muted": true}, "video": {…}}, "screen": …}."""
    streams = body.get("streams", {})
    if not isinstance(streams, Mapping):
        raise HTTPException(400, "streams is not an object")
    changed: dict[str, dict[str, dict[str, bool]]] = {}
    for name, kinds in streams.items():
        if name not in MUTABLE or not isinstance(kinds, Mapping):
            raise HTTPException(400, "streams has only camera and screen")
        changed[name] = {kind: _mute(name, kind, change) for kind, change in kinds.items()}
    return changed


def _mute(name: str, kind: str, change: Any) -> dict[str, bool]:
    if kind not in MUTABLE[name] or not isinstance(change, Mapping):
        raise HTTPException(400, f"streams.{name} has only audio and video")
    if set(change) != {"muted"} or not isinstance(change["muted"], bool):
        raise HTTPException(400, f'streams.{name}.{kind} is {{"muted": true or false}}')
    return {"muted": change["muted"]}


def _name(value: Any) -> str:
    if not isinstance(value, str):
        raise HTTPException(400, "name is not a text")
    clean = " ".join("".join(c if c.isprintable() else " " for c in value).split())
    if not 0 < len(clean) <= MAX_NAME_CHARS:
        raise HTTPException(400, f"name has 1 to {MAX_NAME_CHARS} characters")
    return clean


def external_id(value: Any) -> str:
    """ "" for none. Without control characters: a database may refuse them."""
    if value is None:
        return ""
    most = MAX_EXTERNAL_ID_CHARS
    if not isinstance(value, str) or len(value) > most or any(map(_is_control, value)):
        raise HTTPException(
            400, f"externalId is a text of up to {most} characters, without control characters"
        )
    return value


def _is_control(char: str) -> bool:
    return unicodedata.category(char) == "Cc"


def _avatar_url(value: Any) -> str:
    if not value:
        return ""
    if not isinstance(value, str) or len(value) > MAX_URL_CHARS or not value.isprintable():
        raise HTTPException(400, f"avatarUrl is an address of up to {MAX_URL_CHARS} characters")
    try:
        parts = urlsplit(value)
    except ValueError as error:
        raise HTTPException(400, "avatarUrl is no address") from error
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise HTTPException(400, "avatarUrl is no http(s) address")
    return value


_PROFILE: Mapping[str, Callable[[Any], Any]] = {
    "name": _name,
    "externalId": external_id,
    "avatarUrl": _avatar_url,
}
