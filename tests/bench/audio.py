"""What audio files cost: the mix and four legs of a journal with four 720p30 participants.

An hour is made of an hour; `--quick` measures ten minutes and tells of them as of an hour.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from pathlib import Path

import psutil

from mixer.edit import Span
from mixer.render.audio import AudioJob
from mixer.render.audio_settings import AudioSettings
from mixer.render.settings import Workspace
from tests.bench import measure
from tests.bench.rows import Row, at_most
from tests.instruments.make_journal import make_journal

HOUR_S = 3_600
WALL_GOAL_S = 200.0
FLAT = 1.1  # memory at the end against memory after a tenth of the way


def bench(out: Path, *, quick: bool) -> list[Row]:
    """Time, CPU and memory of one audio job with legs, and how much memory grows on the way."""
    seconds = 600 if quick else HOUR_S
    journal = make_journal(out / "journal", participants=4, seconds=seconds)
    argv = [sys.executable, "-m", "tests.bench.audio", str(journal), str(out / "made")]
    cost = measure.run(argv)
    shutil.rmtree(journal)
    hours = seconds / HOUR_S
    return [
        at_most("an hour's mix and four legs", cost.wall_s / hours, WALL_GOAL_S, "s"),
        Row("CPU for it", cost.cpu_s / hours, "s"),
        Row("speed", seconds / cost.wall_s, "× real time"),
        Row("peak memory", cost.peak_bytes / 1e6, "MB"),
        at_most("memory in the last tenth / in the second", _growth(cost.output), FLAT, "×"),
    ]


def _growth(output: str) -> float:
    """Of the samples that `main` printed: largest of the last tenth against that of the second."""
    samples = [int(line.split()[1]) for line in output.splitlines() if line.startswith("memory ")]
    tenth = max(1, len(samples) // 10)
    return max(samples[-tenth:]) / max(samples[tenth : 2 * tenth] or samples)


async def _make(journal: Path, out: Path) -> None:
    began = time.monotonic()
    job = AudioJob(
        journal, Workspace(out / "work"), AudioSettings(legs=True), (Span(0),), out / "audio"
    )
    running = asyncio.ensure_future(job.run())
    pid = psutil.Process().pid
    while not running.done():
        await asyncio.wait([running], timeout=2.0)
        print("memory", measure.tree_bytes(pid))
    result = running.result()
    print("files", len(result.files), "wall", round(time.monotonic() - began, 1))


if __name__ == "__main__":
    asyncio.run(_make(Path(sys.argv[1]), Path(sys.argv[2])))
