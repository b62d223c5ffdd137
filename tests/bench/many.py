"""25 participants to 1080p30, from a journal: nine cameras of 720p, sixteen of 180p.

Frames a second on two cores are told by the CPU that they took, which is what they could be on a
machine that does nothing else, and by the clock.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.bench import measure
from tests.bench.record import make_record
from tests.bench.rows import Row, at_least, at_most

CORES, FPS = 2, 30
LARGE, SMALL = [(1280, 720)] * 9, [(320, 180)] * 16
GROWTH_MB = 20.0  # between the second and the last third of a render


def bench(out: Path, *, quick: bool) -> list[Row]:
    """CPU a frame with and without x264, speed, memory and its growth."""
    seconds = 20 if quick else 60
    record = make_record(
        out / "record", participants=25, sizes=[*LARGE, *SMALL], seconds=seconds, loop_seconds=5
    )
    null = _render(record.directory, out / "null.mp4", "--encoder", "null")
    whole = _render(record.directory, out / "x264.mp4")
    shutil.rmtree(record.directory)
    frames = seconds * FPS
    return [
        Row("CPU a frame besides x264", null.cpu_s / frames * 1e3, "ms"),
        Row("CPU a frame, x264 included", whole.cpu_s / frames * 1e3, "ms"),
        at_least("speed by its CPU, two cores", CORES * seconds / whole.cpu_s, 0.6, "× real time"),
        Row("speed by the clock", seconds / whole.wall_s, "× real time"),
        Row("peak memory of a render", whole.peak_bytes / 1e6, "MB"),
        at_most("growth of memory besides x264", _growth_mb(null), GROWTH_MB, "MB"),
        Row("growth of memory, x264 included", _growth_mb(whole), "MB"),
    ]


def _growth_mb(cost: measure.Cost) -> float:
    """From the median of the second third to that of the last."""
    sizes = [size for _, size in cost.memory]
    third = len(sizes) // 3
    middle, last = sorted(sizes[third : 2 * third]), sorted(sizes[2 * third :])
    return (last[len(last) // 2] - middle[len(middle) // 2]) / 1e6


def _render(folder: Path, out: Path, *options: str) -> measure.Cost:
    fixed = ("--out", str(out), "--json")
    cost = measure.run(measure.mixer("render", str(folder), *fixed, *options))
    result = json.loads(cost.output.splitlines()[-1])
    assert result["event"] == "result", result
    return cost
