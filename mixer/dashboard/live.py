"""What is being recorded now: a moving picture, how well it goes, buttons; kept up to date by SSE.

Each stream of events sends only what has changed: health often, pictures when a segment of the
video is whole, the whole list when a recording begins, changes its state or ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from ..errors import MixerError
from ..recorder.plan import RecordFolder
from ..records.models import Application, Conference, Server, Session
from ..service import servers
from ..service.context import Service
from . import health, pages, pictures
from .health import Health
from .visits import private, visit_of_operator

EVERY_S = 2.0
STREAM_S = 600.0  # then the browser comes again
AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Going:
    """One recording that is not finished."""

    session: Session
    conference: Conference
    application: str
    state: dict[str, Any]
    health: Health
    picture: str  # says which picture there is; "" for none
    elsewhere: str = ""  # the address of the server that records it, if that is another one

    @property
    def shape(self) -> tuple[str, ...]:
        """What the list is drawn anew for."""
        running = [m["mixId"] for m in self.state["mixes"] if m["stoppedAt"] is None]
        return (self.session.id, str(self.state["status"]), *running, str(bool(self.picture)))


async def going(service: Service) -> list[Going]:
    """All recordings that are not finished, oldest first."""
    query = (
        select(Session, Conference, Application.name, Server.address)
        .outerjoin(Server, Server.id == Session.server)
        .join(Conference, Conference.id == Session.conference_id)
        .join(Application, Application.key == Session.app_key)
        .where(Session.closed_at.is_(None), Session.kind == "record")
        .order_by(Session.created_at)
        .limit(AT_ONCE)
    )
    async with service.database.reading() as db:
        rows = (await db.execute(query)).all()
    states = await asyncio.gather(*(service.sessions.state(row[1].id) for row in rows))
    found = []
    for (session, conference, name, address), state in zip(rows, states, strict=True):
        if not servers.is_here(service, session.server):
            how = health.Health("elsewhere")
            found.append(Going(session, conference, name, state, how, "", address or "?"))
            continue
        segment = await asyncio.to_thread(_segment, service, session)
        picture = f"{segment.parent.parent.name}-{segment.stem}" if segment else ""
        found.append(Going(session, conference, name, state, health.of(state), picture))
    return found


def _segment(service: Service, session: Session) -> Path | None:
    """The newest whole segment of the mix that was begun last."""
    folder = RecordFolder(service.settings.data / session.folder)
    try:
        plan = folder.load()
    except MixerError:
        return None
    running = [mix for mix in plan.mixes if mix.runs] or list(plan.mixes)
    for mix in reversed(running):
        if (found := pictures.newest(folder.mix_work(mix).segments)) is not None:
            return found
    return None


async def shown(request: Request, service: Service) -> Response:
    return pages.page(request, "live.html.j2", going=await going(service))


async def events(request: Request, service: Service) -> Response:
    return StreamingResponse(
        _told(request, service),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


async def _told(request: Request, service: Service) -> AsyncIterator[str]:
    """Server-sent events until the stream's time is over, nobody listens, or who listens is no
    operator any more."""
    loop = asyncio.get_running_loop()
    until = loop.time() + STREAM_S
    shapes: list[tuple[str, ...]] | None = None
    sent: dict[str, str] = {}
    yield "retry: 2000\n\n"
    while loop.time() < until and not service.rooms.stopping:
        if await visit_of_operator(request) is None:
            return
        now = await going(service)
        if [one.shape for one in now] != shapes:
            if shapes is not None:
                yield _event("cards", pages.fragment(request, "live_cards.html.j2", going=now))
            shapes, sent = [one.shape for one in now], {}
        for one in now:
            parts = {
                f"health-{one.session.id}": pages.fragment(request, "live_health.html.j2", one=one),
                f"picture-{one.session.id}": pages.fragment(
                    request, "live_picture.html.j2", one=one
                ),
            }
            for name, text in parts.items():
                if sent.get(name) != text:
                    sent[name] = text
                    yield _event(name, text)
        yield ": \n\n"
        await asyncio.sleep(EVERY_S)


def _event(name: str, text: str) -> str:
    lines = "".join(f"data: {line}\n" for line in text.splitlines() if line.strip())
    return f"event: {name}\n{lines}\n"


async def picture(request: Request, service: Service) -> Response:
    """What a recording shows: the first picture of its newest whole segment."""
    async with service.database.reading() as db:
        session = await db.get(Session, request.path_params["session"])
    if session is None:
        raise HTTPException(404, "There is no such recording.")
    segment = await asyncio.to_thread(_segment, service, session)
    jpeg = await asyncio.to_thread(pictures.of_segment, segment) if segment else None
    if jpeg is None:
        return Response(status_code=404)
    return Response(jpeg, media_type="image/jpeg", headers={"cache-control": "no-store"})


ROUTES: list[BaseRoute] = [
    Route("/live", private(shown), methods=["GET"]),
    Route("/live/events", private(events), methods=["GET"]),
    Route("/live/{session}.jpg", private(picture), methods=["GET"]),
]
