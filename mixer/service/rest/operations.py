"""For whoever runs the server: is it alive, is it ready, what does it do."""

from __future__ import annotations

import asyncio
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from sqlalchemy import text

from ..auth import service_of
from ..context import Service

log = structlog.get_logger()
router = APIRouter(tags=["Operations"])

CHECK_TIMEOUT_S = 5.0


class Health(BaseModel):
    """Whether it works, and what does not."""

    status: str
    failing: list[str] = []


@router.get("/healthz", summary="Is the process alive?")
async def healthz() -> Health:
    """Answers as long as the event loop runs: a supervisor restarts it when this does not."""
    return Health(status="ok")


@router.get("/readyz", summary="Can it do its work?", responses={503: {"model": Health}})
async def readyz(service: Annotated[Service, Depends(service_of)], response: Response) -> Health:
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
async def metrics() -> Response:
    """Prometheus' text format. Keep it from strangers: it tells how much goes on here."""
    return Response(generate_latest(), headers={"content-type": CONTENT_TYPE_LATEST})
