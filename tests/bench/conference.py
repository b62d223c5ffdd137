"""A whole recording of a live conference: sync, every frame, ingest's cost, memory, start and end.

Four synthetic 360p publishers send through Janus, each with a clock of its own kind; the recorder
renders while they do, all on the same machine. The MP4 is then read by the analyser.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.bench import measure
from tests.bench.rows import Row, at_most
from tests.instruments.analyser import Participant, Sync, analyse
from tests.instruments.clips import beep_hz
from tests.instruments.demo import conference_server, publisher

NTSC = ("--fps", "29.97")  # its flashes pass through all phases of the 30 fps grid in 33 s
KINDS = {
    0: ("ordinary, 30.000 fps", ()),
    1: ("whole clock 100 ppm fast", ("--clock-ppm", "100", *NTSC)),
    2: ("audio clock 100 ppm fast", ("--audio-clock-ppm", "100", *NTSC)),
    3: ("sound begins 2 s late", ("--audio-delay", "2", *NTSC)),
}
SETTLE_S = 10.0  # of the file's start are not judged for drift
NTSC_REPEAT_S = 33.4


@dataclass(slots=True)
class Ran:
    """What the recorder told, and what its processes took."""

    reports: list[dict[str, Any]] = field(default_factory=list)
    ingest_cpu_s: float = 0.0
    ingest_bytes: list[int] = field(default_factory=list)
    tree_bytes: list[int] = field(default_factory=list)
    wall_s: float = 0.0
    stop_to_file_s: float = 0.0


def bench(out: Path, *, quick: bool) -> list[Row]:
    """The figures of one recording of 5 minutes (quick: 1)."""
    seconds = 60 if quick else 300
    ran = asyncio.run(_run(out, seconds))
    video = out / "recording" / "mixes" / "default.mp4"
    result = json.loads((out / "recording" / "recording.json").read_text())
    seen = analyse(video, tones={place: float(beep_hz(place)) for place in KINDS})
    rows = _sync_rows(seen.participants)
    rows += _frame_rows(seen.participants, seconds)
    rows += _cost_rows(ran, len(KINDS))
    expected = round((result["mixes"][0]["stop"] - result["mixes"][0]["start"]) * 30)
    rows += [
        at_most("frames more or less than start to stop", abs(seen.frames - expected), 1, ""),
        at_most("start of the file after joining", _start_s(result), 0.301, "s"),
        at_most("stop to finished file", ran.stop_to_file_s, 3.0, "s"),
        Row("irregularities noted", len(result["irregularities"]), ""),
    ]
    return rows


def _start_s(result: dict[str, Any]) -> float:
    start: float = result["mixes"][0]["start"] - result["participants"][0]["joined"]
    return start


async def _run(out: Path, seconds: int) -> Ran:
    logs = out / "logs"
    logs.mkdir()
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(conference_server(logs))
        url = f"{server}/rooms/bench"
        people = [
            publisher(url, logs, f"p{place}", *_options(place), *options)
            for place, (_, options) in KINDS.items()
        ]
        await asyncio.gather(*(stack.enter_async_context(one) for one in people))
        return await _record(url, out / "recording", seconds)


def _options(place: int) -> tuple[str, ...]:
    tone = str(beep_hz(place))
    return ("--size", "640x360", "--bitrate", "600000", "--flash-place", str(place), "--tone", tone)


async def _record(url: str, record: Path, seconds: int) -> Ran:
    argv = measure.mixer("record", url, "--out", str(record), "--duration", str(seconds), "--json")
    process = await asyncio.create_subprocess_exec(
        *argv, stdout=asyncio.subprocess.PIPE, limit=1 << 20
    )
    assert process.stdout
    ran, began, stopped = Ran(), time.monotonic(), 0.0
    async for line in process.stdout:
        report = json.loads(line)
        if report["event"] == "progress":
            ran.reports.append(report)
        if report.get("stage") == "recording":
            _sample(process.pid, ran)
        elif not stopped:
            stopped = time.monotonic()
            ran.wall_s = stopped - began
        if report["event"] == "result":  # a report of the recording follows
            ran.stop_to_file_s = time.monotonic() - stopped
    if await process.wait():
        raise SystemExit(f"bench: recording failed; see {record}")
    return ran


def _sample(pid: int, ran: Ran) -> None:
    if len(ran.reports) % 5:
        return
    ran.tree_bytes.append(measure.tree_bytes(pid))
    for child in psutil.Process(pid).children():
        if "mixer.ingest" in child.cmdline():
            times = child.cpu_times()
            ran.ingest_cpu_s = times.user + times.system
            ran.ingest_bytes.append(child.memory_info().rss)


def _sync_rows(people: dict[int, Participant]) -> list[Row]:
    rows, biases = [], []
    for place, (kind, _) in KINDS.items():
        sync = _settled(people[place].sync)
        if sync is None:
            raise SystemExit(f"bench: no flashes with beeps of {kind!r} in the video")
        biases += [sync.bias_ms] if place else []  # the first one's phase never changes
        rows += [
            Row(f"{kind}: bias, sound against picture", sync.bias_ms, "ms"),
            at_most(f"{kind}: 99th percentile of the offset", sync.p99_ms, 25, "ms"),
            at_most(f"{kind}: drift", abs(sync.drift_ppm), 20, "ppm"),
        ]
    worst = max(abs(bias) for bias in biases)  # a mean would let opposite ones cancel
    return [at_most("bias over phases, of the worst participant", worst, 5, "ms"), *rows]


def _settled(sync: Sync | None) -> Sync | None:
    if sync is None:
        return None
    later = [(at, offset) for at, offset in sync.offsets if at > SETTLE_S]
    return Sync.of([at for at, _ in later], [at + offset for at, offset in later])


def _frame_rows(people: dict[int, Participant], seconds: int) -> list[Row]:
    exact, ntsc = people[0], people[3]
    backwards = sum(len(one.backwards) for one in people.values())
    distances = [(b - a) / 30 for a, b in itertools.pairwise(ntsc.repeats)]
    rows = [
        at_most("30.000 fps: pictures repeated", len(exact.repeats), 0, ""),
        at_most("30.000 fps: pictures skipped", len(exact.skips), 0, ""),
        at_most("pictures shown backwards", backwards, 0, ""),
        at_most("29.97 fps: pictures skipped", len(ntsc.skips), 0, ""),
    ]
    if distances:
        off = max(abs(distance - NTSC_REPEAT_S) for distance in distances)
        rows.append(at_most("29.97 fps: repeats off the even 33.4 s", off, 1.0, "s"))
    return rows


def _cost_rows(ran: Ran, participants: int) -> list[Row]:
    lags = [report["mixes"]["default"]["lag_s"] for report in ran.reports if report.get("mixes")]
    third = max(1, len(lags) // 3)
    growth = statistics.median(lags[-third:]) - statistics.median(lags[third : 2 * third] or lags)
    early, late = ran.ingest_bytes[: third // 5 + 1], ran.ingest_bytes[-third // 5 :]
    cores = ran.ingest_cpu_s / max(ran.wall_s, 1e-9) / participants
    return [
        Row("ingest: CPU a participant (360p30, 600 kbit/s, Opus)", cores, "cores"),
        at_most("ingest: growth of its memory", (max(late) - max(early)) / 1e6, 10, "MB"),
        at_most("whole recorder: peak memory", max(ran.tree_bytes) / 1e6, 800, "MB"),
        Row("lag behind the conference, median", statistics.median(lags), "s"),
        at_most("growth of the lag", growth, 1.0, "s"),
    ]


if __name__ == "__main__":
    folder = Path(sys.argv[1]).absolute()
    folder.mkdir(parents=True)
    for row in bench(folder, quick=True):
        print(row)
