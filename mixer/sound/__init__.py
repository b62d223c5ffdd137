"""Participants' Opus to samples: decode, place in time, mix, limit."""

from mixer.sound.edited import edited_needed_ns, edited_segment
from mixer.sound.mix import audio_tracks, mix_segment

__all__ = [
    "audio_tracks",
    "edited_needed_ns",
    "edited_segment",
    "mix_segment",
]
