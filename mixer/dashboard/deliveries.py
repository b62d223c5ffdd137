"""The webhooks' log: what was sent to whom, what they answered, what was given up; sent again."""

from __future__ import annotations

from sqlalchemy import func, select
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..records.models import Application, Conference, Event
from ..service.applications import DEPRECATED_EVENTS, EVENTS
from ..service.context import Service
from ..webhooks.outbox import says_something
from . import pages
from .visits import private

A_PAGE = 30
STATES = {"": "all", "pending": "due", "delivered": "delivered", "dead": "given up"}
AGAIN_AT_ONCE = 1000
CANNOT_BE_SENT = (
    "This cannot be sent any more: what it was about has been deleted, or the application has no"
    " webhook address; set one."
)


async def listed(request: Request, service: Service) -> Response:
    """Newest first."""
    asked = request.query_params
    query = select(Event, Conference.alias, Application.name)
    query = query.join(Conference, Conference.id == Event.conference_id)
    query = query.join(Application, Application.key == Event.app_key)
    for column, name in (
        (Event.state, "state"),
        (Event.type, "type"),
        (Event.conference_id, "conference"),
        (Event.app_key, "app"),
    ):
        if value := asked.get(name, "").replace("\0", ""):
            query = query.where(column == value)
    if (before := asked.get("before", "")).isdecimal() and len(before) < 18:
        query = query.where(Event.id <= int(before))
    async with service.database.reading() as db:
        rows = (await db.execute(query.order_by(Event.id.desc()).limit(A_PAGE + 1))).all()
        given_up = Event.state == "dead", says_something()
        dead = await db.scalar(select(func.count()).where(*given_up)) or 0
    return pages.page(
        request,
        "webhooks.html.j2",
        rows=rows[:A_PAGE],
        more=rows[A_PAGE][0].id if len(rows) > A_PAGE else None,
        asked=dict(asked),
        states=STATES,
        types=(*EVENTS, *DEPRECATED_EVENTS),
        dead=dead,
    )


async def one(request: Request, service: Service) -> Response:
    """An event: its body as it was sent last, and the answer."""
    async with service.database.reading() as db:
        event = await db.scalar(select(Event).where(Event.uid == request.path_params["uid"]))
        conference = await db.get(Conference, event.conference_id) if event else None
    if event is None:
        raise HTTPException(404, "There is no such event; they are kept for 90 days.")
    return pages.page(request, "webhook.html.j2", event=event, conference=conference)


async def again(request: Request, service: Service) -> Response:
    """Sends one again, or all that were given up."""
    uid = request.path_params["uid"]
    chosen = select(Event.app_key, Event.uid).order_by(Event.id).limit(AGAIN_AT_ONCE)
    if uid == "dead":
        chosen = chosen.where(Event.state == "dead", says_something())
    else:
        chosen = chosen.where(Event.uid == uid)
    async with service.database.reading() as db:
        events = (await db.execute(chosen)).all()
    sent = [await service.outbox.send_again(*event) for event in events]
    if not events:
        return pages.to(request, "/webhooks", "There was nothing to send again.", failed=True)
    page = "/webhooks" if uid == "dead" else f"/webhooks/{uid}"
    if not any(sent):
        return pages.to(request, page, CANNOT_BE_SENT, failed=True)
    told = f"{sum(sent)} events are" if uid == "dead" else "The event is"
    return pages.to(request, page, f"{told} being sent again.")


ROUTES: list[BaseRoute] = [
    Route("/webhooks", private(listed), methods=["GET"]),
    Route("/webhooks/{uid}", private(one), methods=["GET"]),
    Route("/webhooks/{uid}", private(again), methods=["POST"]),
]
