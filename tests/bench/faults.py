"""kill -9 at random moments: what is lost, how long gaps are, whether the output is the same."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import json
import random
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from mixer.clock import SECOND
from mixer.journal import Journal
from mixer.recorder import MixPlan
from tests.bench import measure
from tests.bench.record import make_record
from tests.bench.rows import Row, at_most
from tests.instruments.analyser import analyse
from tests.instruments.clips import beep_hz
from tests.instruments.demo import conference_server, publisher

RENDER_VICTIMS = ("mixer.layout", "mixer.render.worker", "--type=renderer")
BETWEEN_KILLS_S = 9.0
PICTURE_S = 1 / 30
LEAST_WIDTH = 600.0  # of a publisher's picture in the recording: there are two, or avatars of some
HOLE_NS = 150_000_000  # a pause between two pictures that is longer is a gap


@dataclass(frozen=True, slots=True)
class Hole:
    """A pause in what is journalled of somebody's camera; `stream`: which goes on after it, or ""
    where they came back as another participant."""

    stream: str
    from_ns: int
    to_ns: int

    @property
    def seconds(self) -> float:
        return (self.to_ns - self.from_ns) / SECOND


def bench(out: Path, *, quick: bool) -> list[Row]:
    """Renders with one process killed each; recordings with ingest and Janus killed."""
    kills = 4 if quick else 20
    rows = _renders(out, kills)
    for name, limit_s in (("mixer.ingest", 3.0), ("janus", 6.0)):
        rows += asyncio.run(_recording(out / name, name, kills, limit_s))
    return rows


def _renders(out: Path, kills: int) -> list[Row]:
    mix = MixPlan(width=1280, height=720)
    size = (640, 360)
    folder = make_record(
        out / "record", mix=mix, participants=3, seconds=12, size=size, screen=(3, 6)
    )
    measure.run(measure.mixer("render", str(folder.directory), "--out", str(out / "whole.mp4")))
    whole = _digest(out / "whole.mp4")
    chance, different = random.Random(1), 0
    for number in range(kills):
        made = out / f"killed-{number}.mp4"
        _killed_render(folder.directory, made, chance.choice(RENDER_VICTIMS), chance.uniform(1, 9))
        different += _digest(made) != whole
        shutil.rmtree(folder.directory / "work", ignore_errors=True)
    return [at_most(f"renders that differ, of {kills} with a process killed", different, 0, "")]


def _killed_render(folder: Path, out: Path, victim: str, after_s: float) -> None:
    argv = measure.mixer("render", str(folder), "--out", str(out), "--json")
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL) as render:
        deadline = time.monotonic() + after_s
        while time.monotonic() < deadline and render.poll() is None:
            time.sleep(0.02)
        found: list[psutil.Process] = []
        while not found and render.poll() is None:
            found = _descendants(render.pid, victim)
            time.sleep(0.02)
        for process in found[:1]:
            with contextlib.suppress(psutil.Error):
                process.kill()
        if render.wait(600):
            raise SystemExit(f"bench: the render did not survive the end of its {victim}")


def _descendants(pid: int, victim: str) -> list[psutil.Process]:
    found = []
    with contextlib.suppress(psutil.Error):
        for process in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if any(victim in part for part in process.cmdline()):
                    found.append(process)
    return found


async def _recording(out: Path, victim: str, kills: int, limit_s: float) -> list[Row]:
    logs = out / "logs"
    logs.mkdir(parents=True)
    record = out / "recording"
    tones = {place: float(beep_hz(place)) for place in (0, 1)}
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(conference_server(logs))
        url = f"{server}/rooms/bench"
        for place, tone in tones.items():
            options = ("--size", "640x360", "--flash-place", str(place), "--tone", str(tone))
            await stack.enter_async_context(publisher(url, logs, f"p{place}", *options))
        killed = await _record_with_kills(url, record, victim, kills)
    journal = Journal.open(record / "journal")
    holes = _holes(journal)
    lost_s = max((_lost_before(holes, at) for at in killed), default=0.0)
    video = record / "mixes" / "default.mp4"
    analysis = analyse(video, tones=tones, least_width=LEAST_WIDTH)
    p99 = max(one.sync.p99_ms for one in analysis.participants.values() if one.sync)
    noted = json.loads((record / "recording.json").read_text())["irregularities"]
    wrong = _wrongly_noted(holes, noted)
    return [
        at_most(f"{victim} killed {kills} times: longest gap", _longest(holes), limit_s, "s"),
        at_most(f"{victim} killed: journalled media lost before the kill", lost_s, 1.0, "s"),
        at_most(f"{victim} killed: noted lengths of gaps off by", wrong * 1e3, 20, "ms"),
        at_most(f"{victim} killed: 99th percentile of sound against picture", p99, 25, "ms"),
    ]


async def _record_with_kills(url: str, record: Path, victim: str, kills: int) -> list[int]:
    """Returns the journal times of the kills."""
    argv = measure.mixer("record", url, "--out", str(record), "--json")
    process = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.DEVNULL)
    chance = random.Random(2)
    at: list[int] = []
    for _ in range(1200):
        if (record / "journal" / "run-0001.meta").exists():
            break
        await asyncio.sleep(0.05)
    journal = Journal.open(record / "journal")
    for _ in range(kills):
        await asyncio.sleep(BETWEEN_KILLS_S + chance.uniform(0, 1))
        for found in _victims(victim, process.pid):
            found.kill()
        at.append(journal.now_ns())
    await asyncio.sleep(BETWEEN_KILLS_S)
    process.terminate()
    if await process.wait():
        raise SystemExit(f"bench: the recording did not survive the end of {victim}")
    return at


def _victims(victim: str, recorder: int) -> list[psutil.Process]:
    if victim != "janus":
        return _descendants(recorder, victim)
    mine = psutil.Process().children(recursive=True)
    return [process for process in mine if process.name() == "janus"]


def _holes(journal: Journal) -> list[Hole]:
    """Pauses in each publisher's pictures, over all tracks of all who had that name."""
    named = {
        event.data["participant"]["id"]: event.data["participant"]["name"]
        for event in journal.events(0, journal.watermark_ns + 1)
        if event.type == "participant.added"
    }
    tracks: dict[str, list[int]] = {}
    for track in journal.tracks.values():
        if track.kind == "video":
            tracks.setdefault(named[track.participant], []).append(track.id)
    holes = []
    for ids in tracks.values():
        seen = [
            (t, journal.tracks[frame.track].stream)
            for t, frame in journal.frames(ids, 0, journal.watermark_ns)
        ]
        holes += [
            Hole(before if before == after else "", a, b)
            for (a, before), (b, after) in itertools.pairwise(seen)
            if b - a > HOLE_NS
        ]
    if not holes:
        raise SystemExit("bench: nothing was interrupted; were the processes killed?")
    return holes


def _longest(holes: list[Hole]) -> float:
    return max((hole.seconds for hole in holes), default=0.0)


def _lost_before(holes: list[Hole], killed_ns: int) -> float:
    """Seconds of media missing before the moment of a kill."""
    around = [hole for hole in holes if hole.from_ns <= killed_ns < hole.to_ns]
    return max(((killed_ns - hole.from_ns) / SECOND for hole in around), default=0.0)


def _wrongly_noted(holes: list[Hole], noted: list[dict[str, object]]) -> float:
    """How far the noted length of a video gap is from the pause in the media, at most. The picture
    before a hole is shown for its time; then the gap begins."""
    gaps = [n for n in noted if n["type"] == "gap" and n["kind"] == "video"]
    worst = 0.0
    for hole in (one for one in holes if one.stream):
        same = [
            abs(float(str(gap["seconds"])) + PICTURE_S - hole.seconds)
            for gap in gaps
            if gap["stream"] == hole.stream
            and abs(float(str(gap["t"])) - hole.from_ns / SECOND) < 0.5
        ]
        worst = max(worst, min(same, default=hole.seconds))
    return worst


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
