"""STUN and TURN servers, as they are given on command lines and told to browsers and mixers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mixer.errors import UsageError

_ICE_URL = re.compile(r"(stun|stuns|turn|turns):[A-Za-z0-9.\[\]:_-]+(\?transport=(udp|tcp))?")


@dataclass(frozen=True, slots=True)
class IceServer:
    """Given explicitly: none is ever used by default. Addresses are of RFC 7064 and RFC 7065."""

    urls: tuple[str, ...]
    username: str = ""
    credential: str = ""

    def as_json(self) -> dict[str, Any]:
        """The form of RTCConfiguration.iceServers."""
        if not self.username:
            return {"urls": list(self.urls)}
        return {"urls": list(self.urls), "username": self.username, "credential": self.credential}


def ice_server(one: Mapping[str, Any]) -> IceServer:
    """From the form of RTCConfiguration.iceServers. Raises KeyError, TypeError."""
    urls = one["urls"]
    return IceServer(
        tuple([urls] if isinstance(urls, str) else urls),
        str(one.get("username", "")),
        str(one.get("credential", "")),
    )


def parse_ice_server(text: str) -> IceServer:
    """`stun:HOST:PORT` or `turn:HOST:PORT,USERNAME,CREDENTIAL`. Raises UsageError."""
    url, *rest = text.split(",", 2)
    if not _ICE_URL.fullmatch(url) or len(rest) not in (0, 2):
        raise UsageError(
            f"{url!r} is no ICE server: give stun:HOST:PORT or turn:HOST:PORT,USERNAME,CREDENTIAL"
        )
    return IceServer((url,), *rest)
