"""Ingest under test: run in this process or as a child, and what its journal holds when decoded."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from mixer.conference.bare import BareSettings, join_bare
from mixer.ingest.earlier import read_earlier
from mixer.ingest.recording import Recording
from mixer.journal import Frame, Journal, JournalWriter, Track
from tests.instruments import pattern
from tests.instruments.publisher import publish
from tests.instruments.sources import Publisher

EVER = 1 << 62
OPUS_DELAY = 312  # samples by which a decoder's output is late
RATE = 48000


async def until(condition: Callable[[], Any], timeout_s: float = 60.0, what: str = "") -> None:
    """Waits for a condition; fails the test if it does not come."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"did not happen within {timeout_s} s: {what or condition}")
        await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def publishing(*publishers: Publisher) -> AsyncIterator[list[asyncio.Event]]:
    """Runs synthetic participants; yields the events that make each of them leave."""
    stops = [asyncio.Event() for _ in publishers]
    tasks = [
        asyncio.create_task(publish(one, stop)) for one, stop in zip(publishers, stops, strict=True)
    ]
    try:
        yield stops
    finally:
        for stop in stops:
            stop.set()
        await asyncio.gather(*tasks)


class Ingest:
    """A recording in this process. `journalled` re-reads what is on disk."""

    def __init__(
        self, directory: Path, recording: Recording, emitted: list[dict[str, Any]]
    ) -> None:
        self.directory = directory
        self.recording = recording
        self.emitted = emitted

    @property
    def status(self) -> dict[str, Any]:
        return next((e for e in reversed(self.emitted) if e["event"] == "status"), {})

    def named(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.emitted if event["event"] == name]

    def received(self) -> dict[tuple[str, str], int]:
        """(stream, kind) → packets received now."""
        return {
            (publication.stream, publication.kind): receiver.reception.packets
            for feed in self.recording._receivers()
            for publication, receiver in feed.receivers.values()
        }


@contextlib.asynccontextmanager
async def ingesting(
    url: str, directory: Path, settings: BareSettings | None = None
) -> AsyncIterator[Ingest]:
    """Records a bare room until the block ends; then the journal is finished."""
    earlier = read_earlier(directory)
    session = await join_bare(url, "Mixer", settings)
    emitted: list[dict[str, Any]] = []
    with JournalWriter.create(directory, conference=session.conference) as writer:
        recording = Recording(
            session, writer, earlier, lambda event, **f: emitted.append({"event": event, **f})
        )
        running = asyncio.create_task(recording.run())
        try:
            yield Ingest(directory, recording, emitted)
        finally:
            recording.stop("stopped")
            await running
        writer.close(final=True)


class IngestProcess:
    """`python -m mixer.ingest`; `events` holds the lines it has told."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.events: list[dict[str, Any]] = []
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, url: str, directory: Path, *options: str) -> IngestProcess:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "mixer.ingest", url, "--dir", str(directory), *options),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        return cls(process)

    def named(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == name]

    @property
    def status(self) -> dict[str, Any]:
        return next(iter(reversed(self.named("status"))), {})

    def send(self, command: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"command": command}).encode() + b"\n")

    async def stop(self) -> int:
        self.send("stop")
        async with asyncio.timeout(30):
            code = await self.process.wait()
        await self._reading
        return code

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()
        await self._reading

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.events.append(json.loads(line))


def tracks_of(journal: Journal, stream: str | None = None, kind: str | None = None) -> list[Track]:
    return [
        track
        for track in journal.tracks.values()
        if stream in (None, track.stream) and kind in (None, track.kind)
    ]


def marks(journal: Journal, track: Track) -> list[tuple[int, pattern.Mark | None]]:
    """(media time, mark) of each picture of a video track, decoded as a renderer would."""
    return [(at, pattern.read_mark(luma)) for at, luma in lumas(journal, track)]


def lumas(journal: Journal, track: Track) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """(media time, luma of height × width) of each picture of a video track."""
    decoder = av.CodecContext.create("libvpx" if track.codec == "vp8" else "h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.thread_count = 1
    decoder.flags |= av.codec.context.Flags.low_delay
    started = False
    times: dict[int, int] = {}
    for media_ns, frame in journal.frames([track.id], 0, EVER):
        started = started or frame.key
        if not started:
            continue
        times[frame.rtp] = media_ns
        packet = av.Packet(frame.data)
        packet.pts = packet.dts = frame.rtp
        for picture in decoder.decode(packet):
            yield times[int(picture.pts or 0)], _luma(picture)
    for picture in decoder.decode(None):
        yield times[int(picture.pts or 0)], _luma(picture)


def _luma(picture: av.VideoFrame) -> NDArray[np.uint8]:
    return np.asarray(picture.to_ndarray(format="yuv420p"), np.uint8)[: picture.height]


def sound(journal: Journal, track: Track) -> tuple[int, NDArray[np.float64]]:
    """(media time of the first sample, samples) of an audio track, placed by RTP timestamps."""
    frames = list(journal.frames([track.id], 0, EVER))
    first = frames[0][1].rtp
    samples = np.zeros(frames[-1][1].rtp - first + 5760)
    decoder = av.CodecContext.create("libopus", "r")
    decoder.sample_rate, decoder.layout = RATE, "mono"
    for _, frame in frames:
        _place(decoder, frame, first, samples)
    return frames[0][0], samples


def _place(decoder: Any, frame: Frame, first: int, samples: NDArray[np.float64]) -> None:
    at = frame.rtp - first
    for decoded in decoder.decode(av.Packet(frame.data)):
        values = decoded.to_ndarray()[0].astype(np.float64)
        values = values if decoded.format.name.startswith("flt") else values / 32768
        samples[at : at + len(values)] = values
        at += len(values)


def tone_hz(samples: NDArray[np.float64]) -> float:
    """The strongest frequency."""
    spectrum = np.abs(np.fft.rfft(samples))
    return float(np.argmax(spectrum) * RATE / len(samples))


def beeps_ns(journal: Journal, track: Track) -> list[int]:
    """Media times at which beeps begin, in the sound that was encoded."""
    _start_ns, samples = sound(journal, track)
    loud = np.abs(samples) > 0.25
    onsets = [
        index
        for index in np.flatnonzero(loud)
        if index > 4800 and not loud[max(0, index - 4800) : index].any()
    ]
    return [
        journal.media_ns(track.id, _first_rtp(journal, track) + int(index) - OPUS_DELAY)
        for index in onsets
    ]


def flashes_ns(journal: Journal, track: Track) -> list[int]:
    """Media times at which flashes begin."""
    seen = [(at, mark) for at, mark in marks(journal, track) if mark is not None]
    return [
        at
        for (_, before), (at, mark) in itertools.pairwise(seen)
        if mark.flash and not before.flash
    ]


def _first_rtp(journal: Journal, track: Track) -> int:
    return next(iter(journal.frames([track.id], 0, EVER)))[1].rtp
