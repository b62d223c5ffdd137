"""For whoever runs the server: is it alive, is it ready, what does it do."""

from __future__ import annotations

import asyncio
import html
from typing import Any

import structlog
from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest
from pydantic import BaseModel
from sqlalchemy import ColumnElement, Select, func, select, text

from ...records.models import Attendance, Base, Conference, Event, Session
from ..attendance import PEOPLE
from ..auth import GivenService
from ..catalogue import FAULTS

log = structlog.get_logger()
router = APIRouter(tags=["Operations"])

CHECK_TIMEOUT_S = 5.0


def _count(of: type[Base], *conditions: ColumnElement[bool]) -> Select[Any]:
    return select(func.count()).select_from(of).where(*conditions)


RESTARTS = Gauge("mixer_janus_restarts", "Of the media server, since the start")
GAUGES = {
    Gauge("mixer_conferences_live", "Conferences that go on"): _count(
        Conference, Conference.ended_at.is_(None)
    ),
    Gauge("mixer_participants", "People in conferences"): _count(
        Attendance, Attendance.left_at.is_(None), Attendance.type.in_(PEOPLE)
    ),
    Gauge("mixer_sessions_open", "Recordings and remixes that are not finished"): _count(
        Session, Session.closed_at.is_(None)
    ),
    Gauge("mixer_events_pending", "Webhooks' events that are due"): _count(
        Event, Event.state == "pending"
    ),
    Gauge("mixer_events_dead", "Webhooks' events that were given up"): _count(
        Event, Event.state == "dead"
    ),
}


class Health(BaseModel):
    """Whether it works, and what does not."""

    status: str
    failing: list[str] = []


@router.get("/healthz", summary="Is the process alive?")
async def healthz() -> Health:
    """Answers as long as the event loop runs: a supervisor restarts it when this does not."""
    return Health(status="ok")


@router.get("/readyz", summary="Can it do its work?", responses={503: {"model": Health}})
async def readyz(service: GivenService, response: Response) -> Health:
    """503 while the database or the conference server is away."""
    failing = []
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S), service.database.reading() as db:
            await db.execute(text("SELECT 1"))
    except Exception as error:  # whatever it is, it is not ready
        log.warning("database.away", error=type(error).__name__)
        failing.append("database")
    if not service.rooms.ready:
        failing.append("conference server")
    response.status_code = 503 if failing else 200
    return Health(status="unavailable" if failing else "ok", failing=failing)


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}},
)
async def metrics(service: GivenService) -> Response:
    """Prometheus' text format. Keep it from strangers: it tells how much goes on here."""
    async with service.database.reading() as db:
        for gauge, question in GAUGES.items():
            gauge.set(await db.scalar(question) or 0)
    RESTARTS.set(service.rooms.janus_restarts)
    return Response(generate_latest(), headers={"content-type": CONTENT_TYPE_LATEST})


@router.get("/docs/errors", include_in_schema=False)
async def errors() -> HTMLResponse:
    """What the `type` of every error leads to."""
    rows = "".join(
        f'<tr id="{one.code}"><td>{one.code}<td>{one.status}<td>{one.reason}'
        f"<td>{html.escape(one.advice)}"
        for one in FAULTS
    )
    title = "Errors of the REST interface"
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        "<style>body{font:16px/1.5 system-ui;margin:2rem;color-scheme:light dark}"
        "td,th{padding:.2rem 1rem .2rem 0;text-align:left}:target{background:#fabe0455}</style>"
        f"<h1>{title}</h1><table><tr><th>code<th>status<th>reason<th>what to do{rows}</table>"
    )
    return HTMLResponse(page)
