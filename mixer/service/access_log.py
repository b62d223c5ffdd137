"""One line for each request, with an id that the answer carries too; counts for /metrics.

Never query strings or headers: they carry tokens. Paths of rooms and files are shortened to their
route for the metrics. An ASGI middleware.
"""

from __future__ import annotations

import re
import time
import uuid

import structlog
from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger()

REQUESTS = Counter("mixer_requests", "Requests answered", ["method", "route", "status"])
SECONDS = Histogram(
    "mixer_request_seconds",
    "Until the answer began",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
MOUNTED = frozenset({"rooms", "static", "dashboard"})
QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SIGNED = re.compile(r"(/dashboard/reports/[^/]+/).+")  # a signature follows


class AccessLog:
    """See the module. A request id that the client sends is taken, if it is a harmless one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        began = time.perf_counter()
        answered = False

        async def noting(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                headers = [*message.get("headers", []), (b"x-request-id", request_id.encode())]
                message["headers"] = headers
                _note(scope, message["status"], time.perf_counter() - began)
            await send(message)

        with structlog.contextvars.bound_contextvars(request=request_id):
            try:
                await self._app(scope, receive, noting)
            except Exception:
                if not answered:  # Starlette answers 500 further out
                    _note(scope, 500, time.perf_counter() - began)
                raise


def _note(scope: Scope, status: int, seconds: float) -> None:
    method = scope["method"] if scope["method"] in METHODS else "other"
    route = _route(scope)
    REQUESTS.labels(method, route, status).inc()
    SECONDS.labels(route).observe(seconds)
    if scope["path"] not in QUIET:
        took_ms = round(seconds * 1000, 1)
        path = _SIGNED.sub(r"\1…", scope["path"])
        log.info("request", method=method, path=path, status=status, took_ms=took_ms)


def _route(scope: Scope) -> str:
    """As many different ones as there are routes. Rooms have an application of their own."""
    path: str | None = getattr(scope.get("route"), "path", None)
    if path is not None:
        return path
    first = scope["path"].removeprefix("/").partition("/")[0]  # `OPTIONS *` has no slash
    return f"/{first}/*" if first in MOUNTED else "none"


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            given = value.decode("latin-1")
            if _ID.fullmatch(given):
                return str(given)
    return uuid.uuid4().hex
