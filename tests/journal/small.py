"""A small real journal: encoded VP8, H.264 and Opus, sizes that change, a gap, events and notes.

Media times are known exactly: picture n of a video is at n/30 s, Opus packet n at n · 20 ms, both
less what the gap leaves out. Used by the tests of inspect and export.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from mixer.clock import MILLISECOND, SECOND
from mixer.journal import Alignment, Event, Frame, FrameFlag, Gap, JournalWriter, Note, Track

FPS = 30
SECONDS = 4
SIZES = ((160, 120), (96, 64))  # the second from CHANGE on
CHANGE_S = 2
GAP = range(75, 90)  # pictures of track "a", camera, that never came: 2.5 s to 3 s
ENCODERS = {"vp8": "libvpx", "h264": "libx264"}
OPTIONS = {
    "vp8": {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "auto-alt-ref": "0"},
    "h264": {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline"},
}


@dataclass
class Written:
    """What went in, by track: (media time, packet) of all that a player should get."""

    directory: Path
    tracks: dict[str, Track] = field(default_factory=dict)
    packets: dict[int, list[tuple[int, bytes]]] = field(default_factory=dict)


def write_small(directory: Path, *, conference: str = "small", final: bool = True) -> Written:
    """Two participants with camera and microphone for 4 s; "a" sends VP8, "b" H.264."""
    written = Written(directory)
    with JournalWriter.create(directory, conference=conference) as writer:
        for name, codec in (("a", "vp8"), ("b", "h264")):
            person = {"id": name, "name": f"Person {name}", "type": "user", "streams": []}
            writer.event(Event(0, "participant.added", {"participant": person}))
            video = _track(writer, written, name, "video", codec)
            audio = _track(writer, written, name, "audio", "opus")
            for frame in _pictures(video, codec):
                _write(writer, written, frame, frame.rtp * SECOND // 90_000)
            for number, data in enumerate(opus_packets(SECONDS)):
                at_ns = number * 20 * MILLISECOND
                _write(writer, written, Frame(audio.id, number * 960, at_ns, data), at_ns)
        _irregularities(writer, written)
        writer.watermark(SECONDS * SECOND)
        writer.close(final=final)
    return written


def _irregularities(writer: JournalWriter, written: Written) -> None:
    camera = written.tracks["a video"]
    for number, flag in ((76, FrameFlag.LATE), (77, FrameFlag.BROKEN), (78, FrameFlag.BROKEN)):
        rtp = number * 90_000 // FPS
        writer.frame(Frame(camera.id, rtp, rtp * SECOND // 90_000, b"unusable", flag))
    writer.gap(Gap(camera.id, SECOND * 5 // 2, SECOND * 3, "loss"))
    writer.note(Note(SECOND * 5 // 2, "queue-full", {"track": camera.id}))
    writer.event(Event(SECOND, "participant.speaking", {"id": "a", "speaking": True}))
    writer.align(Alignment(camera.id, 90_000, SECOND, 0.0, "arrival", 6 * MILLISECOND))


def _track(writer: JournalWriter, written: Written, name: str, kind: str, codec: str) -> Track:
    track = writer.track(
        participant=name,
        stream=f"{name}.camera",
        source="Camera",
        kind=kind,  # type: ignore[arg-type]
        codec=codec,  # type: ignore[arg-type]
        clock_rate=90_000 if kind == "video" else 48_000,
        ssrc=len(written.tracks) + 1,
    )
    writer.align(Alignment(track.id, 0, 0, 0.0, "arrival", 5 * MILLISECOND))
    written.tracks[f"{name} {kind}"] = track
    written.packets[track.id] = []
    return track


def _write(writer: JournalWriter, written: Written, frame: Frame, media_ns: int) -> None:
    writer.frame(frame)
    written.packets[frame.track].append((media_ns, frame.data))


def _pictures(track: Track, codec: str) -> list[Frame]:
    found: list[Frame] = []
    for part, size in enumerate(SIZES):
        first = part * CHANGE_S * FPS
        count = (SECONDS - CHANGE_S) * FPS if part else CHANGE_S * FPS
        for number, packet in enumerate(encoded(codec, size, count), first):
            if track.participant == "a" and number in GAP:
                continue
            flags = FrameFlag.KEY if packet.is_keyframe else FrameFlag(0)
            width, height = size if packet.is_keyframe else (0, 0)
            rtp = number * 90_000 // FPS
            arrival_ns = rtp * SECOND // 90_000 + 5 * MILLISECOND
            data = bytes(packet)
            found.append(Frame(track.id, rtp, arrival_ns, data, flags, width=width, height=height))
    return found


def encoded(codec: str, size: tuple[int, int], count: int) -> list[av.Packet[Any]]:
    """Pictures that grow brighter; a key picture every second."""
    context = av.CodecContext.create(ENCODERS[codec], "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = *size, "yuv420p"
    context.time_base, context.framerate = Fraction(1, FPS), Fraction(FPS)
    context.gop_size = FPS
    context.thread_count = 1
    context.options = OPTIONS[codec]
    packets: list[av.Packet[Any]] = []
    for number in range(count):
        luma = np.full((size[1] * 3 // 2, size[0]), 128, np.uint8)
        luma[: size[1]] = 16 + number
        frame = av.VideoFrame.from_ndarray(luma, "yuv420p")
        frame.pts = number
        packets += context.encode(frame)
    packets += context.encode(None)
    assert len(packets) == count
    return packets


def opus_packets(seconds: float) -> list[bytes]:
    """A tone of 440 Hz in packets of 20 ms."""
    context = av.CodecContext.create("libopus", "w")
    context.sample_rate, context.format, context.layout = 48_000, "flt", "stereo"
    context.options = {"frame_duration": "20"}
    packets: list[bytes] = []
    for number in range(round(seconds * 50)):
        at = np.arange(number * 960, (number + 1) * 960) / 48_000
        tone = np.repeat(np.sin(2 * np.pi * 440 * at).astype(np.float32) * 0.3, 2)
        frame = av.AudioFrame.from_ndarray(tone[None, :], "flt", "stereo")
        frame.sample_rate, frame.pts = 48_000, number * 960
        packets += [bytes(packet) for packet in context.encode(frame)]
    return packets[: round(seconds * 50)]
