"""Webhooks seen from outside: the keys that sign them, and what was sent (contract 4.5, 5.5)."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from sqlalchemy import select, tuple_

from ...records.models import Event
from .. import conferences
from ..applications import DEPRECATED_EVENTS, EVENTS
from ..auth import Caller, GivenService
from ..context import Service
from ..errors import answers
from ..pages import Position, Range, tokens
from ..pattern import MAX_PATTERN_CHARS
from .conferences import ConferenceId
from .monitor import Reader
from .monitor_answers import Webhooks
from .monitor_conferences import pattern
from .paging import GivenRange, json_answer

router = APIRouter(tags=["Webhooks"])

Type = Annotated[
    str | None,
    Query(
        max_length=MAX_PATTERN_CHARS,
        description="An event's type, or a regular expression of types.",
        examples=["Rec.*"],
    ),
]


@router.get("/v1/public/keys/webhooks", responses={200: {"model": dict[str, str]}})
async def keys(service: GivenService) -> dict[str, str]:
    """Public keys (Ed25519, raw, base64) by id: what `Dolby-Signature` is checked with."""
    return await service.outbox.keys.published()


@router.get(
    "/v1/monitor/webhooks",
    responses={200: {"model": Webhooks}, **answers(400, 401, 403)},
    response_class=Response,
)
async def webhooks(
    service: GivenService,
    reader: Reader,
    given: GivenRange,
    type: Type = None,
) -> Response:
    """Events of an application, newest first, with what the receiver answered last."""
    return json_answer(await _page(service, reader, given, type))


@router.get(
    "/v1/monitor/conferences/{conferenceId}/webhooks",
    responses={200: {"model": Webhooks}, **answers(400, 401, 403, 404)},
    response_class=Response,
)
async def conference_webhooks(
    conference_id: ConferenceId,
    service: GivenService,
    reader: Reader,
    given: GivenRange,
    type: Type = None,
) -> Response:
    """Events of one conference, newest first."""
    conference = await conferences.find(service, reader.app_key, conference_id)
    return json_answer(await _page(service, reader, given, type, conference.id))


async def _page(
    service: Service, reader: Caller, given: Range, type: str | None, conf_id: str | None = None
) -> dict[str, Any]:
    whose = Event.app_key == reader.app_key if conf_id is None else Event.conference_id == conf_id
    query = select(Event).where(whose, Event.created_at.between(given.since, given.latest))
    if type:
        wanted = pattern("type", type)
        known = [name for name in (*EVENTS, *DEPRECATED_EVENTS) if wanted.matches(name)]
        query = query.where(Event.type.in_(known))
    if given.position is not None:
        # ids are numbers here: a token with another is none of ours and finds nothing
        id = int(given.position.id) if given.position.id.isdecimal() else 0
        place = tuple_(Event.created_at, Event.id)
        query = query.where(place <= tuple_(given.position.at, min(id, 2**62)))
    query = query.order_by(Event.created_at.desc(), Event.id.desc()).limit(given.most + 1)
    async with service.database.reading() as db:
        rows = list(await db.scalars(query))
    places = [Position(row.created_at, str(row.id)) for row in rows]
    told = [_told(row) for row in rows[: given.most]]
    return {**tokens(places, given), "webhooks": told}


def _told(row: Event) -> dict[str, Any]:
    """`state` and `attempts` are ours. Before the first attempt the body has no addresses."""
    return {
        "id": row.uid,
        "webhook": row.sent_body or json.dumps(row.body, ensure_ascii=False),
        "url": row.url,
        "confId": row.conference_id,
        "thirdPartyId": row.app_key,
        "ts": row.created_at,
        "response": row.response or {"status": "", "headers": {}},
        "state": row.state,
        "attempts": row.attempts,
    }
