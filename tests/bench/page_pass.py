"""What the page pass costs while pages change much, at 1080p30: CPU an output frame of Python, the
driver and each of the browser's processes. Starting and ending are left out.

The composing of frames is not in these figures: bench `render` measures that.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from mixer.journal import Event, JournalWriter
from mixer.layout.track import FILE
from tests.bench.rows import Row
from tests.layout.support import added, speaking

FPS = 30
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
    """Two pages, each twice where there is time for it."""
    seconds = 15 if quick else 60
    (out / "clock.html").write_text(CLOCK_PAGE)
    calm = _journal(out / "calm", [added(0, number) for number in range(4)], seconds)
    lively = _journal(out / "lively", _lively(seconds), seconds)
    rows: list[Row] = []
    for name, journal, layout in (
        ("default, the speaker changes twice a second", lively, "default"),
        ("a clock and two rings", calm, str(out / "clock.html")),
    ):
        for turn in range(1 if quick else 2):
            passed = measure(journal, out / f"track-{len(rows)}", layout, seconds)
            rows.append(Row(f"{name}: CPU a frame ({turn + 1})", passed.total_ms, "ms"))
            rows += [Row(f"… {kind}", ms, "ms") for kind, ms in sorted(passed.kinds.items())]
            rows.append(Row("… its track", passed.track_bytes_s * 3600 / 1e6, "MB an hour"))
    return rows


def _lively(seconds: int) -> list[Event]:
    """Four people; another one speaks twice a second, somebody new joins or leaves every 5 s."""
    events = [added(0, number) for number in range(4)]
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


def _journal(directory: Path, events: list[Event], seconds: int) -> Path:
    with JournalWriter.create(directory, conference="c") as writer:
        for event in events:
            writer.event(event)
        writer.watermark(seconds * 10**9)
        writer.close(final=True)
    return directory


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
