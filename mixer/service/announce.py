"""Puts the events that tell of conferences and participants into the outbox (contract 5.4).

Always in the transaction that makes what they tell of. What they say is mixer/webhooks/bodies.py's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from ..records.models import Application, Attendance, Conference
from ..webhooks import bodies
from .applications import stored_settings
from .conference_listing import recorded_ms
from .context import Service
from .recording_choice import recording_format


async def conference_created(service: Service, db: AsyncSession, conference: Conference) -> None:
    body = bodies.conference_created(conference)
    await _add(service, db, conference, "Conference.Created", body)


async def conference_ended(
    service: Service, db: AsyncSession, conference: Conference, stays: Sequence[Attendance]
) -> None:
    app = await db.get_one(Application, conference.app_key)
    recorded = await recorded_ms(db, [conference.id])
    body = bodies.conference_ended(
        conference,
        stays,
        recording_format=recording_format(conference, stored_settings(app.settings)),
        recording_ms=recorded[conference.id],
    )
    await _add(service, db, conference, "Conference.Ended", body)


async def participant_joined(
    service: Service, db: AsyncSession, conference: Conference, stay: Attendance
) -> None:
    await _add(service, db, conference, "Participant.Joined", bodies.participant(stay))


async def participant_left(
    service: Service, db: AsyncSession, conference: Conference, stay: Attendance
) -> None:
    await _add(service, db, conference, "Participant.Left", bodies.participant(stay))


async def _add(
    service: Service, db: AsyncSession, conference: Conference, type: str, body: dict[str, Any]
) -> None:
    await service.outbox.add(db, conference.app_key, conference.id, type, body)
