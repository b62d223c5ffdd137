"""The journal: encoded media and events of a conference, append-only, on one clock."""

from .absence import names, people
from .damage import damage_within
from .model import (
    NO_LEVEL,
    PAUSED,
    RECEIVED,
    RESUMED,
    Alignment,
    Event,
    Frame,
    FrameFlag,
    Gap,
    Note,
    Picture,
    Track,
)
from .reader import Journal, media_time_ns
from .recovery import recover
from .unused import UnusedFrames
from .writer import JournalWriter, write_whole

__all__ = [
    "NO_LEVEL",
    "PAUSED",
    "RECEIVED",
    "RESUMED",
    "Alignment",
    "Event",
    "Frame",
    "FrameFlag",
    "Gap",
    "Journal",
    "JournalWriter",
    "Note",
    "Picture",
    "Track",
    "UnusedFrames",
    "damage_within",
    "media_time_ns",
    "names",
    "people",
    "recover",
    "write_whole",
]
