"""How a conference's recording goes, as REST and dashboard show it."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ...errors import MixerError
from ...recorder.control import ask
from ...recorder.plan import RecordFolder
from ...records.models import Mix, Recording
from ..context import Service
from . import store

STATUS_TIMEOUT_S = 2.0


async def report(service: Service, conf_id: str) -> dict[str, Any]:
    """`status`: none, recording, paused, idle (joined, no mix runs), finishing, finished, failed.
    `mixes`: all starts, in order; `live`: what the recorder says of itself, null if it is silent.
    """
    async with service.database.reading() as db:
        session = await store.last_session(db, conf_id, store.RECORD)
        mixes = await store.mixes_of(db, session.id) if session else []
        made = await _replaced(db, session.id) if session else {}
    if session is None:
        return {"status": "none", "paused": False, "mixes": [], "live": None}
    running = [mix for mix in mixes if mix.stopped_at is None]
    paused = bool(session.wanted.get("paused")) and bool(running)
    status = session.state
    if session.closed_at is None and session.state != store.FINISHING:
        status = ("paused" if paused else "recording") if running else "idle"
    live = None
    if session.closed_at is None:
        live = await _asked(service, session.id)
    return {
        "status": status,
        "sessionId": session.id,
        "paused": paused,
        "liveRecording": bool(session.wanted["live"]),
        "format": session.wanted["format"],
        "error": session.error,
        "mixes": [_mix(mix, _told(made, live, mix)) for mix in mixes],
        "live": live,
    }


async def _asked(service: Service, session_id: str) -> dict[str, Any] | None:
    folder = RecordFolder(service.settings.sessions_folder / session_id)
    try:
        async with asyncio.timeout(STATUS_TIMEOUT_S):
            return await ask(folder.socket, "status")
    except (MixerError, OSError, TimeoutError):
        return None


async def _replaced(db: AsyncSession, session_id: str) -> dict[tuple[str | None, int | None], Any]:
    """Why files show another layout than their mix's, by mix and part; part None: of the whole."""
    of_it = Recording.session_id == session_id, Recording.media_type == "video/mp4"
    columns = Recording.mix_id, Recording.part, Recording.details
    rows = await db.execute(select(*columns).where(*of_it))
    return {(mix_id, part): details.get("layoutReplaced") for mix_id, part, details in rows}


def _told(
    made: dict[tuple[str | None, int | None], Any], live: dict[str, Any] | None, mix: Mix
) -> str | None:
    """Of the part's own file, or the whole's where it has none, or as the recorder says it."""
    for key in ((mix.mix_id, mix.part), (mix.mix_id, None)):
        if key in made:
            why: str | None = made[key]
            return why
    return _now(live, mix)


def _now(live: dict[str, Any] | None, mix: Mix) -> str | None:
    """What a recorder says of a mix that runs."""
    told = ((live or {}).get("mixes") or {}).get(mix.mix_id) or {}
    return told.get("replaced") if told.get("part") == mix.part else None


def _mix(mix: Mix, replaced: str | None) -> dict[str, Any]:
    return {
        "mixId": mix.mix_id,
        "part": mix.part,
        "layoutUrl": mix.layout_url,
        "layoutName": mix.layout_name,
        "width": mix.width,
        "height": mix.height,
        "startedAt": mix.started_at,
        "beganAt": mix.began_at,
        "stoppedAt": mix.stopped_at,
        "error": mix.error,
        "layoutReplaced": replaced,
    }
