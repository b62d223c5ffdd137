"""What a synthetic participant sends, and when: pictures of a clip, beeps, one clock for both.

Tracks as aiortc has them (`recv` gives an encoded packet when it is due), so that they can be sent
by aiortc's peer connections, too (tests/ingest/test_ingest_transport.py); publisher.py sends them.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
import numpy as np
from aiortc import MediaStreamTrack
from numpy.typing import NDArray

from tests.instruments import pattern
from tests.instruments.clip import PERIOD, Clip, ClipSettings

PACKET = 960
RATE = 48000
BEEP_LEVEL, HUM_LEVEL = 0.5, 0.1
RAMP_SAMPLES = 24


@dataclass(frozen=True)
class Publisher:
    """What is to be published where. `duration` None: until cancelled."""

    room: str
    name: str
    video: ClipSettings | None = field(default_factory=ClipSettings)
    tone_hz: float | None = 1000.0  # None: no sound
    hum: bool = False  # the tone is there all the time, quietly: somebody who speaks
    dtx: bool = False
    clock_ppm: float = 0.0
    audio_clock_ppm: float = 0.0
    audio_delay: float = 0.0
    screen: tuple[float, float] | None = None  # from, to
    screen_by_signal: bool = False  # SIGUSR1 begins to share a screen, SIGUSR2 ends it
    duration: float | None = None
    pin: str = ""
    api_secret: str = ""
    feed_id: int | str | None = None  # in a bare room; None: Janus chooses


class Timing:
    """The sender's own clock. `start` is shared by sound and picture."""

    def __init__(self, settings: Publisher) -> None:
        self.settings = settings
        self.start = time.monotonic() + 0.05

    async def until(self, seconds: float) -> None:
        """Waits until the sender's clock shows `seconds`."""
        due = self.start + seconds / (1 + self.settings.clock_ppm * 1e-6)
        await asyncio.sleep(max(0.0, due - time.monotonic()))

    def moment_ns(self, seconds: float) -> int:
        """When that is, on the monotonic clock."""
        return round((self.start + seconds / (1 + self.settings.clock_ppm * 1e-6)) * 1e9)

    @property
    def now(self) -> float:
        return (time.monotonic() - self.start) * (1 + self.settings.clock_ppm * 1e-6)


class ClipTrack(MediaStreamTrack):
    """Pre-encoded pictures, on time."""

    kind = "video"

    def __init__(self, made: Clip, timing: Timing) -> None:
        super().__init__()
        self._clip = made
        self._timing = timing
        self._fps = made.settings.fps
        self._next = max(0, int(timing.now * self._fps))
        self._chain: int | None = None
        self._wanted = True
        self.keyframe_requests = 0
        self.sent_at = 0.0  # of the last packet, by the sender's clock

    def request_keyframe(self) -> None:
        self.keyframe_requests += 1
        self._wanted = True

    async def recv(self) -> av.Packet[Any]:
        while True:
            number, self._next = self._next, self._next + 1
            await self._timing.until(number / self._fps)
            if self._wanted:
                chain = self._clip.chain_with_key(number % PERIOD)
                if chain is not None:
                    self._chain, self._wanted = chain, False
            if self._chain is None:
                continue
            packet = av.Packet(self._clip.chains[self._chain][number % PERIOD])
            packet.pts = round(number * 90000 / self._fps)
            self.sent_at = number / self._fps
            packet.time_base = Fraction(1, 90000)
            return packet


class ToneTrack(MediaStreamTrack):
    """Beeps (and a hum), encoded with Opus as they are due."""

    kind = "audio"

    def __init__(self, timing: Timing, fps: float) -> None:
        super().__init__()
        settings = timing.settings
        self._timing = timing
        self._tone_hz = settings.tone_hz or 1000.0
        self._hum = HUM_LEVEL if settings.hum else 0.0
        self._rate = RATE * (1 + settings.audio_clock_ppm * 1e-6)  # samples a sender's second
        self._interval = round(fps) / fps * self._rate  # between two beeps, in samples
        begin = max(timing.now, settings.audio_delay)
        self._next = int(begin * self._rate / PACKET) + 1
        self._encoder = _opus_encoder(settings.dtx)
        self.level = 127
        self.sent_at = 0.0  # of the last packet, by the sender's clock

    async def recv(self) -> av.Packet[Any]:
        while True:
            index, self._next = self._next, self._next + 1
            await self._timing.until(index * PACKET / self._rate)
            samples = self.samples(index * PACKET, PACKET)
            frame = av.AudioFrame.from_ndarray(
                (samples * 32767).astype(np.int16)[None, :], format="s16", layout="mono"
            )
            frame.sample_rate = RATE
            frame.pts = index * PACKET
            frame.time_base = Fraction(1, RATE)
            self.level = audio_level(samples)
            for packet in self._encoder.encode(frame):
                if self._timing.settings.dtx and packet.size <= 3:
                    continue
                made = av.Packet(bytes(packet))
                made.pts = index * PACKET
                self.sent_at = index * PACKET / self._rate
                made.time_base = Fraction(1, RATE)
                return made

    def samples(self, first: int, count: int) -> NDArray[np.float64]:
        """The sound at samples first..first+count-1 of the sender's timeline, -1..1."""
        at = np.arange(first, first + count, dtype=np.float64)
        since = at - np.ceil(np.floor(at / self._interval) * self._interval)
        length = pattern.BEEP_SECONDS * RATE
        envelope = np.clip(np.minimum(since + 1, length - since) / RAMP_SAMPLES, 0, 1)
        envelope *= since < length
        tone = np.sin(2 * np.pi * self._tone_hz * at / RATE)
        return np.asarray(tone * np.maximum(envelope * BEEP_LEVEL, self._hum))


def _opus_encoder(dtx: bool) -> Any:
    encoder = av.CodecContext.create("libopus", "w")
    encoder.options = {"application": "audio", "dtx": "1" if dtx else "0"}
    encoder.sample_rate, encoder.layout, encoder.format = RATE, "mono", "s16"
    encoder.bit_rate = 48000
    return encoder


def audio_level(samples: NDArray[np.float64]) -> int:
    """RFC 6464: dBov below the loudest, 0 to 127."""
    power = float(np.mean(samples**2))
    return 127 if power < 1e-12 else int(min(127, max(0, round(-10 * np.log10(power)))))
