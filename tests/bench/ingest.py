"""Ingest alone: CPU a participant, memory, how still media time stands, gaps after SIGKILL.

Publishers are processes of their own (tests.instruments.publisher), the SFU is a Janus of the
bench's own; only ingest's process is measured.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import psutil

from mixer.journal import Journal
from tests.bench.rows import Row, at_most
from tests.instruments.bare_janus import BareJanus, Room
from tests.instruments.clip import ClipSettings, clip
from tests.instruments.ingested import EVER, IngestProcess, marks, tracks_of, until

PEOPLE = 2
SECOND = 1_000_000_000
LARGE = ClipSettings(1280, 720, 30.0, "vp8", 1_500_000, 1)
SMALL = ClipSettings(320, 180, 30.0, "vp8", 250_000, 1)


def bench(folder: Path, *, quick: bool = False) -> list[Row]:
    """Rows of the table; `folder` gets the journals."""
    for one in (LARGE, SMALL):
        clip(one)
    seconds = 60 if quick else 600
    rows = asyncio.run(_cost(folder / "cost", seconds))
    rows += asyncio.run(_stillness(folder / "still", seconds))
    return rows + asyncio.run(_killed(folder / "killed", 3 if quick else 20))


@contextlib.contextmanager
def _publishers(janus: BareJanus, settings: ClipSettings, count: int) -> Iterator[None]:
    size = f"{settings.width}x{settings.height}"
    command = [sys.executable, "-m", "tests.instruments.publisher", "--room", janus.url(1)]
    command += ["--size", size, "--bitrate", str(settings.bitrate), "--flash-place", "1"]
    running = [
        subprocess.Popen([*command, "--name", f"p{index}"], stdout=subprocess.DEVNULL)
        for index in range(count)
    ]
    try:
        yield
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()


@contextlib.asynccontextmanager
async def _ingest(janus: BareJanus, journal: Path, tracks: int) -> AsyncIterator[IngestProcess]:
    """An ingest process that receives that many tracks."""
    ingest = await IngestProcess.start(janus.url(1), journal)
    await until(lambda: _packets(ingest, 100) == tracks, 120)
    yield ingest
    if ingest.process.returncode is None:
        await ingest.stop()


def _packets(ingest: IngestProcess, least: int) -> int:
    status = ingest.named("status")
    return sum(track["packets"] > least for track in status[-1]["tracks"]) if status else 0


async def _cost(journal: Path, seconds: float) -> list[Row]:
    with BareJanus([Room(1)]) as janus, _publishers(janus, LARGE, PEOPLE):
        async with _ingest(janus, journal, 2 * PEOPLE) as ingest:
            process = psutil.Process(ingest.process.pid)
            before, memory = process.cpu_times(), process.memory_info().rss
            packets = sum(t["packets"] for t in ingest.named("status")[-1]["tracks"])
            await asyncio.sleep(seconds)
            after, grown = process.cpu_times(), process.memory_info().rss - memory
            packets = sum(t["packets"] for t in ingest.named("status")[-1]["tracks"]) - packets
    used = after.user + after.system - before.user - before.system
    what = "ingest, a participant of 720p30 at 1.5 Mbit/s and Opus"
    return [
        at_most(what, used / seconds / PEOPLE, 0.05, "cores"),
        Row("ingest, a packet", used / packets * 1e6, "µs"),
        Row("ingest, memory", memory / 1e6, "MB"),
        at_most(f"ingest, memory grown in {seconds:.0f} s", grown / 1e6, 5, "MB"),
    ]


async def _stillness(journal: Path, seconds: float) -> list[Row]:
    """A 30.000 fps source on a 30 fps grid: how media time wanders, and what that costs."""
    with BareJanus([Room(1)]) as janus, _publishers(janus, SMALL, 1):
        async with _ingest(janus, journal, 2):
            await asyncio.sleep(seconds)
    read = Journal.open(journal)
    (video,) = tracks_of(read, kind="video")
    found = list(read.frames([video.id], 0, EVER))
    media = np.array([at for at, _ in found])
    sent = np.array([frame.rtp * SECOND // 90000 for _, frame in found])
    after_settling = media[0] + 30 * SECOND
    wander = (media - sent)[media > after_settling]
    at = int(media[0]) + SECOND // 60 + np.arange(len(media) - 2) * SECOND // 30
    steps = np.diff(np.searchsorted(media, at, side="right"))
    return [
        at_most("media time wanders, after half a minute", np.ptp(wander) / 1e6, 2, "ms"),
        at_most("frames repeated or skipped on the grid", float((steps != 1).sum()), 0, ""),
    ]


async def _killed(folder: Path, times: int) -> list[Row]:
    """SIGKILL at random moments, at once started again on the same journal."""
    random = np.random.default_rng(1)
    with BareJanus([Room(1)]) as janus, _publishers(janus, SMALL, 1):
        ingest = await IngestProcess.start(janus.url(1), folder)
        for _ in range(times):
            await until(lambda: _packets(ingest, 60) == 2, 60)  # noqa: B023
            await asyncio.sleep(random.uniform(0, 2))
            await ingest.kill()
            ingest = await IngestProcess.start(janus.url(1), folder)
        await until(lambda: _packets(ingest, 60) == 2, 60)
        await ingest.stop()
    journal = Journal.open(folder)
    gaps = [gap for gap in journal.gaps if gap.reason == "restart"]
    pictures = {track.id for track in tracks_of(journal, kind="video")}
    lengths = [(gap.to_ns - gap.from_ns) / SECOND for gap in gaps if gap.track in pictures]
    errors = _length_errors_ms(journal, lengths)
    return [
        at_most(f"gap after SIGKILL of ingest, longest of {times}", max(lengths), 3, "s"),
        at_most("error of its recorded length", max(errors), 20, "ms"),
    ]


def _length_errors_ms(journal: Journal, lengths: list[float]) -> list[float]:
    """Recorded lengths against what the pictures' own numbers say."""
    runs = [
        [mark.number for _, mark in marks(journal, track) if mark is not None]
        for track in tracks_of(journal, kind="video")
    ]
    true = [((new[0] - old[-1]) % 600 - 1) / 30 for old, new in itertools.pairwise(runs)]
    return [abs(a - b) * 1e3 for a, b in zip(lengths, true, strict=True)]
