"""Log in and out, the first operator, one's own password."""

from __future__ import annotations

import hmac

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..errors import UsageError
from ..records.models import Operator
from ..service.auth import FailedSecrets
from ..service.context import Service
from ..service.errors import ApiError
from . import operators, pages, visits
from .visits import field_of, private

ANYBODY = ""  # stands for all e-mail addresses that one network address tries
WRONG = "There is no operator with this e-mail address and password."


async def login(request: Request) -> Response:
    """The form, and what comes of it."""
    service = visits.service_of(request)
    visit = visits.visit_of(request)
    if request.method == "POST":
        await visits.check_form(request, visit)
        return await _logged_in(request, service)
    return await _form(request, service)


async def _form(
    request: Request, service: Service, status: int = 200, wrong: str = "", email: str = ""
) -> Response:
    wanted = request.query_params.get("next", "")
    request.state.visit = visits.begin(request)
    response = pages.page(
        request,
        "login.html.j2",
        status,
        wrong=wrong,
        email=email,
        next=wanted,
        none_yet=not await operators.exist(service.database),
    )
    visits.keep(request, response, request.state.visit)
    return response


async def _logged_in(request: Request, service: Service) -> Response:
    form = await request.form()
    email, password = field_of(form, "email", 250).casefold(), str(form.get("password", ""))
    address = request.client.host if request.client else ""
    failed: FailedSecrets = request.app.state.failed_passwords
    all_failed: FailedSecrets = request.app.state.failed_from
    try:
        failed.check(address, email)
        all_failed.check(address, ANYBODY)
    except ApiError:
        return await _form(request, service, 429, "Too many wrong passwords: wait a minute.", email)
    failed.add(address, email)  # before it is looked at: those that come at once count, too
    all_failed.add(address, ANYBODY)
    operator = await operators.authenticate(service.database, email, password)
    if operator is None:
        return await _form(request, service, 401, WRONG, email)
    failed.forgive(address, email)
    all_failed.forgive(address, ANYBODY)
    return _welcome(request, operator, field_of(form, "next"))


def _welcome(request: Request, operator: Operator, wanted: str = "", told: str = "") -> Response:
    path = wanted if wanted.startswith("/") and not wanted.startswith("//") else "/"
    safe = path.isprintable() and "\\" not in path and ".." not in path
    response = pages.to(request, path if safe else "/", told)
    visits.keep(request, response, visits.begin(request, operator))
    return response


async def setup(request: Request) -> Response:
    """The one-time link that `mixer serve` prints."""
    service = visits.service_of(request)
    genuine = hmac.compare_digest(
        request.query_params.get("key", "").encode(),
        operators.setup_token(service.secrets.tokens).encode(),
    )
    if not genuine or await operators.exist(service.database):
        raise HTTPException(404, "This link has been used, or is none. Log in instead.")
    if request.method == "POST":
        visit = visits.visit_of(request)
        await visits.check_form(request, visit)
        form = await request.form()
        try:
            operator = await operators.add_first(
                service.database, field_of(form, "email", 250), str(form.get("password", ""))
            )
            return _welcome(request, operator, told="Welcome. Create an application first.")
        except UsageError as error:
            return _setup_form(request, 400, sentence(error))
    return _setup_form(request)


def _setup_form(request: Request, status: int = 200, wrong: str = "") -> Response:
    request.state.visit = visits.begin(request)
    response = pages.page(request, "setup.html.j2", status, wrong=wrong)
    visits.keep(request, response, request.state.visit)
    return response


async def logout(request: Request, service: Service) -> Response:
    response = pages.to(request, "/login")
    response.delete_cookie(visits.COOKIE, path=visits.base_path(service))
    return response


async def account(request: Request, service: Service) -> Response:
    """One's own password; who else is an operator."""
    if request.method == "POST":
        form = await request.form()
        email = request.state.visit.operator
        address = request.client.host if request.client else ""
        failed: FailedSecrets = request.app.state.failed_passwords
        try:
            failed.check(address, email)
            old, new = str(form.get("old", "")), str(form.get("new", ""))
            failed.add(address, email)
            if await operators.authenticate(service.database, email, old) is None:
                raise UsageError("the old password is another one")
            failed.forgive(address, email)
            await operators.put(service.database, email, new)
        except (UsageError, ApiError) as error:
            return pages.to(request, "/account", sentence(error), failed=True)
        operator = await operators.find(service.database, email)
        assert operator is not None
        return _welcome(request, operator, "/account", "The password has been changed.")
    everybody = await operators.list_all(service.database)
    return pages.page(request, "account.html.j2", operators=everybody)


def sentence(error: UsageError | ApiError) -> str:
    """What went wrong, for people."""
    text = error.description if isinstance(error, ApiError) else str(error)
    text = text[:1].upper() + text[1:]
    return text if text.endswith(".") else f"{text}."


ROUTES: list[BaseRoute] = [
    Route("/login", login, methods=["GET", "POST"]),
    Route("/setup", setup, methods=["GET", "POST"]),
    Route("/logout", private(logout), methods=["POST"]),
    Route("/account", private(account), methods=["GET", "POST"]),
]
