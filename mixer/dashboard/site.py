"""The dashboard as a web application of its own, mounted into the service's."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from ..service.auth import FailedSecrets
from ..service.context import Service
from . import (
    applications,
    conference,
    conferences,
    deliveries,
    kept,
    live,
    login,
    overview,
    pages,
    recordings,
    reports,
    secrets,
    visits,
)

WRONG_PASSWORDS_A_MINUTE = 5  # for one e-mail address, from one network address
WRONG_LOGINS_A_MINUTE = 20  # from one network address


class _Static(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = "no-cache"
        response.headers["x-content-type-options"] = "nosniff"
        return response


def dashboard(service: Service) -> list[BaseRoute]:
    """/dashboard, for the service's application."""
    routes: list[BaseRoute] = [
        *overview.ROUTES,
        *login.ROUTES,
        *applications.ROUTES,
        *secrets.ROUTES,
        *conferences.ROUTES,
        *conference.ROUTES,
        *recordings.ROUTES,
        *reports.ROUTES,
        *live.ROUTES,
        *deliveries.ROUTES,
        *kept.ROUTES,
        Mount("/static", _Static(directory=Path(__file__).parent / "static")),
    ]
    site = Starlette(routes=routes, exception_handlers={HTTPException: _failed})
    site.state.service = service
    site.state.failed_passwords = FailedSecrets(WRONG_PASSWORDS_A_MINUTE)
    site.state.failed_from = FailedSecrets(WRONG_LOGINS_A_MINUTE)
    return [Mount("/dashboard", site), Route("/", _front)]


async def _front(request: Request) -> Response:
    """Whoever has only the server's name; relative, so that it holds behind a proxy's path."""
    return RedirectResponse("dashboard")


async def _failed(request: Request, error: Exception) -> Response:
    """A page that says what is wrong, for people."""
    assert isinstance(error, HTTPException)
    sentence = error.detail
    if error.status_code == 404 and sentence == "Not Found":
        sentence = "There is no such page."
    visit = visits.visit_of(request)
    if visit is not None and visit.operator:
        request.state.visit = visit
    return pages.page(
        request, "failed.html.j2", error.status_code, code=error.status_code, sentence=sentence
    )
