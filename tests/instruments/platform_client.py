"""The platform's published Python client, pointed at a local server (contract 10).

Its hosts are fixed to https; all its requests pass one function, where the address is rewritten.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from dolbyio_rest_apis.core.http_context import HttpContext


def point_at(monkeypatch: pytest.MonkeyPatch, server: str) -> list[str]:
    """Sends the client's requests to `server` (http://HOST:PORT); the list fills with methods and
    paths."""
    asked: list[str] = []
    send = HttpContext._send_request

    async def to_server(self: HttpContext, **given: Any) -> Any:
        parts = urlsplit(given["url"])
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        asked.append(f"{given['method']} {path}")
        return await send(self, **{**given, "url": server + path})

    monkeypatch.setattr(HttpContext, "_send_request", to_server)
    return asked
