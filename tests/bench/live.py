"""Following a journal that grows in real time: does the lag grow?"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from tests.bench import measure
from tests.bench.record import START_NS
from tests.bench.rows import Row, at_most

_WRITER = """
import sys
from pathlib import Path
from tests.instruments.make_journal import make_journal
make_journal(Path(sys.argv[1]), participants=4, seconds=float(sys.argv[2]), pace=1.0,
             start_ns=int(sys.argv[3]))
"""


def bench(out: Path, *, quick: bool) -> list[Row]:
    """Lag in the second and in the last fifth of the time, and how long the end takes."""
    from mixer.recorder import MixPlan, Plan, RecordFolder

    seconds = 60 if quick else 300
    folder = RecordFolder(out / "record")
    folder.directory.mkdir()
    folder.save(Plan("made", "made", (MixPlan(start_ns=START_NS),)))
    argv = [sys.executable, "-c", _WRITER, str(folder.journal), str(seconds), str(START_NS)]
    with subprocess.Popen(argv) as writer:
        while not (folder.journal / "run-0001.meta").exists():
            time.sleep(0.05)
        video = str(out / "live.mp4")
        render = measure.mixer("render", str(folder.directory), "--out", video, "--json")
        began = time.monotonic()
        with subprocess.Popen(render, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            lags, ended = _follow(process.stdout, began, writer)
    early = [lag for at, lag in lags if seconds * 0.2 < at < seconds * 0.4]
    late = [lag for at, lag in lags if seconds * 0.8 < at < seconds]
    growth = sum(late) / len(late) - sum(early) / len(early)
    return [
        Row(
            "lag behind the conference, median of the last fifth", sorted(late)[len(late) // 2], "s"
        ),
        at_most("growth of the lag over the recording", growth, 1.0, "s"),
        at_most("from the end to the finished file", ended, 3.0, "s"),
    ]


def _follow(
    lines: Iterable[str], began: float, writer: subprocess.Popen[bytes]
) -> tuple[list[tuple[float, float]], float]:
    """((seconds since the start, lag) at each segment, seconds from the writer's end to ours)."""
    lags: list[tuple[float, float]] = []
    stopped: float | None = None
    for line in lines:
        now = time.monotonic()
        if stopped is None and writer.poll() is not None:
            stopped = now
        event = json.loads(line)
        if event["event"] == "progress" and event["stage"] == "rendering":
            lags.append((now - began, now - began - event["seconds"]))
    writer.wait()
    return lags, time.monotonic() - (stopped or time.monotonic())
