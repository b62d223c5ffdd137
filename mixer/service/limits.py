"""What a request may cost before anything looks at it: its body's size, the time it takes to come.

Bodies of this interface are small JSON: each is read whole, then handed on. An ASGI middleware.
"""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import ApiError, error_answer

WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})


class BodyLimit:
    """413 for more than `max_bytes`, 408 for a body that is not there after `timeout_s`."""

    def __init__(self, app: ASGIApp, base_url: str, max_bytes: int, timeout_s: float) -> None:
        self._app = app
        self._base_url = base_url
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in WITHOUT_BODY:
            await self._app(scope, receive, send)
            return
        try:
            messages = await self._read(scope, receive)
        except ApiError as error:
            await error_answer(self._base_url, error)(scope, receive, send)
            return

        async def replay() -> Message:
            return messages.pop(0) if messages else await receive()

        await self._app(scope, replay, send)

    async def _read(self, scope: Scope, receive: Receive) -> list[Message]:
        if _announced(scope) > self._max_bytes:
            raise self._too_long()
        body = bytearray()
        try:
            async with asyncio.timeout(self._timeout_s):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        return [message]  # the client has gone
                    body += message.get("body", b"")
                    if len(body) > self._max_bytes:
                        raise self._too_long()
                    if not message.get("more_body", False):
                        return [{"type": "http.request", "body": bytes(body), "more_body": False}]
        except TimeoutError:
            sentence = f"The body was not there after {self._timeout_s:g} s: send it again."
            headers = {"connection": "close"}
            raise ApiError(408, 408, "REQUEST_TIMEOUT", sentence, headers) from None

    def _too_long(self) -> ApiError:
        sentence = f"The body has more than {self._max_bytes} bytes."
        return ApiError(413, 413, "BODY_TOO_LARGE", sentence, {"connection": "close"})


def _announced(scope: Scope) -> int:
    """Content-Length, 0 where none is given."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0
