"""A synthetic participant: publishes a numbered, flashing, beeping clip into a room.

    python -m tests.instruments.publisher --room URL --name NAME [options]

URL is a bare room (`janus+ws://host:port/ROOM`) or one of our own (`http://host:port/rooms/NAME`).
Video is pre-encoded (clip.py; a request for a keyframe is answered within half a second by
changing over to another chain of the clip), sound is encoded live, and both are stamped from one
clock: picture n is due n / fps after the start; the flash begins with each picture whose number is
a multiple of the (rounded) rate, and the beep with the sample of the very same moment, counted at
the encoder's input, as with any real sender (what a decoder gives is 312 samples later).

--clock-ppm      the whole sender runs fast by that much
--audio-clock-ppm   its sampling clock runs fast against its own clock: more RTP ticks a second,
                 beeps still with the flashes
--audio-delay    sound begins that many seconds after video (with the right timestamps)
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import ssl
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import av
import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from numpy.typing import NDArray

from mixer.conference.bare import parse_address
from mixer.conference.janus import Credentials, JanusConnection, JanusHandle
from mixer.conference.session import RoomSession, join
from mixer.errors import ConferenceError
from tests.instruments import pattern
from tests.instruments.clip import PERIOD, Clip, ClipSettings, clip

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

    def request_keyframe(self) -> None:
        self.keyframe_requests += 1
        self._wanted = True

    async def recv(self) -> av.Packet:
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

    async def recv(self) -> av.Packet:
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


async def publish(settings: Publisher, stop: asyncio.Event | None = None) -> None:
    """Publishes until the duration is over or `stop`, again and again if the room goes away."""
    stop = stop or asyncio.Event()
    made = await asyncio.to_thread(clip, settings.video) if settings.video else None
    if shared := _screen_clip(settings):
        await asyncio.to_thread(clip, shared)  # made now, found in the cache when it is shared
    timing = Timing(settings)
    deadline = None if settings.duration is None else timing.start + settings.duration
    while not stop.is_set() and (deadline is None or time.monotonic() < deadline):
        try:
            await _publish_once(settings, made, timing, stop, deadline)
        except ConferenceError as error:
            print(f"{settings.name}: {error}", file=sys.stderr)
            await asyncio.sleep(0.2)


async def _publish_once(
    settings: Publisher,
    made: Clip | None,
    timing: Timing,
    stop: asyncio.Event,
    deadline: float | None,
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        line = await stack.enter_async_context(Line.open(settings))
        camera = await stack.enter_async_context(line.send("camera", settings, made, timing))
        print(json.dumps({"event": "published", "feed": camera, "start": timing.start}), flush=True)
        ends = asyncio.create_task(_wait(stop, line.lost, deadline))
        screen = asyncio.create_task(_share_screen(line, settings, timing))
        try:
            await ends
        finally:
            screen.cancel()
            (result,) = await asyncio.gather(screen, return_exceptions=True)
            if isinstance(result, Exception):
                print(f"{settings.name}: no screen: {result!r}", file=sys.stderr)


async def _wait(stop: asyncio.Event, lost: asyncio.Event, deadline: float | None) -> None:
    waits = {asyncio.create_task(event.wait()) for event in (stop, lost)}
    timeout = None if deadline is None else max(0.0, deadline - time.monotonic())
    try:
        await asyncio.wait(waits, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


def _screen_clip(settings: Publisher) -> ClipSettings | None:
    """What is shared, if a screen is."""
    video = settings.video
    if video is None or not (settings.screen or settings.screen_by_signal):
        return None
    place = (video.place + pattern.PLACES // 2) % pattern.PLACES
    size = {"width": 1920, "height": 1080} if settings.screen_by_signal else {}
    return replace(video, fps=5.0, bitrate=video.bitrate // 3, place=place, slide=True, **size)


async def _share_screen(line: Line, settings: Publisher, timing: Timing) -> None:
    video = _screen_clip(settings)
    if video is None:
        return
    begin, end = _screen_moments(settings, timing)
    made = await asyncio.to_thread(clip, video)
    await begin()
    silent = replace(settings, tone_hz=None, video=video)
    async with line.send("screen", silent, made, timing):
        await end()


Wait = Callable[[], Awaitable[object]]


def _screen_moments(settings: Publisher, timing: Timing) -> tuple[Wait, Wait]:
    """What to wait for before a screen is shared, and before that ends."""
    if settings.screen is not None:
        begin, end = settings.screen
        return (lambda: timing.until(begin)), (lambda: timing.until(end))
    asked, ended = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, asked.set)
    loop.add_signal_handler(signal.SIGUSR2, ended.set)
    return asked.wait, ended.wait


def screen_video(camera: ClipSettings) -> ClipSettings:
    """What is shared as a screen: five pictures a second, a place of its own."""
    place = (camera.place + pattern.PLACES // 2) % pattern.PLACES
    return replace(camera, fps=5.0, bitrate=camera.bitrate // 3, place=place)


class Line:
    """A connection to the SFU of a room, of whichever kind."""

    def __init__(self, connection: JanusConnection, room: int | str, settings: Publisher) -> None:
        self.lost = connection.lost
        self.session: RoomSession | None = None
        self._connection = connection
        self._room = room
        self._settings = settings

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, settings: Publisher) -> Any:
        if settings.room.startswith("janus+"):
            address = parse_address(settings.room)
            room: int | str = int(address.room) if address.room.isdecimal() else address.room
            credentials = Credentials(settings.api_secret)
            async with await JanusConnection.open(address.url, credentials) as connection:
                yield cls(connection, room, settings)
            return
        context = _any_certificate() if settings.room.startswith("https:") else None
        async with await join(settings.room, settings.name, ssl_context=context) as session:
            following = asyncio.create_task(_follow(session))
            try:
                async with await JanusConnection.open(
                    session.janus_url, ssl_context=context
                ) as connection:
                    line = cls(connection, session.janus_room, settings)
                    line.session = session
                    yield line
            finally:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def send(self, kind: str, settings: Publisher, made: Clip | None, timing: Timing) -> Any:
        """Publishes a feed; yields its id."""
        handle = await self._connection.attach()
        body: dict[str, Any] = {"request": "join", "ptype": "publisher", "room": self._room}
        body |= {"display": settings.name}
        body |= {"pin": settings.pin} if settings.pin else {}
        if self.session is not None:
            body["id"] = f"{self.session.feed_prefix}.{kind}"
        elif settings.feed_id is not None and kind == "camera":
            body["id"] = settings.feed_id
        joined, _ = await handle.message(body)
        peer = RTCPeerConnection(
            RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        )
        try:
            await _offer(peer, handle, kind, settings, made, timing)
            yield joined["id"]
        finally:
            await peer.close()
            await handle.detach()


async def _offer(
    peer: RTCPeerConnection,
    handle: JanusHandle,
    kind: str,
    settings: Publisher,
    made: Clip | None,
    timing: Timing,
) -> None:
    if settings.tone_hz is not None:
        tone = ToneTrack(timing, settings.video.fps if settings.video else 30.0)
        _send_levels(peer.addTrack(tone), tone)
    if made is not None:
        track = ClipTrack(made, timing)
        sender = peer.addTrack(track)
        sender._send_keyframe = track.request_keyframe  # type: ignore[method-assign]
        _prefer(peer, sender, made.settings.codec)
    await peer.setLocalDescription(await peer.createOffer())
    mids = [transceiver.mid for transceiver in peer.getTransceivers()]
    descriptions = [{"mid": mid, "description": kind} for mid in mids]
    local = peer.localDescription
    _, answer = await handle.message(
        {"request": "publish", "descriptions": descriptions},
        {"type": local.type, "sdp": local.sdp},
    )
    if answer is None:
        raise ConferenceError("Janus gave no answer to an offer")
    await peer.setRemoteDescription(RTCSessionDescription(answer["sdp"], answer["type"]))


def _send_levels(sender: RTCRtpSender, tone: ToneTrack) -> None:
    """aiortc sends audio levels (RFC 6464) only with sound that it encodes itself."""
    encode = sender._next_encoded_frame

    async def with_level(codec: Any) -> Any:
        frame = await encode(codec)
        if frame is not None:
            frame.audio_level = -tone.level
        return frame

    sender._next_encoded_frame = with_level  # type: ignore[method-assign]


def _prefer(peer: RTCPeerConnection, sender: RTCRtpSender, codec: str) -> None:
    wanted = "video/VP8" if codec == "vp8" else "video/H264"
    every = RTCRtpSender.getCapabilities("video").codecs
    chosen = [one for one in every if one.mimeType == wanted]
    transceiver = next(t for t in peer.getTransceivers() if t.sender is sender)
    transceiver.setCodecPreferences(chosen)


async def _follow(session: RoomSession) -> None:
    async for _ in session.events():
        pass


def _any_certificate() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def read_arguments(arguments: list[str]) -> Publisher:
    parser = argparse.ArgumentParser(prog="python -m tests.instruments.publisher")
    parser.add_argument("--room", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--fps", type=float, default=30.0)
    parser.add_argument("--video", choices=("vp8", "h264"), default="vp8")
    parser.add_argument("--bitrate", type=int, default=1_500_000)
    parser.add_argument("--tone", type=float, default=1000.0)
    parser.add_argument("--flash-place", type=int, default=0)
    parser.add_argument("--from-clip", default="", help="a video file to use for the pictures")
    parser.add_argument("--clock-ppm", type=float, default=0.0)
    parser.add_argument("--audio-clock-ppm", type=float, default=0.0)
    parser.add_argument("--audio-delay", type=float, default=0.0)
    parser.add_argument("--screen-from", type=float)
    parser.add_argument("--screen-to", type=float, default=1e9)
    parser.add_argument("--screen-by-signal", action="store_true", help="SIGUSR1, SIGUSR2")
    parser.add_argument("--duration", type=float)
    parser.add_argument("--no-video", action="store_true")
    parser.add_argument("--no-audio", action="store_true")
    parser.add_argument("--hum", action="store_true", help="the tone is there all the time")
    parser.add_argument("--dtx", action="store_true")
    given = parser.parse_args(arguments)
    width, height = (int(side) for side in given.size.split("x"))
    rate = 30000 / 1001 if abs(given.fps - 29.97) < 0.001 else given.fps
    video = ClipSettings(
        width, height, rate, given.video, given.bitrate, given.flash_place, given.from_clip
    )
    return Publisher(
        room=given.room,
        name=given.name,
        video=None if given.no_video else video,
        tone_hz=None if given.no_audio else given.tone,
        hum=given.hum,
        dtx=given.dtx,
        clock_ppm=given.clock_ppm,
        audio_clock_ppm=given.audio_clock_ppm,
        audio_delay=given.audio_delay,
        screen=None if given.screen_from is None else (given.screen_from, given.screen_to),
        screen_by_signal=given.screen_by_signal,
        duration=given.duration,
        pin=os.environ.get("MIXER_PIN", ""),
        api_secret=os.environ.get("MIXER_JANUS_API_SECRET", ""),
    )


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(publish(read_arguments(sys.argv[1:])))
