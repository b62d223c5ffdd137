"""Who is looking: signed cookies, tokens against forged forms, guarded routes.

A visit's cookie is a signed statement (JWT) of who logged in; it ends after twelve hours, with
the operator's password, and with the operator. Before the log-in it is nobody's, but there: the
log-in form is guarded like all others.
"""

from __future__ import annotations

import hashlib
import hmac
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import jwt
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ..records.models import Operator
from ..service.context import Service, now_ms
from . import operators

COOKIE = "mixer_operator"
LASTS_S = 12 * 3600
ALGORITHM = "HS256"

Act = Callable[[Request, Service], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Visit:
    """`operator`: an e-mail address, "" before the log-in. `id` is random."""

    id: str
    operator: str = ""
    password: str = ""  # its fingerprint


def service_of(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def base_path(service: Service) -> str:
    """Where the dashboard lies for browsers, without a slash at its end."""
    return urlsplit(service.settings.base_url).path.rstrip("/") + "/dashboard"


def derived_key(service: Service, use: str) -> bytes:
    """A key of its own for each use, so that nothing signed for one passes for another."""
    return hmac.digest(service.secrets.tokens, f"dashboard {use}".encode(), hashlib.sha256)


def visit_of(request: Request) -> Visit | None:
    """As the cookie says. Whether the operator still is one has to be looked at."""
    key = derived_key(service_of(request), "visits")
    try:
        said = jwt.decode(request.cookies.get(COOKIE, ""), key, [ALGORITHM])
        return Visit(str(said["jti"]), str(said["sub"]), str(said["pw"]))
    except (jwt.InvalidTokenError, KeyError, ValueError):
        return None


def begin(request: Request, operator: Operator | None = None) -> Visit:
    """A new visit; `keep` has to be called with the response."""
    id = uuid.uuid4().hex
    if operator is None:
        return Visit(id)
    return Visit(id, operator.email, operators.fingerprint(operator))


def keep(request: Request, response: Response, visit: Visit) -> None:
    """Puts the visit's cookie into the response."""
    service = service_of(request)
    now = now_ms() // 1000
    said = {"jti": visit.id, "sub": visit.operator, "pw": visit.password, "exp": now + LASTS_S}
    token = jwt.encode(said, derived_key(service, "visits"), ALGORITHM)
    set_cookie(request, response, COOKIE, token, LASTS_S)


def set_cookie(request: Request, response: Response, name: str, value: str, lasts_s: int) -> None:
    service = service_of(request)
    secure = service.settings.base_url.startswith("https:") and request.url.scheme == "https"
    response.set_cookie(
        name,
        value,
        max_age=lasts_s,
        path=base_path(service),
        secure=secure,
        httponly=True,
        samesite="strict",
    )


def form_token(service: Service, visit: Visit) -> str:
    """What every form of a visit carries."""
    return hmac.new(derived_key(service, "forms"), visit.id.encode(), hashlib.sha256).hexdigest()


async def check_form(request: Request, visit: Visit | None) -> None:
    """Raises HTTPException 403 for a form that no page of this visit has made."""
    form = await request.form()
    given = str(form.get("token", "")).encode()
    genuine = visit is not None and hmac.compare_digest(
        given, form_token(service_of(request), visit).encode()
    )
    if not genuine or request.headers.get("sec-fetch-site", "same-origin") not in (
        "same-origin",
        "none",
    ):
        raise HTTPException(403, "This page was open for too long: load it again, and repeat that.")


def private(act: Act) -> Endpoint:
    """A route for operators: others are led to the log-in. Forms are checked."""

    async def endpoint(request: Request) -> Response:
        service = service_of(request)
        visit = await visit_of_operator(request)
        if visit is None:
            return _to_login(request, service)
        if request.method == "POST":
            await check_form(request, visit)
        request.state.visit = visit
        return await act(request, service)

    return endpoint


async def visit_of_operator(request: Request) -> Visit | None:
    """None when nobody has logged in, and for who is no operator any more."""
    visit = visit_of(request)
    if visit is None or not visit.operator:
        return None
    operator = await operators.find(service_of(request).database, visit.operator)
    same = operator is not None and operators.fingerprint(operator) == visit.password
    return visit if same else None


def _to_login(request: Request, service: Service) -> Response:
    target = f"{base_path(service)}/login"
    if request.headers.get("hx-request"):  # a fragment is no place for a log-in form
        return Response(status_code=401, headers={"hx-redirect": target})
    if request.method == "GET":
        wanted = request.url.path.partition("/dashboard")[2]
        query = f"?{request.url.query}" if request.url.query else ""
        target += f"?next={quote(wanted + query)}"
    return RedirectResponse(target, 303)


def field_of(form: Any, name: str, most: int = 2000) -> str:
    """A form's text, trimmed. Raises HTTPException 400 for what no text field has."""
    value = form.get(name, "")
    if not isinstance(value, str) or len(value) > most or "\0" in value:
        raise HTTPException(400, f"{name}: give a text of at most {most} characters.")
    return value.strip()
