"""Pre-encoded, endlessly repeatable video clips for synthetic publishers, made on the machine.

A clip is PERIOD pictures encoded CHAINS times (a slow one once). Chain c is a closed loop with a
keyframe every `gop` pictures (two seconds), the first at picture c * gop / CHAINS. To answer a
request for a keyframe a publisher changes over to the chain whose keyframe comes next: at most
half a second later, without encoding anything and without a picture number out of order. Clips
are cached in the machine's temporary folder (`python -m tests.instruments.clip SIZE FPS CODEC
BITRATE PLACE` makes one).

The content is like a talking head: a soft background that stands still, as the camera does, a
face-like blob that sways, sensor noise; on it the mark of pattern.py.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tests.instruments import pattern

PERIOD = pattern.PERIOD
CHAINS = 4
GOP_SECONDS = 2
SLOW_FPS = 10
VERSION = 9
NOISE = 3.0  # levels, standard deviation


@dataclass(frozen=True)
class ClipSettings:
    width: int = 1280
    height: int = 720
    fps: float = 30.0
    codec: str = "vp8"  # or "h264"
    bitrate: int = 1_500_000
    place: int = 0  # of the flash, and the publisher's number in the mark
    source: str = ""  # a video file whose pictures are used instead of the talking head
    slide: bool = False  # a still slide, as of a shared screen, instead of the talking head

    @property
    def chains(self) -> int:
        """A slow clip has one chain only, with a keyframe every half second."""
        return CHAINS if self.fps > SLOW_FPS else 1

    @property
    def gop(self) -> int:
        """Pictures between keyframes of a chain: a divisor of PERIOD."""
        longest = max(1, round(GOP_SECONDS * self.chains / CHAINS * round(self.fps)))
        return next(n for n in range(longest, 0, -1) if PERIOD % n == 0)


@dataclass(frozen=True)
class Clip:
    """`chains[c][n]` is picture n (0..PERIOD-1) as chain c has it."""

    settings: ClipSettings
    chains: tuple[tuple[bytes, ...], ...]

    def is_key(self, chain: int, number: int) -> bool:
        return (number - chain * self.settings.gop // self.settings.chains) % self.settings.gop == 0

    def chain_with_key(self, number: int) -> int | None:
        """The chain that has a keyframe at this picture."""
        return next((c for c in range(self.settings.chains) if self.is_key(c, number)), None)


def clip(settings: ClipSettings) -> Clip:
    """From the cache, or made now."""
    key = hashlib.sha256(repr((VERSION, PERIOD, settings)).encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / "mixer-clips"
    folder.mkdir(exist_ok=True)
    path = folder / f"{key}.npz"
    if not path.exists():
        chains = encode(settings)
        aside = path.with_suffix(f".{id(chains)}.part.npz")
        lengths = np.array([[len(p) for p in chain] for chain in chains])
        data = np.frombuffer(b"".join(p for chain in chains for p in chain), dtype=np.uint8)
        np.savez(aside, lengths=lengths, data=data)
        aside.replace(path)
    return Clip(settings, _load(path))


def _load(path: Path) -> tuple[tuple[bytes, ...], ...]:
    with np.load(path) as stored:
        lengths, data = stored["lengths"], stored["data"].tobytes()
    ends = np.cumsum(lengths.ravel()).reshape(lengths.shape)
    return tuple(
        tuple(data[end - n : end] for end, n in zip(row_ends, row, strict=True))
        for row_ends, row in zip(ends.tolist(), lengths.tolist(), strict=True)
    )


def encode(settings: ClipSettings) -> list[list[bytes]]:
    """Encodes all chains at once, each picture drawn once."""
    pictures = _Pictures(settings)
    starts = [chain * settings.gop // settings.chains for chain in range(settings.chains)]
    encoders = [_encoder(settings) for _ in starts]
    chains: list[list[bytes]] = [[b""] * PERIOD for _ in starts]
    for count in range(PERIOD + starts[-1]):
        due = [c for c, start in enumerate(starts) if start <= count < start + PERIOD]
        number = count % PERIOD
        planes = pictures.draw(number)
        for chain in due:
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts = count - starts[chain]
            frame.time_base = Fraction(1, 1) / Fraction(settings.fps).limit_denominator(1001)
            packets = encoders[chain].encode(frame)
            if len(packets) != 1 or packets[0].is_keyframe != (frame.pts % settings.gop == 0):
                raise RuntimeError("the encoder held a picture back or made its own keyframes")
            chains[chain][number] = bytes(packets[0])
    return chains


def _encoder(settings: ClipSettings) -> VideoCodecContext:
    vp8 = settings.codec == "vp8"
    context = av.CodecContext.create("libvpx" if vp8 else "libx264", "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height = settings.width, settings.height
    context.pix_fmt = "yuv420p"
    context.bit_rate = settings.bitrate
    context.time_base = Fraction(1, 1) / Fraction(settings.fps).limit_denominator(1001)
    context.gop_size = settings.gop
    context.thread_count = 1
    context.options = (
        {
            "deadline": "realtime",
            "cpu-used": "8",
            "lag-in-frames": "0",
            "auto-alt-ref": "0",
            "keyint_min": str(settings.gop),
            "drop-threshold": "0",
            "minrate": str(settings.bitrate),
            "maxrate": str(settings.bitrate),
            "bufsize": str(settings.bitrate),
        }
        if vp8
        else {
            "preset": "veryfast",
            "tune": "zerolatency",
            "profile": "baseline",
            "x264-params": f"keyint={settings.gop}:min-keyint={settings.gop}:scenecut=0"
            ":repeat-headers=1:annexb=1"
            f":vbv-maxrate={settings.bitrate // 1000}:vbv-bufsize={settings.bitrate // 1000}",
        }
    )
    return context


class _Pictures:
    """Draws picture n of a clip: yuv420p, (height * 3 / 2, width)."""

    def __init__(self, settings: ClipSettings) -> None:
        self._settings = settings
        width, height = settings.width, settings.height
        self._y, self._x = np.mgrid[0:height:2, 0:width:2].astype(np.float32)
        random = np.random.default_rng(settings.place)
        noise = random.standard_normal((8, height, width), dtype=np.float32) * NOISE
        self._noise = np.rint(noise).astype(np.int16)
        self._source = _decoded(settings) if settings.source else []
        if settings.slide:
            self._source = [_slide(width, height)]

    def draw(self, number: int) -> NDArray[np.uint8]:
        settings = self._settings
        width, height = settings.width, settings.height
        planes = np.empty((height * 3 // 2, width), dtype=np.uint8)
        if self._source:
            planes[:] = self._source[number % len(self._source)]
        else:
            self._draw_head(planes, number)
        flash = pattern.flash_on(number, settings.fps)
        pattern.draw(planes[:height], number, flash, settings.place)
        return planes

    def _draw_head(self, planes: NDArray[np.uint8], number: int) -> None:
        settings = self._settings
        width, height = settings.width, settings.height
        turn = 2 * np.pi * number / PERIOD
        luma = 90 + 40 * np.sin(3 * self._x / width) * np.cos(2 * self._y / height)
        centre_x = width * (0.5 + 0.06 * np.sin(4 * turn))
        centre_y = height * (0.5 + 0.04 * np.sin(7 * turn))
        across = (self._x - centre_x) / (0.2 * width)
        down = (self._y - centre_y) / (0.42 * height)
        face = np.clip(1.3 - across**2 - down**2, 0, 0.5) * 2
        luma += face * (60 + 15 * np.sin(9 * across + 5 * down))
        mouth = 4 + 3 * np.sin(40 * turn)
        luma -= 50 * np.exp(-((across * 3) ** 2) - ((down - 0.75) * mouth * 4) ** 2)
        whole = luma.astype(np.int16).repeat(2, axis=0).repeat(2, axis=1)
        planes[:height] = np.clip(whole + self._noise[number % 8], 16, 235)
        chroma = planes[height:].reshape(2, height // 2, width // 2)
        hue = 2 * np.pi * settings.place / pattern.PLACES
        chroma[0] = (128 + 20 * np.cos(hue) * (1 - face) - 14 * face).astype(np.uint8)
        chroma[1] = (128 + 20 * np.sin(hue) * (1 - face) + 22 * face).astype(np.uint8)


def _slide(width: int, height: int) -> NDArray[np.uint8]:
    """A slide with a headline, a drawing of tiles and a list, yuv420p. It claims nothing."""
    image = Image.new("RGB", (width, height), "#f5f3ee")
    draw = ImageDraw.Draw(image)
    unit = height / 36
    draw.rectangle((0, 0, width, unit * 0.6), fill="#c8553d")
    draw.text((2 * unit, 2 * unit), "Agenda", fill="#22303c", font_size=3.6 * unit)
    points = ("Recordings", "Layouts", "Next steps")
    for line, text in enumerate(points):
        top = (25.5 + 3 * line) * unit
        draw.ellipse((2.2 * unit, top + 0.8 * unit, 2.8 * unit, top + 1.4 * unit), fill="#c8553d")
        draw.text((4 * unit, top), text, fill="#22303c", font_size=1.9 * unit)
    for tile in range(6):
        left, top = width * 0.68 + tile % 3 * 5.6 * unit, (2.5 + tile // 3 * 4.6) * unit
        draw.rectangle((left, top, left + 4.8 * unit, top + 3.8 * unit), fill="#2a6f77")
    frame = av.VideoFrame.from_ndarray(np.asarray(image))
    frame = frame.reformat(format="yuv420p", dst_colorspace="ITU601")
    return np.asarray(frame.to_ndarray(), np.uint8)


def _decoded(settings: ClipSettings) -> list[NDArray[np.uint8]]:
    """The source's first PERIOD pictures, there and back again if it is shorter."""
    pictures: list[NDArray[np.uint8]] = []
    with av.open(settings.source) as container:
        for frame in container.decode(video=0):
            scaled = frame.reformat(settings.width, settings.height, format="yuv420p")
            pictures.append(np.asarray(scaled.to_ndarray(), np.uint8))
            if len(pictures) == PERIOD:
                break
    return pictures if len(pictures) == PERIOD else pictures + pictures[::-1]


if __name__ == "__main__":
    size, fps, codec, bitrate, place = sys.argv[1:6]
    wide, high = (int(side) for side in size.split("x"))
    made = clip(ClipSettings(wide, high, float(fps), codec, int(bitrate), int(place)))
    total = sum(len(picture) for picture in made.chains[0])
    print(f"{total * 8 / (PERIOD / float(fps)) / 1e6:.2f} Mbit/s")
