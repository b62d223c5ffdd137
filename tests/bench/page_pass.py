"""What rendering costs while pages change much, at 1080p30, with four cameras of 720p30 or 360p30.

The page pass alone: CPU an output frame of Python, the driver and each of the browser's processes,
without starting and ending. With composing: CPU besides x264 (a null encoder in its place) of a
whole render less that of its beginning, so starting is left out, too.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from mixer.journal import Event
from mixer.layout.track import FILE
from tests.bench.measure import mixer, run
from tests.bench.record import make_record
from tests.bench.rows import Row, at_most
from tests.layout.support import added, speaking

FPS = 30
SMALL = (640, 360)
WARM_FRAMES, LAST_FRAMES = 60, 15  # of the beginning and of the end, that are not measured
CLOCK_PAGE = """<!doctype html><meta charset=utf-8><style>
html { background: #223; height: 100% } body { margin: 0; color: #fff; font: 40px monospace }
video { position: absolute; width: 920px; height: 500px; object-fit: cover; border-radius: 12px;
  overflow: clip }
#clock { position: absolute; left: 30px; top: 8px }
</style><body><div id=clock></div><script>
const videos = new Map();
const draw = () => {
  mixerLayout.state.participants.forEach(({ id }, place) => {
    if (videos.has(id)) return;
    const video = document.createElement('video');
    video.style.left = `${25 + (place % 2) * 950}px`;
    video.style.top = `${60 + (place >> 1) * 510}px`;
    document.body.append(video);
    video.srcObject = mixerLayout.mediaStream(`${id}.camera`);
    videos.set(id, video);
  });
};
const move = (time) => {
  clock.textContent = new Date().toISOString().slice(11, 21);
  [...videos.values()].slice(0, 2).forEach((video, place) => {
    const level = Math.round(5 + 4 * Math.sin(time / 170 + place));
    video.style.boxShadow = `0 0 0 ${level}px #2d8`;
  });
  requestAnimationFrame(move);
};
mixerLayout.addEventListener('change', draw);
draw();
requestAnimationFrame(move);
mixerLayout.ready();
</script>"""


@dataclass(frozen=True, slots=True)
class Passed:
    """Milliseconds of CPU an output frame by kind of process, and bytes of track a second."""

    kinds: Mapping[str, float]
    track_bytes_s: float

    @property
    def total_ms(self) -> float:
        return sum(self.kinds.values())


def bench(out: Path, *, quick: bool) -> list[Row]:
    """Two pages, each twice where there is time for it. Goals are of all besides x264, whatever the
    cameras' size, and of the track of the page that is never still."""
    seconds = 15 if quick else 60
    (out / "clock.html").write_text(CLOCK_PAGE)
    rows: list[Row] = []
    for name, layout, goal_ms, events in (
        ("default, the speaker changes twice a second", "default", 20, _lively(seconds)),
        ("a clock and two rings", str(out / "clock.html"), 33, []),
    ):
        record = make_record(out / f"record-{len(rows)}", seconds=seconds, events=events)
        small = make_record(out / f"small-{len(rows)}", seconds=seconds, events=events, size=SMALL)
        for turn in range(1 if quick else 2):
            number = f"({turn + 1})"
            passed = measure(record.journal, out / f"track-{len(rows)}", layout, seconds)
            whole_ms = composed_ms(record.directory, layout, seconds)
            small_ms = composed_ms(small.directory, layout, seconds)
            track = "… its track", passed.track_bytes_s * 3600 / 1e6
            rows += [
                at_most(f"{name}: CPU a frame besides x264 {number}", whole_ms, goal_ms, "ms"),
                at_most("… the same with cameras of 360p", small_ms, goal_ms, "ms"),
                Row("… of these the page pass, measured alone", passed.total_ms, "ms"),
                *(Row(f"…… {kind}", ms, "ms") for kind, ms in sorted(passed.kinds.items())),
                Row(*track, "MB an hour") if events else at_most(*track, 200, "MB an hour"),
            ]
        for made in (record, small):
            shutil.rmtree(made.directory)
    return rows


def composed_ms(directory: Path, layout: str, seconds: int) -> float:
    """CPU an output frame of page pass and composing, in milliseconds."""
    began_s = seconds // 4

    def cpu_s(until_s: int) -> float:
        out = directory / f"{until_s}.mp4"
        options = ("--layout", layout, "--to", str(until_s), "--encoder", "null")
        return run(mixer("render", str(directory), "--out", str(out), *options)).cpu_s

    return (cpu_s(seconds) - cpu_s(began_s)) / ((seconds - began_s) * FPS) * 1e3


def _lively(seconds: int) -> list[Event]:
    """Another one speaks twice a second, somebody new joins or leaves every 5 s."""
    events = []
    for turn in range(1, 2 * seconds):
        at_s, speaker = turn / 2, turn % 4
        events += [speaking(at_s, (speaker - 1) % 4, on=False), speaking(at_s, speaker)]
        someone = 4 + turn // 20
        if turn % 20 == 10:
            events.append(added(at_s + 0.1, someone))
        elif turn % 20 == 0:
            gone = {"id": f"p{someone - 1}"}
            events.append(Event(round((at_s + 0.1) * 1e9), "participant.removed", gone))
    return events


def measure(journal: Path, track: Path, layout: str, seconds: int) -> Passed:
    """Runs a page pass of its own process over a journal of events."""
    return asyncio.run(_measured(journal, track, layout, seconds))


async def _measured(journal: Path, track: Path, layout: str, seconds: int) -> Passed:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mixer.layout", str(journal), str(track), "--layout", layout),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    last = seconds * FPS - LAST_FRAMES
    first: tuple[int, dict[str, float], int] | None = None
    file = track / FILE
    async for line in process.stdout:
        told = json.loads(line)
        frames = int(told.get("frames", 0)) if told["event"] == "progress" else 0
        if first is None and frames >= WARM_FRAMES:
            first = frames, cpu_by_kind(process.pid), file.stat().st_size
        if first is not None and frames >= last:
            ended = cpu_by_kind(process.pid)
            count = frames - first[0]
            grown = file.stat().st_size - first[2]
            break
    await process.communicate()
    assert first is not None
    kinds = {kind: (ended[kind] - first[1].get(kind, 0)) / count * 1e3 for kind in ended}
    return Passed(kinds, grown * FPS / count)


def cpu_by_kind(pid: int) -> dict[str, float]:
    """CPU seconds so far of a process and its descendants, by what they are."""
    found: dict[str, float] = {}
    for process in _tree(pid):
        try:
            times, line = process.cpu_times(), process.cmdline()
        except psutil.Error:
            continue
        found[_kind(line)] = found.get(_kind(line), 0.0) + times.user + times.system
    return found


def _tree(pid: int) -> Iterator[psutil.Process]:
    root = psutil.Process(pid)
    yield root
    yield from root.children(recursive=True)


def _kind(line: list[str]) -> str:
    text = " ".join(line)
    if "--type=" in text:
        return f"browser, {text.split('--type=')[1].split()[0]}"
    if "mixer.layout" in text:
        return "page pass"
    return "driver" if "run-driver" in text else "browser"
