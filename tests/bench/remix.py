"""Remixes: how fast with one and two workers, how soon far into a long recording, ten parts joined.

The goal for the frame rate is 0.9 of what the cores give if a frame takes x264's own CPU and 16 ms.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import av
import numpy as np

from mixer.clock import SECOND
from mixer.recorder import MixPlan, Plan, RecordFolder
from tests.bench import measure
from tests.bench.record import START_NS, make_record
from tests.bench.rows import Row, at_least, at_most
from tests.instruments.analyser import Participant, analyse
from tests.instruments.make_journal import make_journal

X264 = ("--preset", "veryfast", "--crf", "23")  # what the goals are stated for
BESIDES_S = 0.016  # CPU of a frame besides x264
SHARE = 0.9
LONG_S, LATE_S = 10_800, 10_200
PARTS = 10
SMALL = MixPlan(width=640, height=360, preset="superfast")


def bench(out: Path, *, quick: bool) -> list[Row]:
    return [*_speed(out, 20 if quick else 180), *_late(out), *_parts(out)]


def _speed(out: Path, seconds: int) -> list[Row]:
    """Four 720p30 participants to 1080p30."""
    folder = make_record(out / "record", participants=4, seconds=seconds)
    frames, cores = seconds * 30, os.cpu_count() or 1
    null = _render(folder, out / "null.mp4", "--encoder", "null")
    costs = [_render(folder, out / f"{n}.mp4", "--workers", str(n)) for n in (1, 2)]
    x264_s = max(0.001, (costs[0].cpu_s - null.cpu_s) / frames)
    goal = SHARE * cores / (x264_s + BESIDES_S)
    shutil.rmtree(folder.directory)
    rows = [Row("CPU a frame of x264", x264_s * 1e3, "ms")]
    for n, cost in enumerate(costs, 1):
        rate = frames / cost.wall_s
        rows.append(at_least(f"{n} workers: frames a second, start included", rate, goal, ""))
        rows.append(at_least(f"{n} workers: speed", rate / 30, 1.0, "× real time"))
    same = (out / "1.mp4").read_bytes() == (out / "2.mp4").read_bytes()
    return [*rows, at_most("1 and 2 workers: files that differ", float(not same), 0, "")]


def _late(out: Path) -> list[Row]:
    """Three hours; a render from 2 h 50 min on."""
    folder = make_record(out / "long", mix=SMALL, participants=4, seconds=LONG_S, size=(320, 180))
    argv = measure.mixer("render", str(folder.directory), "--out", str(out / "late.mp4"))
    argv += ["--from", str(LATE_S), "--to", str(LATE_S + 60), "--size", "1920x1080", "--json"]
    began, first = time.monotonic(), 0.0
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        memory = measure.Memory(process.pid)
        with memory:
            assert process.stdout
            for line in process.stdout:
                event = json.loads(line)
                if not first and event.get("frames", 0) >= 120:
                    first = time.monotonic() - began
    early = measure.run([*argv[:-7], "--from", "60", "--to", "120", *argv[-3:]])
    shutil.rmtree(folder.directory)
    return [
        at_most("first segment of a render that starts at 2 h 50 min", first, 5.0, "s"),
        Row("its peak memory", memory.peak_bytes / 1e6, "MB"),
        Row(
            "peak memory of a render of the same length from the beginning",
            early.peak_bytes / 1e6,
            "MB",
        ),
    ]


def _parts(out: Path) -> list[Row]:
    """Ten parts of 3 s, 2 s apart, merged."""
    folder = RecordFolder(out / "parts")
    folder.directory.mkdir()
    make_journal(folder.journal, participants=2, size=(640, 360), seconds=50, start_ns=START_NS)
    mixes = tuple(
        replace(
            SMALL,
            part=n + 1,
            start_ns=START_NS + 5 * n * SECOND,
            stop_ns=START_NS + (5 * n + 3) * SECOND,
        )
        for n in range(PARTS)
    )
    folder.save(Plan("made", "made", mixes))
    cost = measure.run(measure.mixer("render", str(folder.directory), "--no-report", "--json"))
    path = folder.mix_file("default")
    seen = analyse(path)
    one = seen.participants[0]
    sound = _left(path)
    steps = np.abs(np.diff(sound))
    usual = float(np.percentile(steps, 99.9))
    seams = [90 * 1600 * n for n in range(1, PARTS)]
    worst = max(float(steps[at - 48 : at + 48].max()) for at in seams)
    moved = _moved_s(one, [analyse(folder.part_file(mix)).participants[0] for mix in mixes])
    shutil.rmtree(folder.directory)
    return [
        at_most("ten parts: frames more or less", abs(seen.frames - 90 * PARTS), 0, ""),
        at_most("steps that are no seam", abs(len(one.steps) - (PARTS - 1)), 0, ""),
        at_most("step of the sound at a seam / 99.9th percentile of all", worst / usual, 1.0, "×"),
        Row("flashes and beeps found in the parts and again in the merged file", len(moved), ""),
        at_most("their offset, merged against the part's own", max(moved) * 1e3, 0.1, "ms"),
        Row("CPU for all of it", cost.cpu_s, "s"),
    ]


def _moved_s(merged: Participant, parts: Sequence[Participant]) -> list[float]:
    """By how many seconds the offset of each flash differs from what it was in its part's file."""
    assert merged.sync is not None
    after = np.array(merged.sync.offsets)
    moved = []
    for n, part in enumerate(parts):
        assert part.sync is not None
        for at, offset in part.sync.offsets:
            if not 0.2 < at < 2.8:  # a beep that a seam cuts is another one
                continue
            nearest = np.abs(after[:, 0] - (3 * n + at)).argmin()
            moved.append(float(abs(after[nearest, 1] - offset)))
    return moved


def _left(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])


def _render(folder: RecordFolder, out: Path, *options: str) -> measure.Cost:
    fixed = ("--out", str(out), "--json", *X264)
    return measure.run(measure.mixer("render", str(folder.directory), *fixed, *options))
