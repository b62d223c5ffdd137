"""Hands what was found in a recording's folder to `files.publish`, and tells of what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog

from ...records.models import Conference, Mix, Session
from ...webhooks import bodies
from .. import files
from ..context import Service, now_ms
from ..files import FileMade
from .found import Found

log = structlog.get_logger()


async def publish(service: Service, session: Session, found: Sequence[Found]) -> None:
    """Into the storage, the database and the events; what is there already stays as it is.

    Raises what the storage raises: it is tried again later.
    """
    made = [
        FileMade(
            path=one.path,
            kind=one.kind,
            media_type=one.media_type,
            mix=one.mix,
            part=one.part,
            merged=one.merged,
            start_time=one.start_time,
            duration=one.duration_ms,
            details=_details(one),
        )
        for one in found
    ]
    await files.publish(service, session, made)


def _details(one: Found) -> dict[str, Any]:
    if one.kind != "participant":
        return {} if one.replaced is None else {"layoutReplaced": one.replaced}
    told = {"participantId": one.participant, "source": one.source}
    return {**told, "stayStartedAt": one.start_time}


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
    mix = of if isinstance(of, Mix) else None
    async with service.database.writing() as db:
        row: Mix | Session
        if mix is not None:
            row = await db.get_one(Mix, mix.id, with_for_update=True)
        else:
            row = await db.get_one(Session, of.id, with_for_update=True)
        if row.error is not None:
            return
        row.error = reason
        of_mix = (
            {"mix_id": mix.mix_id, "layout_url": mix.layout_url, "layout_name": mix.layout_name}
            if mix is not None
            else {}
        )
        body = bodies.recording_failed(now_ms(), reason=reason, saved=saved, **of_mix)
        await service.outbox.add(db, conference.app_key, conference.id, "Recording.Failed", body)
    log.warning("recording.failed", conference=conference.id, reason=reason)
    service.rooms.tell_recording_failed(conference.id, reason)
