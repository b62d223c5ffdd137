"""The standard script through the real page pass and the real composer: modes over time, and cost.

Cost is CPU time, of this process and of the browser, so what else the machine does matters little;
encoding is not in it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from mixer.check.journal import SECONDS, standard_journal
from mixer.clock import SECOND
from mixer.edit import edit_list
from mixer.layout.appetite import cpu_s, tree
from mixer.layout.notebook import REPLACED, STALLED, SUPPRESSED
from mixer.layout.page_pass import PagePass, PassSettings
from mixer.layout.track import MatteTrackReader
from mixer.picture.compose import Composer

FPS = 30
SIZE = (1920, 1080)
SAMPLE_S = 0.2


@dataclass(frozen=True, slots=True)
class Script:
    """How much of the standard script is played, and at which size."""

    seconds: int = SECONDS
    size: tuple[int, int] = SIZE

    @property
    def stop_ns(self) -> int:
        return self.seconds * SECOND


WHOLE = Script()


@dataclass(slots=True)
class Course:
    """`modes`: (first frame, "matte" or "pixels", reason). CPU in milliseconds for each output
    frame: of page and browser, of composing the pictures."""

    frames: int = 0
    modes: list[tuple[int, str, str]] = field(default_factory=list)
    page_cpu_ms: float = 0.0
    picture_cpu_ms: float = 0.0
    mattes: int = 0  # different looks
    track_bytes: int = 0
    wall_s: float = 0.0
    failures: list[tuple[int, str]] = field(default_factory=list)
    replaced: tuple[int, str] | None = None
    stalled: int | None = None
    suppressed: list[tuple[str, str]] = field(default_factory=list)
    errors: list[tuple[int, str]] = field(default_factory=list)  # frame, what was not caught

    @property
    def cores(self) -> float:
        """Cores that are busy at FPS frames a second."""
        return (self.page_cpu_ms + self.picture_cpu_ms) * FPS / 1000

    @property
    def pixel_share(self) -> float:
        """Of all frames."""
        ends = [first for first, _, _ in self.modes[1:]] + [self.frames]
        spans = zip(self.modes, ends, strict=True)
        pixels = sum(max(0, end - first) for (first, mode, _), end in spans if mode == "pixels")
        return pixels / self.frames if self.frames else 0.0


class _Meter:
    """CPU seconds of this process and its children since `begin`, those that end included."""

    def __init__(self) -> None:
        self._began: dict[int, float] | None = None
        self._spent: dict[int, float] = {}

    def begin(self) -> None:
        """Only the first call counts: a page that is started again costs, too."""
        if self._began is None:
            self._began = {pid: cpu_s(pid) for pid in tree(psutil.Process())}

    def sample(self) -> float:
        if self._began is None:
            return 0.0
        for pid in tree(psutil.Process()):
            spent = cpu_s(pid) - self._began.get(pid, 0.0)
            self._spent[pid] = max(spent, self._spent.get(pid, 0.0))
        return sum(self._spent.values())

    async def run(self) -> None:
        while True:
            self.sample()
            await asyncio.sleep(SAMPLE_S)


async def run_course(
    layout: str, directory: Path, script: Script = WHOLE, *, ready_s: float = 10.0
) -> Course:
    """Raises LayoutError (not even the default layout can be shown), EnvironmentMissing."""
    journal = await asyncio.to_thread(standard_journal, directory / "journal")
    course = Course()
    meter = _Meter()

    def tell(event: str, told: Mapping[str, Any]) -> None:
        if event == "ready":
            meter.begin()
        elif event == "progress":
            meter.sample()
        elif event == "note":
            _take(course, told)

    settings = PassSettings(
        layout, *script.size, FPS, 0, stop_ns=script.stop_ns, ready_wall_s=ready_s
    )
    began = time.monotonic()
    work = PagePass(journal, directory / "mattes", settings, tell)
    sampling = asyncio.create_task(meter.run())
    try:
        course.frames = await work.run()
    finally:
        sampling.cancel()
    course.wall_s = time.monotonic() - began
    if course.frames:
        course.page_cpu_ms = meter.sample() * 1000 / course.frames
    await asyncio.to_thread(_compose, course, journal, directory / "mattes", script)
    journal.close()
    return course


def _take(course: Course, note: Mapping[str, Any]) -> None:
    type, frame = note["type"], int(note["frame"])
    if type == "page.failed":
        course.failures.append((frame, str(note["reason"])))
    elif type == REPLACED:
        course.replaced = (frame, str(note["reason"]))
    elif type == STALLED:
        course.stalled = frame
    elif type == SUPPRESSED and note["kind"] == "error":
        course.errors.append((frame, str(note["detail"])))
    elif type == SUPPRESSED:
        course.suppressed.append((str(note["kind"]), str(note["detail"])))


def _compose(course: Course, journal: Any, mattes: Path, script: Script) -> None:
    """Reads the track's modes, and composes every frame."""
    track = MatteTrackReader.open(mattes)
    course.modes = [(0, "matte", "")]
    for note in track.notes:
        if note.type == "page.pixels":
            course.modes.append((note.frame, "pixels", str(note.data.get("reason", ""))))
        elif note.type == "page.mattes":
            course.modes.append((note.frame, "matte", ""))
    if len(course.modes) > 1 and course.modes[1][0] == 0:
        del course.modes[0]
    course.mattes = len({matte for _, matte in track.changes(0, track.frames)})
    course.track_bytes = sum(path.stat().st_size for path in mattes.iterdir())
    width, height = script.size
    edits = edit_list(0, script.stop_ns, (), FPS)
    composer = Composer(journal, track, width=width, height=height, edits=edits)
    began = time.process_time()
    for _ in composer.frames(0, course.frames):
        pass
    course.picture_cpu_ms = (time.process_time() - began) * 1000 / max(1, course.frames)
    track.close()
