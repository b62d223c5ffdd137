"""Storage, retention and usage: what is there, what goes when, what was recorded."""

from __future__ import annotations

import asyncio
import shutil
import time

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..errors import MixerError
from ..service import applications, files
from ..service.context import Service, now_ms
from . import formats, pages, sums
from .visits import private

MONTHS = 12
DAYS = (1, 7, 30, 90, 180)
REMEMBERED_S = 60.0


async def storage(request: Request, service: Service) -> Response:
    async with service.database.reading() as db:
        kept = await sums.kept(db)
    data = service.settings.data
    disk = await asyncio.to_thread(shutil.disk_usage, data)
    return pages.page(
        request,
        "storage.html.j2",
        kept=kept,
        names=sums.KINDS,
        total=sum(kept.values(), sums.Sum()),
        where=str(service.storage.location),
        is_local=service.storage.location.folder is not None,
        data=str(data),
        disk=disk,
        work=await _work_bytes(request, service),
    )


async def _work_bytes(request: Request, service: Service) -> int:
    """The session folders' size, measured at most once a minute: they may have many files."""
    known: tuple[float, int] | None = getattr(request.app.state, "work_bytes", None)
    if known is None or time.monotonic() - known[0] > REMEMBERED_S:
        found = await asyncio.to_thread(sums.folder_bytes, service.settings.sessions_folder)
        known = request.app.state.work_bytes = (time.monotonic(), found)
    return known[1]


async def retention(request: Request, service: Service) -> Response:
    now = now_ms()
    async with service.database.reading() as db:
        due = await sums.due(db, now, DAYS)
        gone = await sums.gone(db, now)
    return pages.page(
        request,
        "retention.html.j2",
        applications=await applications.list_all(service.database),
        due=due,
        gone=gone,
    )


async def sweep(request: Request, service: Service) -> Response:
    """Removes what is overdue now instead of within the hour."""
    try:
        removed = await files.sweep(service)
    except MixerError as error:
        return pages.to(request, "/retention", str(error), failed=True)
    told = f"Removed {removed.files} files ({formats.size(removed.bytes)}) and "
    told += f"{removed.raw} raw recordings; {removed.people} participants were forgotten."
    return pages.to(request, "/retention", told)


async def usage(request: Request, service: Service) -> Response:
    now = now_ms()
    names = {app.key: app.name for app in await applications.list_all(service.database)}
    asked = request.query_params.get("app", "")
    app_key = asked if asked in names else None
    async with service.database.reading() as db:
        months = await sums.by_month(db, formats.months(now, MONTHS), app_key)
    recorded = await sums.recorded_by_month(
        service.database, formats.months(now, MONTHS), now, app_key
    )
    most = max((sum(kinds.values(), sums.Sum()).ms for _, kinds in months), default=0)
    return pages.page(
        request,
        "usage.html.j2",
        months=[(name, kinds, sum(kinds.values(), sums.Sum())) for name, kinds in months],
        names=sums.KINDS,
        recorded=recorded,
        most=max(most, 1),
        applications=names,
        asked=app_key,
    )


ROUTES: list[BaseRoute] = [
    Route("/storage", private(storage), methods=["GET"]),
    Route("/retention", private(retention), methods=["GET"]),
    Route("/retention/sweep", private(sweep), methods=["POST"]),
    Route("/usage", private(usage), methods=["GET"]),
]
