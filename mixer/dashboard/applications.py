"""Applications: listed, created (the secret is shown once), their settings changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from sqlalchemy import func, select
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..errors import UsageError
from ..records.models import Conference
from ..service import applications
from ..service.applications import DEPRECATED_EVENTS, EVENTS, ApplicationSettings
from ..service.context import Service
from . import pages
from .login import sentence
from .visits import field_of, private

# What a form asks, in this order: the field, its label, and what it means.
ASKED: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = (
    (
        "Recording",
        (
            ("recording_format", "Format", "of recordings; a conference may ask for another"),
            ("live_recording", "Render live", "files are ready seconds after the stop"),
            ("participant_audio", "Participants’ audio", "one sound file each, with mp3 and both"),
            ("layout_url", "Layout", "a page’s address or a built-in name; empty: the default one"),
        ),
    ),
    (
        "Access",
        (
            ("access_control", "Access control", "joining takes a conference access token"),
            ("signed_urls", "Signed addresses", "downloads end after ten minutes"),
            ("max_participants", "Participants at most", "in one conference"),
        ),
    ),
    (
        "Retention, in days",
        (
            ("retention_mix_days", "Mixes", "merged mixes and parts"),
            ("retention_participant_days", "Participants’ audio", "files of single people"),
            ("retention_raw_days", "Raw recordings", "needed for remixes and reports"),
        ),
    ),
    (
        "Webhooks",
        (
            ("webhook_url", "Address", "events are sent there; empty: nowhere"),
            ("webhook_events", "Events", "which of them"),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Field:
    """One question of the form. `kind`: choice, tick, number, text, events."""

    name: str
    label: str
    hint: str
    kind: str
    value: Any
    choices: tuple[str, ...] = ()


async def _list(
    request: Request, service: Service, status: int = 200, created: Any = None, wrong: str = ""
) -> Response:
    found = await applications.list_all(service.database)
    count = select(Conference.app_key, func.count()).group_by(Conference.app_key)
    async with service.database.reading() as db:
        counts = {row[0]: row[1] for row in await db.execute(count)}
    return pages.page(
        request,
        "applications.html.j2",
        status,
        applications=found,
        counts=counts,
        created=created,
        wrong=wrong,
    )


async def create(request: Request, service: Service) -> Response:
    """Answers with the secret instead of leading elsewhere: it is shown this once."""
    form = await request.form()
    name, webhook = field_of(form, "name", 300), field_of(form, "webhook_url")
    try:
        key, secret = await applications.create(service.database, name, webhook or None)
    except UsageError as error:
        return await _list(request, service, 400, wrong=sentence(error))
    created = {"key": key, "secret": secret, "name": name}
    return await _list(request, service, 201, created=created)


async def one(request: Request, service: Service) -> Response:
    """An application's settings, as a form."""
    key = request.path_params["key"]
    if request.method == "GET":
        return await page_of(request, service, key)
    given = _given(await request.form())
    try:
        await applications.change(service.database, key, given)
    except UsageError as error:
        return await page_of(request, service, key, given=given, wrong=sentence(error))
    return pages.to(request, f"/applications/{key}", "The settings have been saved.")


async def page_of(
    request: Request,
    service: Service,
    key: str,
    *,
    given: dict[str, Any] | None = None,
    wrong: str = "",
    shown: Any = None,
) -> Response:
    """`given`: what the form says that could not be saved, and `wrong` why. `shown`: a secret.

    Raises HTTPException 404.
    """
    app = await applications.get(service.database, key)
    if app is None:
        raise HTTPException(404, "There is no application with this key.")
    values = app.settings.model_dump() if given is None else given
    return pages.page(
        request,
        "application.html.j2",
        400 if wrong else 200,
        application=app,
        groups=[(title, [_field(*asked, values) for asked in fields]) for title, fields in ASKED],
        events=EVENTS,
        deprecated=DEPRECATED_EVENTS,
        wrong=wrong,
        shown=shown,
    )


def _kind(name: str) -> tuple[str, tuple[str, ...]]:
    annotation = ApplicationSettings.model_fields[name].annotation
    if name == "webhook_events":
        return "events", ()
    if get_origin(annotation) is Literal:
        return "choice", get_args(annotation)
    if annotation is bool:
        return "tick", ()
    return ("number" if annotation is int else "text"), ()


def _field(name: str, label: str, hint: str, shown: dict[str, Any]) -> Field:
    kind, choices = _kind(name)
    return Field(name, label, hint, kind, shown[name], choices)


def _given(form: Any) -> dict[str, Any]:
    """What a form says, as settings; what is wrong with it `change` finds out."""
    given: dict[str, Any] = {}
    for _, fields in ASKED:
        for name, _, _ in fields:
            kind, _ = _kind(name)
            if kind == "tick":
                given[name] = name in form
            elif kind == "events":
                given[name] = [str(event) for event in form.getlist(name)]
            else:
                given[name] = field_of(form, name)
    return given


ROUTES: list[BaseRoute] = [
    Route("/applications", private(_list), methods=["GET"]),
    Route("/applications", private(create), methods=["POST"]),
    Route("/applications/{key}", private(one), methods=["GET", "POST"]),
]
