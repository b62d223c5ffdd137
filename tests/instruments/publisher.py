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
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import mixer.publish
from mixer.conference.bare import BareSettings
from mixer.conference.session import RoomSession
from mixer.errors import ConferenceError
from mixer.journal.model import NO_LEVEL
from mixer.publish import PublishedFeed, Section, Sender
from tests.instruments import pattern
from tests.instruments.clip import Clip, ClipSettings, clip
from tests.instruments.sources import ClipTrack, Publisher, Timing, ToneTrack


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
    size: dict[str, Any] = {"width": 1920, "height": 1080} if settings.screen_by_signal else {}
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
    """A connection to the SFU of a room, of whichever kind. `session`: in a room of our own."""

    def __init__(self, line: mixer.publish.Line, session: RoomSession | None) -> None:
        self.lost = line.lost
        self.session = session
        self._line = line

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, settings: Publisher) -> AsyncIterator[Line]:
        context = _any_certificate() if settings.room.startswith("https:") else None
        sender = Sender(settings.name, feed_id=settings.feed_id)
        bare = BareSettings(pin=settings.pin, api_secret=settings.api_secret)
        async with mixer.publish.Line.open(settings.room, sender, bare, context) as line:
            following = asyncio.create_task(_follow(line.session)) if line.session else None
            try:
                yield cls(line, line.session)
            finally:
                if following is not None:
                    following.cancel()
                    await asyncio.gather(following, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def send(
        self, kind: str, settings: Publisher, made: Clip | None, timing: Timing
    ) -> AsyncIterator[Any]:
        """Publishes a feed; yields its id."""
        tone = picture = None
        sections: list[Section] = []
        if settings.tone_hz is not None:
            tone = ToneTrack(timing, settings.video.fps if settings.video else 30.0)
            sections.append(Section("audio", "opus"))
        if made is not None:
            picture = ClipTrack(made, timing)
            sections.append(Section("video", "vp8" if made.settings.codec == "vp8" else "h264"))
        wanted = picture.request_keyframe if picture else None
        async with self._line.publish(kind, sections, wanted) as feed:
            tracks = [track for track in (tone, picture) if track is not None]
            pumps = [asyncio.create_task(_pump(feed, track, timing)) for track in tracks]
            try:
                yield feed.id
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)


async def _pump(feed: PublishedFeed, track: ClipTrack | ToneTrack, timing: Timing) -> None:
    level = NO_LEVEL
    while True:
        packet = await track.recv()
        if isinstance(track, ToneTrack):
            level = track.level
        at_ns = timing.moment_ns(track.sent_at)
        feed.send(track.kind, bytes(packet), int(packet.pts or 0), at_ns, level)  # type: ignore[arg-type]


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
