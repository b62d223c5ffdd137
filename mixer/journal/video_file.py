"""Files of videos that were presented: which kinds there are, how they are opened, how large their
picture is shown.

Files come from anywhere. They are opened as the kind that their first bytes say, never as a
playlist that names other files, and without a network.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
from av.container import InputContainer

KINDS = {".mp4": "mov", ".webm": "matroska"}  # ending of the file's name -> libavformat's demuxer
HEAD_BYTES = 12  # so many say which it is
OPTIONS = {"protocol_whitelist": "file", "enable_drefs": "0"}


def ending(head: bytes) -> str | None:
    """The ending for a file that begins so; None where it is none of the kinds."""
    if head[4:8] == b"ftyp":  # ISO/IEC 14496-12, 4.3
        return ".mp4"
    return ".webm" if head[:4] == b"\x1a\x45\xdf\xa3" else None  # RFC 8794, 11.2.1


def open_video(path: Path, kind: str = "") -> InputContainer:
    """Opens the file for reading. `kind`: its ending, where its name has not got it. Raises
    av.error.FFmpegError and OSError."""
    container = av.open(str(path), format=KINDS[kind or path.suffix], options=OPTIONS)
    assert isinstance(container, InputContainer)
    return container


def start_s(container: InputContainer) -> float:
    """The time stamp at which players begin to count: their second 0."""
    return (container.start_time or 0) / av.time_base


def shown_size(frame: av.VideoFrame, pixel_aspect: Any) -> tuple[int, int]:
    """Width and height of a picture as it is shown: with square pixels, and upright."""
    width = round(frame.width * float(pixel_aspect)) if pixel_aspect else frame.width
    return (frame.height, width) if frame.rotation % 180 else (width, frame.height)
