"""The first page: what goes on, what needs a look, what was recorded last."""

from __future__ import annotations

import asyncio
import shutil
from typing import Any

from sqlalchemy import func, select
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..records.models import Attendance, Conference, Event, Recording, Session
from ..service import applications, listing
from ..service.attendance import PEOPLE
from ..service.context import Service, now_ms
from ..webhooks.outbox import says_something
from . import formats, pages, sums
from .visits import private

LATEST = 6


async def shown(request: Request, service: Service) -> Response:
    async with service.database.reading() as db:
        counts = {
            "live": await _count(db, Conference, Conference.ended_at.is_(None)),
            "people": await _count(
                db, Attendance, Attendance.left_at.is_(None), Attendance.type.in_(PEOPLE)
            ),
            "recordings": await _count(
                db, Session, Session.closed_at.is_(None), Session.kind == "record"
            ),
            "remixes": await _count(
                db, Session, Session.closed_at.is_(None), Session.kind == "remix"
            ),
            "dead": await _count(db, Event, Event.state == "dead", says_something()),
            "pending": await _count(db, Event, Event.state == "pending"),
        }
        latest = (await db.execute(_latest())).all()
        month = (await sums.by_month(db, formats.months(now_ms(), 1)))[0]
    disk = await asyncio.to_thread(shutil.disk_usage, service.settings.data)
    return pages.page(
        request,
        "overview.html.j2",
        counts=counts,
        latest=latest,
        month=(month[0], sum(month[1].values(), sums.Sum())),
        disk=disk,
        ready=service.rooms.ready,
        applications=await applications.list_all(service.database),
    )


def _latest() -> Any:
    query = select(Recording, Conference.alias)
    query = query.join(Conference, Conference.id == Recording.conference_id)
    query = query.where(listing.downloadable(), Recording.kind == "mix", Recording.merged.is_(True))
    query = query.where(Recording.media_type == "video/mp4")
    return query.order_by(Recording.end_time.desc(), Recording.id.desc()).limit(LATEST)


async def _count(db: Any, of: Any, *conditions: Any) -> int:
    return int(await db.scalar(select(func.count()).select_from(of).where(*conditions)) or 0)


ROUTES: list[BaseRoute] = [Route("/", private(shown), methods=["GET"])]
