"""The web application: routers, what every request passes through, the API's description.

Knows every part of the interface and nothing of what they do. `serve.py` runs it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

from .. import __version__
from ..dashboard import dashboard
from .access_log import AccessLog
from .auth import FailedSecrets
from .context import Service
from .documentation import documentation
from .errors import ErrorBody, install_errors
from .event_answers import describe_events
from .limits import BodyLimit
from .rest import (
    auth,
    conferences,
    downloads,
    monitor,
    monitor_v1,
    operations,
    recordings,
    remix,
    unserved,
    webhooks,
)

ROUTERS = (
    auth,
    conferences,
    unserved,
    recordings,
    remix,
    monitor,
    monitor_v1,
    downloads,
    webhooks,
    operations,
)


def create_app(service: Service) -> FastAPI:
    """The application of a service. Starts nothing."""
    settings = service.settings
    app = FastAPI(
        title="mixer",
        summary="Conferences, their recordings, and what became of them.",
        version=__version__,
        servers=[{"url": settings.base_url}],
        responses={
            "4XX": {"model": ErrorBody, "description": "The request has to be changed."},
            "5XX": {"model": ErrorBody, "description": "The server cannot do it now."},
        },
        strict_content_type=False,
        docs_url=None,
        redoc_url=None,
    )
    app.state.service = service
    app.state.failed_secrets = FailedSecrets(settings.failed_secrets_per_minute)
    install_errors(app, settings.base_url)
    for module in ROUTERS:
        app.include_router(module.router)
    app.router.routes.extend([*documentation(), *service.rooms.routes(), *dashboard(service)])
    app.add_middleware(
        BodyLimit,
        base_url=settings.base_url,
        max_bytes=settings.max_body_bytes,
        timeout_s=settings.body_timeout_s,
    )
    app.add_middleware(AccessLog)
    describe_events(app.webhooks)
    app.openapi = functools.partial(_description, app, app.openapi)  # type: ignore[method-assign]
    return app


def _description(app: FastAPI, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """OpenAPI 3.1, without FastAPI's own error: what is invalid is answered 400 here."""
    if app.openapi_schema is None:
        described = make()
        for path in (*described["paths"].values(), *described.get("webhooks", {}).values()):
            for operation in path.values():
                operation["responses"].pop("422", None)
        for unused in ("HTTPValidationError", "ValidationError"):
            described["components"]["schemas"].pop(unused, None)
        app.openapi_schema = described
    return app.openapi_schema
