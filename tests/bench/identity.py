"""Same journal, same settings, same file: live and later, with more workers, killed on the way.

Everything goes through the command line, with the default layout and with a page that moves all
the time. A live render follows a journal that grows, at some speed; a kill hits a process of the
render, or the render itself, at a random moment, and the same command is given again.
"""

from __future__ import annotations

import contextlib
import hashlib
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from mixer.recorder import MixPlan, Plan, RecordFolder
from tests.bench import measure
from tests.bench.record import START_NS, make_record, with_start
from tests.bench.rows import Row, at_most

SECONDS = 14
SIZE = (640, 360)
MIX = with_start(MixPlan(width=1280, height=720))
ITSELF, BROWSER = "the render", "the browser"
VICTIMS = (ITSELF, BROWSER, "mixer.layout", "mixer.render.worker", "--type=renderer")
RESTLESS = """<!doctype html><video></video><video></video><p id=n></p><div id=d></div>
<style>@keyframes m { to { transform: translateX(300px) } }
body { background: #345; font: 20px sans-serif } video { width: 45%; height: 300px }
#d { width: 20px; height: 20px; background: red; position: absolute; animation: m 3s infinite }
</style>
<script>let k = 0;
setInterval(() => { n.textContent = `${k += 1} ${Date.now()} ${Math.random()}`; }, 400);
const [a, b] = document.querySelectorAll('video');
a.srcObject = mixerLayout.mediaStream('p0.camera');
b.srcObject = mixerLayout.mediaStream('p1.camera');
mixerLayout.ready();</script>
"""
_WRITER = """
import sys
from pathlib import Path
from tests.instruments.make_journal import make_journal
make_journal(Path(sys.argv[1]), participants=3, size=(640, 360), seconds=float(sys.argv[2]),
             screen=(3, 6), start_ns=int(sys.argv[3]), pace=float(sys.argv[4]))
"""


@dataclass(frozen=True, slots=True)
class Kill:
    """What is killed, and when: seconds since the command began."""

    victim: str
    after_s: float


def bench(out: Path, *, quick: bool) -> list[Row]:
    """How many of so many renders differ from the plain one; each row's goal is 0."""
    page = out / "restless.html"
    page.write_text(RESTLESS)
    folder = make_record(
        out / "record", mix=MIX, participants=3, size=SIZE, seconds=SECONDS, screen=(3, 6)
    )
    times, chance, rows = 2 if quick else 10, random.Random(3), []
    for name, layout in (("default layout", "default"), ("a page that moves", str(page))):
        whole, wall_s = _plain(folder, out, layout)
        more = [_digest(folder, out, layout, workers) for workers in (2, 3)]
        rows.append(_row(f"{name}, 2 and 3 workers: renders that differ", more, whole))
        kills = [_chosen(chance, wall_s) for _ in range(times)]
        killed = [_digest(folder, out, layout, 1 + n % 2, kill) for n, kill in enumerate(kills)]
        rows.append(_row(f"{name}, killed {times} times: renders that differ", killed, whole))
    differing = [_live_differs(out, n, chance) for n in range(times)]
    rows.append(at_most(f"{times} live renders: differ from later", sum(differing), 0, ""))
    return rows


def _chosen(chance: random.Random, wall_s: float) -> Kill:
    """Something that is alive in the first half of a render, at least."""
    return Kill(chance.choice(VICTIMS), chance.uniform(0.3, wall_s / 2))


def _row(what: str, digests: list[str], whole: str) -> Row:
    return at_most(what, sum(digest != whole for digest in digests), 0, "")


def _plain(folder: RecordFolder, out: Path, layout: str) -> tuple[str, float]:
    """Digest of an undisturbed render, and how long it takes."""
    began = time.monotonic()
    return _digest(folder, out, layout, 1), time.monotonic() - began


def _digest(
    folder: RecordFolder, out: Path, layout: str, workers: int, kill: Kill | None = None
) -> str:
    file = out / "made.mp4"
    file.unlink(missing_ok=True)
    options = ("--layout", layout, "--workers", str(workers))
    command = measure.mixer("render", str(folder.directory), "--out", str(file), *options)
    _run(command, kill)
    shutil.rmtree(folder.directory / "work", ignore_errors=True)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if kill is not None:
        print(f"  {kill.victim} killed after {kill.after_s:.1f} s: {digest[:8]}", flush=True)
    return digest


def _run(command: list[str], kill: Kill | None) -> None:
    """Gives a command, and again if it was killed itself."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as render:
        if kill is not None:
            _kill(render, kill)
        if render.wait(600) and not (kill and kill.victim == ITSELF):
            raise SystemExit(f"bench: {' '.join(command)} ended with {render.returncode}")
    if kill is not None and kill.victim == ITSELF:
        _run(command, None)


def _kill(render: subprocess.Popen[bytes], kill: Kill) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        render.wait(kill.after_s)
    while render.poll() is None:
        for process in _victims(render.pid, kill.victim):
            with contextlib.suppress(psutil.Error):
                process.kill()
                return
        time.sleep(0.02)


def _victims(pid: int, victim: str) -> Iterator[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        render = psutil.Process(pid)
        if victim == ITSELF:
            yield render
        for process in render.children(recursive=True):
            with contextlib.suppress(psutil.Error):
                command = " ".join(process.cmdline())
                browser = "--headless" in command and "--type=" not in command
                if browser if victim == BROWSER else victim in command:
                    yield process


def _live_differs(out: Path, number: int, chance: random.Random) -> bool:
    """Follows a journal that grows at a random speed, every other time with something killed."""
    folder = RecordFolder(out / f"live-{number}")
    folder.directory.mkdir()
    folder.save(Plan("made", "made", (MIX,)))
    pace = chance.choice((0.5, 1.0, 2.0, 4.0))
    kill = _chosen(chance, SECONDS / pace) if number % 2 else None
    argv = [sys.executable, "-c", _WRITER, str(folder.journal), str(SECONDS), str(START_NS)]
    with subprocess.Popen([*argv, str(pace)]) as writer:
        while not (folder.journal / "run-0001.meta").exists():
            time.sleep(0.05)
        live = _digest(folder, out, "default", 1 + number % 2, kill)
        writer.wait()
    later = _digest(folder, out, "default", 1)
    print(f"  live at {pace:g} × real time: {live[:8]}, later: {later[:8]}", flush=True)
    shutil.rmtree(folder.directory)
    return live != later
