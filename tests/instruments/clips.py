"""Short encoded clips that look and sound like a participant, to be looped (make_journal.py).

A clip is a whole number of seconds long and its first picture is a key picture, so copies of it
follow each other without a seam in the pattern: picture `n` carries the mark of number n
(pattern.py), the flash is on at the start of each second, and a beep starts at the same instant.
The picture is a head that moves before a textured background, with a camera's noise. Opus is fed
from sample 0 on, so what it decodes to is late by its look-ahead, as with any real sender.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import av
import numpy as np
from numpy.typing import NDArray

from tests.instruments import pattern

RATE = 48_000
PACKET = 960  # samples, 20 ms
BITS_A_PIXEL = 1_500_000 / (1280 * 720 * 30)
NOISES = 5  # noise pictures that are shifted about
VIDEO_OPTIONS = {
    "vp8": {
        "deadline": "realtime",
        "cpu-used": "8",
        "lag-in-frames": "0",
        "auto-alt-ref": "0",
        "static-thresh": "0",
    },
    "h264": {"preset": "veryfast", "tune": "zerolatency", "profile": "baseline"},
}
ENCODERS = {"vp8": "libvpx", "h264": "libx264"}

Plane = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class VideoClip:
    """Encoded pictures; picture 0 is the only key picture."""

    codec: str
    width: int
    height: int
    fps: Fraction
    pictures: tuple[bytes, ...]


@cache
def video_clip(
    codec: str, size: tuple[int, int], fps: Fraction, seconds: int, place: int, *, noise: float = 2
) -> VideoClip:
    """A talking head with the mark of `place`; `round(fps) * seconds` pictures."""
    width, height = size
    context = av.CodecContext.create(ENCODERS[codec], "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.framerate = 1 / fps, fps
    context.bit_rate = round(width * height * fps * BITS_A_PIXEL)
    context.gop_size = 100_000
    context.thread_count = 1
    context.options = VIDEO_OPTIONS[codec]
    encoded: list[bytes] = []
    for number, frame in enumerate(talking_head(size, round(fps), seconds, place, noise)):
        frame.pts = number
        encoded += [bytes(packet) for packet in context.encode(frame)]
    encoded += [bytes(packet) for packet in context.encode(None)]
    assert len(encoded) == round(fps) * seconds
    return VideoClip(codec, width, height, fps, tuple(encoded))


def talking_head(
    size: tuple[int, int], fps: int, seconds: int, place: int, noise: float
) -> Iterator[av.VideoFrame]:
    """Pictures of a clip, yuv420p; the movement closes after the clip's length."""
    width, height = size
    random = np.random.default_rng(place)
    background, head, mask = _scene(width, height, random)
    noises = [random.normal(0, noise, (height, width)).astype(np.int16) for _ in range(NOISES)]
    cb, cr = _chroma(width, height, place)
    count = fps * seconds
    for number in range(count):
        angle = 2 * np.pi * number / count
        dx = round(width / 40 * np.sin(angle * 5 + place))
        dy = round(height / 60 * np.sin(angle * 8))
        moved = np.roll(mask, (dy, dx), (0, 1))
        luma = np.where(moved, np.roll(head, (dy, dx), (0, 1)), background)
        shift = tuple(int(s) for s in random.integers(0, (height, width)))
        luma = np.clip(luma + np.roll(noises[number % NOISES], shift, (0, 1)), 16, 235)
        picture = luma.astype(np.uint8)
        pattern.draw(picture, number % pattern.PERIOD, pattern.flash_on(number, fps), place)
        yield frame_of(picture, cb, cr)


def frame_of(luma: Plane, cb: Plane, cr: Plane) -> av.VideoFrame:
    """A yuv420p frame with a copy of these planes; odd sizes too."""
    frame = av.VideoFrame(luma.shape[1], luma.shape[0], "yuv420p")
    for plane, values in zip(frame.planes, (luma, cb, cr), strict=True):
        into = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
        into[:, : plane.width] = values
    return frame


@cache
def sound_clip(place: int, seconds: int, *, beeps: bool = True) -> tuple[bytes, ...]:
    """Opus packets of 20 ms: a low voice-like sound, a beep of its own pitch each second."""
    context = av.CodecContext.create("libopus", "w")
    context.sample_rate, context.format, context.layout = RATE, "flt", "mono"
    context.bit_rate = 32_000
    context.options = {"application": "voip", "frame_duration": "20"}
    sound = voice(place, seconds)
    if beeps:
        sound += beep_track(place, seconds)
    packets: list[bytes] = []
    for at in range(0, len(sound), PACKET):
        frame = av.AudioFrame.from_ndarray(sound[None, at : at + PACKET], "flt", "mono")
        frame.sample_rate, frame.pts = RATE, at
        packets += [bytes(packet) for packet in context.encode(frame)]
    packets += [bytes(packet) for packet in context.encode(None)]
    return tuple(packets[: seconds * RATE // PACKET])


def beep_hz(place: int) -> int:
    """The pitch of a participant's beep."""
    return 1000 + 250 * place


def beep_track(place: int, seconds: int) -> NDArray[np.float32]:
    """A beep of pattern.BEEP_SECONDS at the start of each second."""
    at = np.arange(seconds * RATE)
    on = at % RATE < pattern.BEEP_SECONDS * RATE
    sound: NDArray[np.float32] = (0.4 * on * np.sin(2 * np.pi * beep_hz(place) * at / RATE)).astype(
        np.float32
    )
    return sound


def voice(place: int, seconds: int) -> NDArray[np.float32]:
    """Noise below 500 Hz that swells a few times a second, as talking does; rms about -34 dBFS."""
    count = seconds * RATE
    random = np.random.default_rng(1000 + place)
    spectrum = np.fft.rfft(random.normal(0, 1, count))
    hertz = np.fft.rfftfreq(count, 1 / RATE)
    spectrum *= (hertz > 100) & (hertz < 500)
    noise = np.fft.irfft(spectrum, count)
    swell = 0.5 + 0.5 * np.sin(2 * np.pi * (2 + place % 3) * np.arange(count) / RATE)
    sound: NDArray[np.float32] = (0.02 * noise / noise.std() * swell).astype(np.float32)
    return sound


def _scene(
    width: int, height: int, random: np.random.Generator
) -> tuple[NDArray[np.int16], NDArray[np.int16], NDArray[np.bool_]]:
    """(background, head, where the head is)."""
    y, x = np.mgrid[0:height, 0:width]
    x, y = x / width, y / height
    background = 80 + 30 * np.sin(x * 25) * np.cos(y * 14) + random.normal(0, 4, (height, width))
    ellipse = ((x - 0.5) / 0.16) ** 2 + ((y - 0.5) / 0.36) ** 2
    head = 160 - 50 * ellipse + 12 * np.sin(x * 90) * np.sin(y * 40)
    return background.astype(np.int16), head.astype(np.int16), ellipse < 1


def _chroma(width: int, height: int, place: int) -> tuple[Plane, Plane]:
    y, x = np.mgrid[0 : (height + 1) // 2, 0 : (width + 1) // 2]
    cb = 120 + 15 * np.sin(2 * np.pi * x / width + place)
    cr = 136 + 15 * np.cos(2 * np.pi * y / height + place)
    return cb.astype(np.uint8), cr.astype(np.uint8)
