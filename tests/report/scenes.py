"""Journals whose every figure is known, and small real videos, for the tests of the report.

Frames hold no media: a report reads their times and flags only. RTP timestamps are media time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from mixer.clock import MILLISECOND, SECOND
from mixer.conference import state
from mixer.journal import (
    PAUSED,
    RESUMED,
    Alignment,
    Event,
    Frame,
    FrameFlag,
    Gap,
    Journal,
    JournalWriter,
    Note,
    Track,
)

RATES = {"audio": 48_000, "video": 90_000}
CODECS = {"audio": "opus", "video": "vp8"}
USABLE = FrameFlag(0)
Picture = NDArray[np.uint8]


@dataclass
class Scene:
    """Writes a journal of `seconds`; times are seconds of journal time."""

    directory: Path
    seconds: float
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.writer = JournalWriter.create(self.directory, conference="scene")
        self.event(0, "conference.updated", conference={"id": "scene", "alias": "Weekly"})

    def event(self, t: float, type_: str, **data: Any) -> None:
        self.events.append(Event(_ns(t), type_, data))

    def joins(self, t: float, id_: str, name: str, type_: str = "user") -> None:
        someone = state.participant(id_, name, type_)  # type: ignore[arg-type]
        self.event(t, "participant.added", participant=dict(someone))

    def leaves(self, t: float, id_: str) -> None:
        self.event(t, "participant.removed", id=id_)

    def speaks(self, id_: str, *spans: tuple[float, float]) -> None:
        for start, stop in spans:
            self.event(start, "participant.speaking", id=id_, speaking=True)
            self.event(stop, "participant.speaking", id=id_, speaking=False)

    def shows(
        self, id_: str, start: float, stop: float, *, screen: bool = False, sound: bool = True
    ) -> str:
        """A camera or screen that is there from `start` to `stop`; gives the stream's id."""
        name = f"{id_}.{'screen' if screen else 'camera'}"
        source = "ScreenShare" if screen else "Camera"
        stream = dict(state.stream(name, source, audio=sound, video=True))  # type: ignore[arg-type]
        stream["video"] = {"muted": False, "width": 640, "height": 360, "available": True}
        self.event(start, "stream.added", participantId=id_, stream=stream)
        if stop < self.seconds:
            self.event(stop, "stream.removed", participantId=id_, streamId=name)
        return name

    def track(self, stream: str, kind: str, *, method: str = "arrival", ms: float = 1.0) -> Track:
        """A track that was placed in time by straight records, one every 10 s."""
        source = "ScreenShare" if stream.endswith("screen") else "Camera"
        track = self.writer.track(
            participant=stream.partition(".")[0],
            stream=stream,
            source=source,  # type: ignore[arg-type]
            kind=kind,  # type: ignore[arg-type]
            codec=CODECS[kind],  # type: ignore[arg-type]
            clock_rate=RATES[kind],
        )
        for t in range(0, int(self.seconds) + 1, 10):
            self.align(track, t, 0.0, method, ms)
        return track

    def align(self, track: Track, t: float, late_ms: float, method: str, ms: float) -> None:
        rtp, media_ns = round(t * track.clock_rate), _ns(t) + round(late_ms * MILLISECOND)
        quality_ns = round(ms * MILLISECOND)
        self.writer.align(Alignment(track.id, rtp, media_ns, 0.0, method, quality_ns))  # type: ignore[arg-type]

    def frames(self, track: Track, times: Iterable[float], flag: FrameFlag = USABLE) -> None:
        """Frames with these media times; the first of them is a key picture."""
        for number, t in enumerate(times):
            first = number == 0 and track.kind == "video" and not flag
            flags = FrameFlag.KEY if first else flag
            size = (640, 360) if first else (0, 0)
            rtp = round(t * track.clock_rate)
            self.writer.frame(
                Frame(track.id, rtp, _ns(t), b"-", flags, width=size[0], height=size[1])
            )

    def gap(self, track: Track, start: float, stop: float, reason: str = "loss") -> None:
        self.writer.gap(Gap(track.id, _ns(start), _ns(stop), reason))

    def note(self, t: float, type_: str, **data: Any) -> None:
        self.writer.note(Note(_ns(t), type_, data))

    def pause(self, start: float, stop: float) -> None:
        self.note(start, PAUSED)
        self.note(stop, RESUMED)

    def journal(self) -> Journal:
        """Ends the journal and opens it."""
        for event in sorted(self.events, key=lambda event: event.t_ns):
            self.writer.event(event)
        self.writer.watermark(_ns(self.seconds))
        self.writer.close(final=True)
        return Journal.open(self.directory)


def every(step: float, start: float, stop: float) -> list[float]:
    """start, start + step, … before stop, to the microsecond."""
    return [round(start + number * step, 6) for number in range(round((stop - start) / step))]


def film(
    path: Path,
    picture: Callable[[float], Picture],
    *,
    seconds: float,
    fps: int = 10,
    size: tuple[int, int] = (160, 96),
    tone: float | None = 0.1,
) -> Path:
    """An MP4 as ours are: a key picture every 4 s, AAC. `picture` gives luma at a time, or luma
    and both chroma values."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        video.codec_context.gop_size = 4 * fps
        video.codec_context.thread_count = 1
        video.codec_context.options = {"preset": "ultrafast", "sc_threshold": "0"}
        audio = container.add_stream("aac", rate=48_000, layout="stereo") if tone else None
        for number in range(round(seconds * fps)):
            planes = np.full((size[1] * 3 // 2, size[0]), 128, np.uint8)
            planes[: size[1]] = picture(number / fps)
            frame = av.VideoFrame.from_ndarray(planes, "yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None and tone:
            _add_tone(container, audio, seconds, tone)
    return path


def tone(path: Path, *, seconds: float, amplitude: float = 0.1) -> Path:
    """An MP3 of a sine."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        _add_tone(container, container.add_stream("mp3", rate=48_000), seconds, amplitude)
    return path


def _add_tone(container: Any, stream: Any, seconds: float, amplitude: float) -> None:
    count = round(seconds * 48_000)
    wave = np.sin(np.arange(count) * 2 * np.pi * 1000 / 48_000).astype(np.float32) * amplitude
    size = stream.codec_context.frame_size or 1024
    for at in range(0, count, size):
        part = np.repeat(wave[at : at + size][None], 2, axis=0)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), "fltp", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, at, Fraction(1, 48_000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def moving(t: float) -> Picture:
    """A picture with people in it, so to speak: it changes with time."""
    across, down = np.sin(np.arange(160) / 9 + t * 3), np.cos(np.arange(96) / 7)
    return np.asarray(120 + 60 * np.outer(down, across), np.uint8)


def flat(level: int) -> Picture:
    return np.full((96, 160), level, np.uint8)


def switched(
    parts: Sequence[tuple[float, Callable[[float], Picture]]],
) -> Callable[[float], Picture]:
    """Each part's picture until its time."""

    def picture(t: float) -> Picture:
        return next((draw for until, draw in parts if t < until), parts[-1][1])(t)

    return picture


def _ns(t: float) -> int:
    return round(t * SECOND)
