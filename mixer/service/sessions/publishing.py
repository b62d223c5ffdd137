"""Tells applications and participants how recordings go: that they have begun, or failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from ...records.models import Conference, Mix, Session
from ...webhooks import bodies
from ..context import Service, now_ms

log = structlog.get_logger()


async def tell_progress(
    service: Service,
    conference: Conference,
    mix: Mix,
    began_at: int,
    *,
    live: bool = True,
    video: bool,
) -> None:
    """Notes it; if it is live Recording.Live.InProgress, once for each start of a mix; which mix,
    where there is a video (contract 5.2)."""
    async with service.database.writing() as db:
        row = await db.get_one(Mix, mix.id, with_for_update=True)
        if row.began_at is not None:
            return
        row.began_at = began_at
        if not live:
            return
        told: dict[str, Any] = {
            "layout_url": mix.layout_url,
            "layout_name": mix.layout_name,
            "mix_id": mix.mix_id,
            "width": mix.width,
            "height": mix.height,
        }
        body = bodies.live_in_progress(began_at, **(told if video else {}))
        await service.outbox.add(
            db, conference.app_key, conference.id, "Recording.Live.InProgress", body
        )


async def tell_failure(
    service: Service,
    conference: Conference,
    reason: str,
    *,
    of: Session | Mix,
    saved: Sequence[str] = (),
) -> None:
    """Recording.Failed, once for a mix, and once for what concerns the whole session; participants
    who are there learn of it, too."""
    async with service.database.writing() as db:
        if not await note_failure(service, db, conference, reason, of=of, saved=saved):
            return
    service.rooms.tell_recording_failed(conference.id, reason)


async def note_failure(
    service: Service,
    db: AsyncSession,
    conference: Conference,
    reason: str,
    *,
    of: Session | Mix,
    saved: Sequence[str] = (),
) -> bool:
    """The same in a transaction of the caller's, who tells participants; False: it is known."""
    row: Mix | Session
    if isinstance(of, Mix):
        row = await db.get_one(Mix, of.id, with_for_update=True)
    else:
        row = await db.get_one(Session, of.id, with_for_update=True)
    if row.error is not None:
        return False
    row.error = reason
    of_mix = (
        {"mix_id": of.mix_id, "layout_url": of.layout_url, "layout_name": of.layout_name}
        if isinstance(of, Mix)
        else {}
    )
    body = bodies.recording_failed(now_ms(), reason=reason, saved=saved, **of_mix)
    await service.outbox.add(db, conference.app_key, conference.id, "Recording.Failed", body)
    log.warning("recording.failed", conference=conference.id, reason=reason)
    return True
