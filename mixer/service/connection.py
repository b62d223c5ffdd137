"""One client's connection: HTTP parsed by httptools, bounded in size and time.

uvicorn limits the size of headers with h11 only, and nowhere the time they take: a client that
sends a byte now and then would hold a connection for ever. What a body may take is in limits.py.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from .errors import ApiError, error_body

MAX_HEADER_BYTES = 32_768


def bounded(headers_timeout_s: float, base_url: str) -> type[asyncio.Protocol]:
    """What uvicorn is to make of each connection."""
    given = {"headers_timeout_s": headers_timeout_s, "base_url": base_url}
    return type("BoundedConnection", (BoundedConnection,), given)


class BoundedConnection(HttpToolsProtocol):
    """408 for headers that are not there in time: counted from the connection's beginning, later
    from the end of the time in which another request may begin (keep-alive). 431 for more than
    MAX_HEADER_BYTES of them.
    """

    headers_timeout_s: float
    base_url: str

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._in_headers = True
        self._unparsed_bytes = 0  # of what came while headers were not complete
        self._parsed_bytes = 0  # of headers
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_headers(self.headers_timeout_s)

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_deadline()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        self._forget_deadline()
        super().handle_websocket_upgrade()

    def data_received(self, data: bytes) -> None:
        self._unparsed_bytes += len(data) if self._in_headers else 0
        super().data_received(data)
        if self._in_headers and self._unparsed_bytes > MAX_HEADER_BYTES:
            self._refuse_long_headers()

    # -- what the parser tells ---------------------------------------------------------------------

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_headers = True
        self._parsed_bytes = 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._count(len(name) + len(value) + 4)

    def on_headers_complete(self) -> None:
        self._in_headers = False
        self._unparsed_bytes = 0
        self._forget_deadline()
        if self.url == b"*":  # OPTIONS *, of the server itself: httptools knows no such address
            self.url = b"/*"
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.response_complete and not self.transport.is_closing():
            self._await_headers(self.timeout_keep_alive + self.headers_timeout_s)

    def send_400_response(self, msg: str) -> None:
        if self._parsed_bytes > MAX_HEADER_BYTES:
            self._refuse_long_headers()
        else:
            sentence = "This is no HTTP request: see RFC 9112."
            self._refuse(ApiError(400, 400, "INVALID_REQUEST", sentence))

    # -- bounds ------------------------------------------------------------------------------------

    def _count(self, size: int) -> None:
        """Raises ValueError, which the parser makes an error of the request's."""
        self._parsed_bytes += size
        if self._parsed_bytes > MAX_HEADER_BYTES:
            raise ValueError("too many bytes of headers")

    def _await_headers(self, seconds: float) -> None:
        self._forget_deadline()
        late = ApiError(408, 408, "REQUEST_TIMEOUT", "The headers did not arrive in time.")
        self._deadline = self.loop.call_later(seconds, self._refuse, late)

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse_long_headers(self) -> None:
        sentence = f"The headers have more than {MAX_HEADER_BYTES} bytes."
        self._refuse(ApiError(431, 431, "HEADERS_TOO_LARGE", sentence))

    def _refuse(self, error: ApiError) -> None:
        """There is no request that an application could answer: this answer, and the end."""
        if self.transport.is_closing():
            return
        body = json.dumps(error_body(self.base_url, error)).encode()
        lines = (
            STATUS_LINE[error.status],
            b"content-type: application/json\r\n",
            b"content-length: %d\r\n" % len(body),
            b"connection: close\r\n\r\n",
            body,
        )
        self.transport.write(b"".join(lines))
        self.transport.close()
