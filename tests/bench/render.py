"""What rendering costs: four 720p30 participants to 1080p30, from a journal.

CPU besides x264 is that of a run with a null encoder in its place. "The others' way" is Chromium
painting the same layout with the same clips, filmed off an X server (others.py).
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.bench import measure
from tests.bench.record import make_record
from tests.bench.rows import Row, at_least, at_most

CPU_GOAL_MS = 16.0
RATIO_GOAL = 0.75


def bench(out: Path, *, quick: bool) -> list[Row]:
    """CPU a frame with and without x264, speed, memory, and the ratio to the others' way."""
    seconds = 20 if quick else 60
    folder = make_record(out / "record", participants=4, seconds=seconds)
    frames = seconds * 30
    null = _render(folder.directory, out / "null.mp4", "--encoder", "null")
    whole = _render(folder.directory, out / "x264.mp4")
    rows = [
        at_most("CPU a frame besides x264", null.cpu_s / frames * 1e3, CPU_GOAL_MS, "ms"),
        Row("CPU a frame, x264 included", whole.cpu_s / frames * 1e3, "ms"),
        at_least("speed with one worker", seconds / whole.wall_s, 1.0, "× real time"),
        Row("peak memory of a render", whole.peak_bytes / 1e6, "MB"),
    ]
    shutil.rmtree(folder.directory)
    return rows + _others(whole.cpu_s / frames, quick=quick)


def _others(ours_s: float, *, quick: bool) -> list[Row]:
    from tests.bench import others

    theirs = others.measure(seconds=10 if quick else 30)
    return [
        Row("the others' way: CPU a frame, x264 included", theirs.total_s_per_frame * 1e3, "ms"),
        Row("the others' way: CPU a frame besides x264", theirs.capture_s_per_frame * 1e3, "ms"),
        at_most("ours / the others', x264 included", ours_s / theirs.total_s_per_frame, 0.75, "×"),
    ]


def _render(folder: Path, out: Path, *options: str) -> measure.Cost:
    fixed = ("--out", str(out), "--json")
    cost = measure.run(measure.mixer("render", str(folder), *fixed, *options))
    result = json.loads(cost.output.splitlines()[-1])
    assert result["event"] == "result", result
    return cost
