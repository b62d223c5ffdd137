"""Puts the events that tell of conferences and participants into the outbox (contract 5.4).

Always in the transaction that makes what they tell of. The events' bodies are mixer/webhooks/'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from ..records.models import Attendance, Conference
from .context import Service


async def conference_created(service: Service, db: AsyncSession, conference: Conference) -> None:
    body = {"owner": {"externalId": conference.owner_external_id}}
    await _add(service, db, conference, "Conference.Created", body)


async def conference_ended(
    service: Service, db: AsyncSession, conference: Conference, stays: Sequence[Attendance]
) -> None:
    await _add(service, db, conference, "Conference.Ended", {})


async def participant_joined(
    service: Service, db: AsyncSession, conference: Conference, stay: Attendance
) -> None:
    body = {"participant": {"userId": stay.participant_id, "externalId": stay.external_id}}
    await _add(service, db, conference, "Participant.Joined", body)


async def participant_left(
    service: Service, db: AsyncSession, conference: Conference, stay: Attendance
) -> None:
    body = {"participant": {"userId": stay.participant_id}, "reason": stay.reason}
    await _add(service, db, conference, "Participant.Left", body)


async def _add(
    service: Service, db: AsyncSession, conference: Conference, type: str, body: dict[str, Any]
) -> None:
    await service.outbox.add(db, conference.app_key, conference.id, type, body)
