"""How a conference's recording goes, as REST and dashboard show it."""

from __future__ import annotations

import asyncio
from typing import Any

from ...errors import MixerError
from ...recorder.control import ask
from ...recorder.plan import RecordFolder
from ...records.models import Mix
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
        "mixes": [_mix(mix) for mix in mixes],
        "live": live,
    }


async def _asked(service: Service, session_id: str) -> dict[str, Any] | None:
    folder = RecordFolder(service.settings.sessions_folder / session_id)
    try:
        async with asyncio.timeout(STATUS_TIMEOUT_S):
            return await ask(folder.socket, "status")
    except (MixerError, OSError, TimeoutError):
        return None


def _mix(mix: Mix) -> dict[str, Any]:
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
    }
