"""Videos that are presented: what requests may say of them, checked (docs/presentations.md). Pure.

The server never loads a video: participants' browsers do, and recorders.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from starlette.exceptions import HTTPException

from mixer.conference.playing import position_ms
from mixer.conference.state import VideoPresentation

MAX_URL_CHARS = 2000
MAX_NAME_CHARS = 200
MAX_POSITION_MS = 24 * 3600 * 1000


def video_to_present(body: Mapping[str, Any], owner_id: str, now_ms: int) -> VideoPresentation:
    """{"url", "name"?, "playing"?, "positionMs"?}. Raises HTTPException 400."""
    url = _address(body.get("url"))
    given = body.get("name", "")
    if not isinstance(given, str):
        raise HTTPException(400, "name is not a text")
    name = "".join(c for c in given if c.isprintable()).strip() or _file_name(url)
    return VideoPresentation(
        kind="video",
        id=secrets.token_hex(16),
        ownerId=owner_id,
        name=name[:MAX_NAME_CHARS],
        url=url,
        playing=_playing(body, True),
        positionMs=_position_ms(body, 0),
        updatedAt=now_ms,
    )


def changed_playing(body: Mapping[str, Any], shown: Mapping[str, Any], now_ms: int) -> Any:
    """What {"playing"?, "positionMs"?} changes: without a position it goes on where it is."""
    if not body.keys() & {"playing", "positionMs"}:
        raise HTTPException(400, "give playing, positionMs, or both")
    return {
        "playing": _playing(body, shown["playing"]),
        "positionMs": _position_ms(body, min(position_ms(shown, now_ms), MAX_POSITION_MS)),
        "updatedAt": now_ms,
    }


def _playing(body: Mapping[str, Any], otherwise: bool) -> bool:
    value = body.get("playing", otherwise)
    if not isinstance(value, bool):
        raise HTTPException(400, "playing is true or false")
    return value


def _position_ms(body: Mapping[str, Any], otherwise: int) -> int:
    value = body.get("positionMs", otherwise)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise HTTPException(400, "positionMs is a number of milliseconds")
    if not 0 <= value <= MAX_POSITION_MS:
        raise HTTPException(400, f"positionMs is 0 to {MAX_POSITION_MS}")
    return round(value)


def _address(value: Any) -> str:
    """A link that a browser and a recorder can load without showing who they are."""
    wrong = HTTPException(
        400, f"url is the http(s) address of a video, up to {MAX_URL_CHARS} characters"
    )
    if not isinstance(value, str) or not 0 < len(value) <= MAX_URL_CHARS:
        raise wrong
    url = value.strip()
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        raise wrong from None
    if not valid or not url.isprintable() or " " in url or parts.username is not None:
        raise wrong
    return url


def _file_name(url: str) -> str:
    name = unquote(urlsplit(url).path).rpartition("/")[2]
    return "".join(c for c in name if c.isprintable()) or "video"
