"""How a page is made: templates, headers, a message for the next page."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import jinja2
import jwt
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from .. import __version__
from ..service.context import Service, now_ms
from . import formats, visits

HERE = Path(__file__).parent
TOLD = "mixer_told"
TOLD_S = 60
MAX_TOLD_CHARS = 600


@functools.cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(formats.FILTERS)
    return environment


def fragment(request: Request, template: str, **context: Any) -> str:
    """A part of a page, as HTML."""
    service = visits.service_of(request)
    visit: visits.Visit | None = getattr(request.state, "visit", None)
    return (
        _templates()
        .get_template(template)
        .render(
            base=visits.base_path(service),
            root=visits.base_path(service).removesuffix("/dashboard"),
            version=__version__,
            operator=visit.operator if visit else "",
            token=visits.form_token(service, visit) if visit else "",
            here=request.url.path.partition("/dashboard")[2],
            told=_told(request),
            now=now_ms(),
            **context,
        )
    )


def page(request: Request, template: str, status: int = 200, **context: Any) -> Response:
    """A whole page."""
    response = HTMLResponse(
        fragment(request, template, **context), status, headers=headers(visits.service_of(request))
    )
    if TOLD in request.cookies:
        response.delete_cookie(TOLD, path=visits.base_path(visits.service_of(request)))
    return response


def headers(service: Service) -> dict[str, str]:
    """No script and no style that is not ours; pictures and films from here, or from the bucket."""
    films = "'self'" if service.storage.location.folder is not None else "'self' https: http:"
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"media-src {films}; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
    return {
        "content-security-policy": policy,
        "cache-control": "no-store",
        "referrer-policy": "same-origin",
        "x-content-type-options": "nosniff",
        "cross-origin-opener-policy": "same-origin",
    }


def to(request: Request, path: str, told: str = "", *, failed: bool = False) -> Response:
    """Leads to another page of the dashboard, which says `told`."""
    service = visits.service_of(request)
    response = RedirectResponse(visits.base_path(service) + path, 303)
    if told:
        text = told[:MAX_TOLD_CHARS]
        said = {"text": text, "failed": failed, "exp": now_ms() // 1000 + TOLD_S}
        token = jwt.encode(said, visits.derived_key(service, "told"), visits.ALGORITHM)
        visits.set_cookie(request, response, TOLD, token, TOLD_S)
    return response


def _told(request: Request) -> dict[str, Any] | None:
    key = visits.derived_key(visits.service_of(request), "told")
    try:
        said: dict[str, Any] = jwt.decode(request.cookies.get(TOLD, ""), key, [visits.ALGORITHM])
    except jwt.InvalidTokenError:
        return None
    return said
