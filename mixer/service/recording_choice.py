"""What a conference's parameters say about its recordings and its end, the application's else."""

from __future__ import annotations

from typing import Literal, cast

from ..records.models import Conference
from .applications import ApplicationSettings

RecordingFormat = Literal["mp3", "mp4", "both"]


def recording_format(conference: Conference, settings: ApplicationSettings) -> RecordingFormat:
    """What a recording of it makes: its own parameter, else the application's setting."""
    formats = (conference.parameters.get("recording") or {}).get("format") or []
    if {"mp3", "mp4"} <= set(formats) or "both" in formats:
        return "both"
    return cast(RecordingFormat, formats[0]) if formats else settings.recording_format


def live_recording(conference: Conference, settings: ApplicationSettings) -> bool:
    """Whether a recording of it is rendered while it goes on."""
    return bool(conference.parameters.get("liveRecording", settings.live_recording))


def ttl_s(conference: Conference) -> int:
    """How long it is kept when nobody is in it, in seconds."""
    return int(conference.parameters.get("ttl", 0))
