"""Instruments for the picture tests: journals of real, losslessly encoded H.264 (or VP8)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from mixer.edit import EditList, Span
from mixer.journal import Alignment, Frame, FrameFlag, Journal, JournalWriter
from mixer.layout.matte import Matte
from mixer.picture import Composer
from mixer.picture.planes import planes_of
from tests.instruments.clips import frame_of

Bytes = NDArray[np.uint8]
Planes = tuple[Bytes, Bytes, Bytes]
SECOND = 1_000_000_000
RATE = 90_000
NO_FLAGS = FrameFlag(0)


@dataclass
class Sent:
    """One encoded picture of a track, `at` seconds."""

    at: float
    data: bytes
    key: bool = False
    size: tuple[int, int] = (0, 0)
    flags: FrameFlag = NO_FLAGS


@dataclass
class Video:
    """One track of a stream."""

    sent: list[Sent]
    stream: str = "ada.camera"
    codec: str = "h264"


@dataclass
class Fixed:
    """A matte track of one matte, or of several by the output frame they hold from."""

    mattes: dict[int, Matte]
    asked: list[int] = field(default_factory=list)

    def at(self, frame: int) -> tuple[int, Matte]:
        self.asked.append(frame)
        start = max(first for first in self.mattes if first <= frame)
        return start, self.mattes[start]


def encode(
    pictures: Sequence[Planes],
    codec: str = "h264",
    *,
    key_every: int = 1000,
    options: dict[str, str] | None = None,
) -> list[tuple[bytes, bool]]:
    """(data, key) of consecutive pictures; H.264 is lossless."""
    name = {"h264": "libx264", "vp8": "libvpx"}[codec]
    context = av.CodecContext.create(name, "w")
    assert isinstance(context, av.VideoCodecContext)
    height, width = pictures[0][0].shape
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.gop_size, context.thread_count = Fraction(1, 30), key_every, 1
    lossless = {"preset": "ultrafast", "tune": "zerolatency", "qp": "0"}
    quick = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "crf": "4"}
    context.options = (lossless if codec == "h264" else quick) | (options or {})
    if codec == "vp8":
        context.bit_rate = 8_000_000
    packets: list[av.Packet[Any]] = []
    for number, planes in enumerate(pictures):
        frame = frame_of(*planes)
        frame.pts = number
        packets += context.encode(frame)
    packets += context.encode(None)
    return [(bytes(packet), packet.is_keyframe) for packet in packets]


def sent(
    pictures: Sequence[Planes], start: float = 0, every: float = 1 / 30, **how: object
) -> list[Sent]:
    """Pictures of one size, the first at `start` seconds."""
    height, width = pictures[0][0].shape
    encoded = encode(pictures, **how)  # type: ignore[arg-type]
    return [
        Sent(start + number * every, data, key, (width, height) if key else (0, 0))
        for number, (data, key) in enumerate(encoded)
    ]


def flat(level: int, size: tuple[int, int] = (160, 90)) -> Planes:
    """A gray picture, told from others by its level."""
    width, height = size
    half = (height + 1) // 2, (width + 1) // 2
    gray = np.full(half, 128, np.uint8)
    return np.full((height, width), level, np.uint8), gray, gray


def write(directory: Path, videos: Iterable[Video], seconds: float) -> Journal:
    """A finished journal of these tracks."""
    writer = JournalWriter.create(directory, conference="test")
    frames = []
    for video in videos:
        track = writer.track(
            participant=video.stream.partition(".")[0],
            stream=video.stream,
            source="Camera",
            kind="video",
            codec=video.codec,  # type: ignore[arg-type]
            clock_rate=RATE,
        )
        writer.align(Alignment(track.id, 0, 0, 0.0, "sender-report", 0))
        for one in video.sent:
            rtp, arrival_ns = round(one.at * RATE), round(one.at * SECOND) + 20_000_000
            flags = one.flags | (FrameFlag.KEY if one.key else NO_FLAGS)
            frame = Frame(
                track.id, rtp, arrival_ns, one.data, flags, width=one.size[0], height=one.size[1]
            )
            frames.append(frame)
    for frame in sorted(frames, key=lambda frame: frame.arrival_ns):
        writer.watermark(frame.arrival_ns - 20_000_001)
        writer.frame(frame)
    writer.watermark(round(seconds * SECOND))
    writer.close(final=True)
    return Journal.open(directory)


def composer(journal: Journal, matte: Matte | dict[int, Matte], fps: int = 30) -> Composer:
    mattes = Fixed(matte if isinstance(matte, dict) else {0: matte})
    size = next(iter(mattes.mattes.values()))
    return Composer(
        journal, mattes, width=size.width, height=size.height, edits=EditList((Span(0),), fps)
    )


def composed(made: Composer, first: int, count: int) -> Iterator[Planes]:
    """Copies of the planes of output frames."""
    for frame in made.frames(first, count):
        y, cb, cr = (plane.copy() for plane in planes_of(frame))
        yield y, cb, cr
