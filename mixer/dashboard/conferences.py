"""Conferences of all applications: looked for by alias, id, application and day; created."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..errors import UsageError
from ..records.models import Attendance, Conference, Recording, Session
from ..service import applications, conferences, listing
from ..service.attendance import PEOPLE
from ..service.context import Service
from ..service.errors import ApiError
from ..service.pages import Position, position
from . import formats, pages
from .login import sentence
from .visits import field_of, private

A_PAGE = 25
STATES = {"": "all", "live": "live", "ended": "ended", "recorded": "with recordings"}


@dataclass(frozen=True, slots=True)
class Row:
    """One conference, and what the list says of it."""

    conference: Conference
    application: str
    people: int
    recordings: int
    recording: bool  # now


async def listed(request: Request, service: Service) -> Response:
    """The list; only its rows for htmx, which asks while one types."""
    asked = request.query_params
    apps = {app.key: app.name for app in await applications.list_all(service.database)}
    query = _query(asked)
    async with service.database.reading() as db:
        found = list(await db.scalars(query.limit(A_PAGE + 1)))
        rows = await _rows(db, found[:A_PAGE], apps)
    more = None
    if len(found) > A_PAGE:
        more = Position(found[A_PAGE].created_at, found[A_PAGE].id).token()
    part = "conference_rows.html.j2" if request.headers.get("hx-request") else "conferences.html.j2"
    return pages.page(
        request, part, rows=rows, asked=dict(asked), more=more, applications=apps, states=STATES
    )


def _query(asked: Any) -> Any:
    query: Any = select(Conference).order_by(Conference.created_at.desc(), Conference.id.desc())
    if text := asked.get("q", "").strip().casefold()[:250]:
        escaped = text.replace("\0", "").replace("\\", "\\\\")
        escaped = escaped.replace("%", "\\%").replace("_", "\\_")
        query = query.where(
            or_(
                Conference.alias_key.like(f"%{escaped}%", escape="\\"),
                Conference.id.like(f"{escaped}%", escape="\\"),
            )
        )
    if app := asked.get("app", ""):
        query = query.where(Conference.app_key == app.replace("\0", ""))
    if (since := formats.day_ms(asked.get("from", ""))) is not None:
        query = query.where(Conference.created_at >= since)
    if (until := formats.day_ms(asked.get("to", ""), end=True)) is not None:
        query = query.where(Conference.created_at <= until)
    query = _in_state(query, asked.get("state", ""))
    if start := asked.get("start", ""):
        place = position(start)
        query = query.where(
            tuple_(Conference.created_at, Conference.id) <= tuple_(place.at, place.id)
        )
    return query


def _in_state(query: Any, state: str) -> Any:
    match state:
        case "live":
            return query.where(Conference.ended_at.is_(None))
        case "ended":
            return query.where(Conference.ended_at.is_not(None))
        case "recorded":
            of_it = Recording.conference_id == Conference.id
            return query.where(select(Recording.id).where(of_it, listing.downloadable()).exists())
    return query


async def _rows(db: AsyncSession, found: list[Conference], apps: dict[str, str]) -> list[Row]:
    ids = [row.id for row in found]
    people = await _counts(
        db,
        select(Attendance.conference_id, func.count(Attendance.participant_id.distinct()))
        .where(Attendance.conference_id.in_(ids), Attendance.type.in_(PEOPLE))
        .group_by(Attendance.conference_id),
    )
    files = await _counts(
        db,
        select(Recording.conference_id, func.count())
        .where(Recording.conference_id.in_(ids), listing.downloadable())
        .group_by(Recording.conference_id),
    )
    busy = select(Session.conference_id).where(
        Session.conference_id.in_(ids), Session.closed_at.is_(None), Session.kind == "record"
    )
    recording = set(await db.scalars(busy))
    return [
        Row(
            row,
            apps.get(row.app_key, row.app_key),
            people.get(row.id, 0),
            files.get(row.id, 0),
            row.id in recording,
        )
        for row in found
    ]


async def _counts(db: AsyncSession, query: Any) -> dict[str, int]:
    return {row[0]: row[1] for row in await db.execute(query)}


async def create(request: Request, service: Service) -> Response:
    """A new conference, or the live one of that alias."""
    form = await request.form()
    app = await applications.get(service.database, field_of(form, "app", 100))
    if app is None:
        wrong = "Choose the application whose conference it is."
        return pages.to(request, "/conferences", wrong, failed=True)
    parameters = {"liveRecording": "live_recording" in form}
    try:
        alias = field_of(form, "alias", 250)
        if not alias.isprintable():
            raise UsageError("an alias has printable characters only")
        created = await conferences.create(
            service,
            app,
            owner_external_id="",  # an operator's log-in is not told to who gets the webhooks
            alias=alias or None,
            parameters=parameters,
            permissions={},
        )
    except (ApiError, UsageError) as error:
        return pages.to(request, "/conferences", sentence(error), failed=True)
    told = "The conference is open." if created.is_new else "This conference was open already."
    return pages.to(request, f"/conferences/{created.conference.id}", told)


ROUTES: list[BaseRoute] = [
    Route("/conferences", private(listed), methods=["GET"]),
    Route("/conferences", private(create), methods=["POST"]),
]
