"""Frames and samples to segments, segments to files."""

from mixer.encode.audio import AacWriter
from mixer.encode.mp4 import assemble
from mixer.encode.pcm import read_pcm, write_pcm
from mixer.encode.video import SegmentEncoder, VideoSettings, encode_segment

__all__ = [
    "AacWriter",
    "SegmentEncoder",
    "VideoSettings",
    "assemble",
    "encode_segment",
    "read_pcm",
    "write_pcm",
]
