"""The standard script as a journal: six seconds of four people, with drawn pictures, encoded here.

Speakers change, somebody joins, mutes, shares a screen, leaves, and has a long name.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.video.codeccontext import VideoCodecContext

from mixer.check import cast
from mixer.clock import MILLISECOND, SECOND
from mixer.journal import Alignment, Event, Frame, FrameFlag, Journal, JournalWriter
from mixer.preview import faces

SECONDS = 6
PEOPLE = 4
FPS, SCREEN_FPS = 15, 5  # pictures a second; the same ones each second
BIT_RATE = 800_000
RATE = 90_000

# What happens when, in seconds, and what it is called in the report.
STORY: tuple[tuple[float, str, str, dict[str, Any]], ...] = (
    (0.5, "somebody speaks", "participant.speaking", {"id": "p1", "speaking": True}),
    (1.0, "the speaker changes", "participant.speaking", {"id": "p1", "speaking": False}),
    (1.0, "", "participant.speaking", {"id": "p2", "speaking": True}),
    (1.6, "somebody joins", "participant.added", {"participant": cast.somebody(PEOPLE)}),
    (
        2.2,
        "a microphone is muted",
        "stream.updated",
        {"participantId": "p2", "streamId": "p2.camera", "audio": {"muted": True}},
    ),
    (2.2, "", "participant.speaking", {"id": "p2", "speaking": False}),
    (
        2.8,
        "a screen is shared",
        "stream.added",
        {"participantId": "p0", "stream": cast.stream("p0.screen", "ScreenShare", cast.SCREEN)},
    ),
    (
        4.2,
        "no screen any more",
        "stream.removed",
        {"participantId": "p0", "streamId": "p0.screen"},
    ),
    (4.8, "somebody leaves", "participant.removed", {"id": "p1"}),
    (5.2, "a long name", "participant.updated", {"id": "p0", "name": cast.NAMES[1]}),
)


@dataclass(frozen=True, slots=True)
class _Clip:
    stream: str
    type: str
    size: tuple[int, int]
    fps: int
    from_s: float
    to_s: float


CLIPS = (
    *(_Clip(f"p{k}.camera", "Camera", cast.CAMERA, FPS, 0, SECONDS) for k in range(PEOPLE)),
    _Clip(f"p{PEOPLE}.camera", "Camera", cast.CAMERA, FPS, 1.6, SECONDS),
    _Clip("p0.screen", "ScreenShare", cast.SCREEN, SCREEN_FPS, 2.8, 4.2),
)


def standard_journal(directory: Path) -> Journal:
    """Writes it, and opens it. Raises StorageError."""
    writer = JournalWriter.create(directory, conference="check")
    for someone in cast.beginning(PEOPLE)["participants"]:
        writer.event(Event(0, "participant.added", {"participant": dict(someone)}))
    for at_s, _, type, data in STORY:
        writer.event(Event(round(at_s * SECOND), type, data))
    for frame in heapq.merge(*(_frames(writer, clip) for clip in CLIPS), key=_arrival):
        writer.frame(frame)
    writer.watermark(SECONDS * SECOND)
    writer.close(final=True)
    return Journal.open(directory)


def _arrival(frame: Frame) -> int:
    return frame.arrival_ns


def _frames(writer: JournalWriter, clip: _Clip) -> Iterator[Frame]:
    track = writer.track(
        participant=clip.stream.partition(".")[0],
        stream=clip.stream,
        source="Camera" if clip.type == "Camera" else "ScreenShare",
        kind="video",
        codec="vp8",
        clock_rate=RATE,
    )
    first_ns = round(clip.from_s * SECOND)
    writer.align(Alignment(track.id, 0, first_ns, 0.0, "sender-report", MILLISECOND))
    pictures = _encoded(clip)
    count = round((clip.to_s - clip.from_s) * clip.fps)

    def frames() -> Iterator[Frame]:
        width, height = clip.size
        for number in range(count):
            data = pictures[number % len(pictures)]
            key = number % len(pictures) == 0
            at_ns = first_ns + number * SECOND // clip.fps
            rtp = number * RATE // clip.fps
            if key:
                yield Frame(track.id, rtp, at_ns, data, FrameFlag.KEY, width=width, height=height)
            else:
                yield Frame(track.id, rtp, at_ns, data)

    return frames()


def _encoded(clip: _Clip) -> list[bytes]:
    """A second of it, in VP8, beginning with a key picture."""
    context = av.CodecContext.create("libvpx", "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height = clip.size
    context.pix_fmt = "yuv420p"
    context.bit_rate = BIT_RATE
    context.time_base = Fraction(1, clip.fps)
    context.gop_size = clip.fps
    context.thread_count = 1
    context.options = {
        "deadline": "realtime",
        "cpu-used": "8",
        "lag-in-frames": "0",
        "auto-alt-ref": "0",
        "drop-threshold": "0",
    }
    made: list[bytes] = []
    for number in range(clip.fps):
        image = faces.drawn(clip.stream, number / clip.fps, clip.size)
        frame = faces.as_frame(image, number, clip.fps)
        made += [bytes(packet) for packet in context.encode(frame)]
    return made
