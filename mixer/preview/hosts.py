"""Who may call the preview, by the name in their requests: of both ports, and WebSockets, too."""

from __future__ import annotations

import ipaddress

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

REFUSED = 1008  # RFC 6455 section 7.4.1


class KnownHosts:
    """Answers only who calls the preview by an address, `localhost` or the name that it listens at.

    A web page elsewhere can have its own name lead to this machine (DNS rebinding), and would then
    be taken for the preview's: by a name that is the page's, never by an address.
    """

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app = app
        self._names = {"localhost", host.lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        host = HTTPConnection(scope).url.hostname or ""
        if host.lower() in self._names or _is_address(host):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await WebSocket(scope, receive, send).close(REFUSED)
        else:
            refusal = PlainTextResponse("call the preview by its address, not by a name", 400)
            await refusal(scope, receive, send)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
