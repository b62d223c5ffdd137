"""When a recording ends by itself: a pure function of what was asked and what was measured."""

from __future__ import annotations

from ..errors import MixerError, NothingToRecord, StorageError
from .settings import RecordSettings, Status


def limit_reached(
    settings: RecordSettings,
    status: Status,
    *,
    paused: bool,
    user_seen: bool,
    alone_s: float | None,
    away_s: float,
) -> tuple[str, MixerError | None] | None:
    """Why the recording is over, and the error that it ends with if it is one; None: it is not.

    `alone_s`: for how long nobody has been there, None while somebody is or nothing is known;
    `away_s`: seconds since there was a connection.
    """
    s = settings
    if status.free_bytes < s.min_free_bytes:
        return "disk-full", StorageError(
            f"the disk of {s.out} is nearly full ({status.free_bytes >> 20} MB left); "
            "the recording was stopped and what was recorded is kept"
        )
    if s.duration_s is not None and not paused and status.recorded_s >= s.duration_s:
        return "duration", None
    if s.max_duration_s is not None and status.elapsed_s >= s.max_duration_s:
        return "max-duration", None
    patience_s = s.empty_timeout_s if user_seen else s.start_timeout_s
    if patience_s is not None and alone_s is not None and alone_s >= patience_s:
        if user_seen:
            return "empty-timeout", None
        return "start-timeout", NothingToRecord(f"nobody came within {patience_s:g} s")
    if s.unreachable_timeout_s is not None and away_s >= s.unreachable_timeout_s:
        return "unreachable", None
    return None
