"""One conference: who was there, what is and was recorded, and what can be done about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..errors import MixerError, UsageError
from ..records.models import Conference, Recording, Session
from ..service import applications, attendance, conferences, files, listing
from ..service.context import Service
from ..service.errors import ApiError
from ..service.sessions import MixOrder
from . import pages, reports
from .login import sentence
from .visits import field_of, private

SIZES = ("1920x1080", "1280x720", "1080x1920", "1080x1080", "640x360")


@dataclass(frozen=True, slots=True)
class Raw:
    """One recorder's work; `report`: it can be looked at."""

    session: Session
    report: bool


async def found(request: Request, service: Service) -> Conference:
    """The conference of the address, whichever application's. Raises HTTPException 404."""
    id = request.path_params["id"]
    row = None
    if conferences.is_conference_id(id):
        async with service.database.reading() as db:
            row = await db.get(Conference, id)
    if row is None:
        raise HTTPException(404, "There is no conference with this id.")
    return row


async def shown(request: Request, service: Service) -> Response:
    row = await found(request, service)
    app = await applications.get(service.database, row.app_key)
    async with service.database.reading() as db:
        stays = await attendance.all_stays(db, row.id)
        of_it = Recording.conference_id == row.id, listing.downloadable()
        recorded = list(await db.scalars(select(Recording).where(*of_it)))
        chosen = select(Session).where(Session.conference_id == row.id)
        sessions = list(await db.scalars(chosen.order_by(Session.created_at)))
    return pages.page(
        request,
        "conference.html.j2",
        conference=row,
        application=app,
        stays=stays,
        names={stay.participant_id: stay.name for stay in stays},
        recordings=sorted(recorded, key=_order),
        urls=await _addresses(service, recorded),
        archive=files.archive_url(service, app, row.id) if app and recorded else None,
        raw=[Raw(one, reports.report_of(service, one) is not None) for one in sessions],
        join=_join_address(service, row),
        sizes=SIZES,
        **await _going_on(service, row),
    )


def _order(recording: Recording) -> tuple[bool, bool, str, int]:
    """Whole mixes first, then parts, then the sound of single people."""
    return (
        recording.kind != "mix",
        not recording.merged,
        "~" if recording.media_type == "audio/mpeg" else recording.mix_id or "",
        recording.start_time,
    )


async def _addresses(service: Service, recorded: list[Recording]) -> dict[str, str]:
    """Downloads that end after ten minutes, by recording; none while the storage is away."""
    try:
        urls = await service.storage.urls([one.object_key for one in recorded])
    except MixerError:
        return {}
    return {one.id: url for one, url in zip(recorded, urls, strict=True)}


async def _going_on(service: Service, row: Conference) -> dict[str, Any]:
    state = await service.sessions.state(row.id)
    remix = await service.sessions.remix_status(row) if row.ended_at is not None else None
    return {"state": state, "remix": remix}


def _join_address(service: Service, row: Conference) -> str:
    """The join page; under access control with a token that may everything, and names nobody: an
    operator's log-in is no business of the participants and of whoever gets the webhooks."""
    address = f"{service.settings.base_url}/rooms/{row.id}"
    if not row.protected:
        return address
    token = service.tokens.conference_token(row.app_key, row.id, "", conferences.PERMISSIONS)
    return f"{address}#cat={token}"


async def status(request: Request, service: Service) -> Response:
    """What goes on, for htmx, which asks every few seconds."""
    row = await found(request, service)
    return pages.page(
        request, "recording_state.html.j2", conference=row, **await _going_on(service, row)
    )


def order_of(form: Any) -> MixOrder:
    """A mix as a form asks for it. Raises UsageError for an impossible size."""
    width, _, height = field_of(form, "size", 20).lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and len(width + height) < 10):
        raise UsageError("a size is WIDTHxHEIGHT, such as 1280x720")
    return MixOrder(
        mix_id=field_of(form, "mix_id", 100) or "default",
        layout_url=field_of(form, "layout_url") or None,
        width=int(width),
        height=int(height),
    )


async def _start(service: Service, row: Conference, form: Any) -> str:
    await service.sessions.start(row, order_of(form), by="operator")
    return "Recording begins."


async def _stop(service: Service, row: Conference, form: Any) -> str:
    await service.sessions.stop(row, field_of(form, "mix_id", 100) or None)
    return "Recording stops; the files come in a moment."


async def _pause(service: Service, row: Conference, form: Any) -> str:
    await service.sessions.pause(row)
    return "Recording pauses."


async def _resume(service: Service, row: Conference, form: Any) -> str:
    await service.sessions.resume(row)
    return "Recording goes on."


async def _remix(service: Service, row: Conference, form: Any) -> str:
    await service.sessions.remix(row, order_of(form))
    return "The remix is being made."


async def _terminate(service: Service, row: Conference, form: Any) -> str:
    _sure(form)
    ended = await conferences.terminate(service, row.id, "terminated")
    return "The conference has been ended for everybody." if ended else "It had ended already."


async def _delete(service: Service, row: Conference, form: Any) -> str:
    _sure(form)
    removed = await files.delete(service, row)
    return f"Deleted: {removed.files} files and {removed.raw} raw recordings."


def _sure(form: Any) -> None:
    if "sure" not in form:
        raise UsageError("tick the box to confirm; nothing has been changed")


ACTS: dict[str, Callable[[Service, Conference, Any], Awaitable[str]]] = {
    "start": _start,
    "stop": _stop,
    "pause": _pause,
    "resume": _resume,
    "remix": _remix,
    "terminate": _terminate,
    "delete": _delete,
}


async def act(request: Request, service: Service) -> Response:
    """Does what a button of the page, or of the live page, is for."""
    row = await found(request, service)
    doing = ACTS.get(request.path_params["act"])
    if doing is None:
        raise HTTPException(404, "There is no such page.")
    form = await request.form()
    back = "/live" if form.get("back") == "live" else f"/conferences/{row.id}"
    try:
        return pages.to(request, back, await doing(service, row, form))
    except (ApiError, UsageError) as error:
        return pages.to(request, back, sentence(error), failed=True)


ROUTES: list[BaseRoute] = [
    Route("/conferences/{id}", private(shown), methods=["GET"]),
    Route("/conferences/{id}/status", private(status), methods=["GET"]),
    Route("/conferences/{id}/{act}", private(act), methods=["POST"]),
]
