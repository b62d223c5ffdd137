"""Participants' Opus to samples: decode, place in time, mix, limit."""

from mixer.sound.edited import edited_needed_ns, edited_segment
from mixer.sound.mix import LOOK_AHEAD_NS, audio_tracks, mix_segment, needed_ns, track_segment

__all__ = [
    "LOOK_AHEAD_NS",
    "audio_tracks",
    "edited_needed_ns",
    "edited_segment",
    "mix_segment",
    "needed_ns",
    "track_segment",
]
