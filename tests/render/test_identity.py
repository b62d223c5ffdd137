"""The same journal and settings give the same file, to the bit: live or later, however many workers
make it, whatever is killed on the way."""

from __future__ import annotations

import asyncio
import contextlib
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from mixer.clock import SECOND
from mixer.render.job import RenderJob
from tests.render.comparing import difference
from tests.render.renders import SETTINGS, START_NS, journal, render, same_date

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]
SECONDS = 10  # three segments, the last of them short
RECORDING: dict[str, Any] = {"seconds": SECONDS + 1, "screen": (2, 5)}
FRAMES = SECONDS * SETTINGS.fps
CHILDREN = ("mixer.layout", "mixer.render.worker", "--type=renderer", "--type=gpu-process")


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return journal(tmp_path_factory.mktemp("recording") / "j", **RECORDING)


@pytest.fixture(scope="module")
def whole(recording: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an undisturbed render with one worker makes."""
    return render(recording, tmp_path_factory.mktemp("whole") / "out.mp4", seconds=SECONDS)


def test_workers_make_no_difference(recording: Path, whole: Path, tmp_path: Path) -> None:
    """Segments that are made side by side, by three workers, are those made one after the other."""
    made = render(recording, tmp_path / "out.mp4", seconds=SECONDS, workers=3)
    assert not difference(made, whole)


def test_live_is_later(whole: Path, tmp_path: Path) -> None:
    """A render that follows the journal, has made a part of a segment before the rest of it is
    journalled, and is then told where to stop, within the segment after it, makes the file that is
    made when all is journalled."""
    held, go_on = threading.Event(), threading.Event()

    def hold(watermark_ns: int) -> None:
        if watermark_ns >= START_NS + 6 * SECOND and not held.is_set():
            held.set()
            assert go_on.wait(120)

    directory = tmp_path / "j"
    writing = threading.Thread(
        target=lambda: journal(directory, **RECORDING, said=hold), daemon=True
    )

    async def follow(job: RenderJob) -> None:
        # within the second segment
        await reached(lambda: job.progress.frames >= 5 * SETTINGS.fps)
        await job.stop_at(START_NS + SECONDS * SECOND)
        go_on.set()

    writing.start()
    assert held.wait(60)
    same_date(directory)
    assert not difference(render(directory, tmp_path / "live.mp4", disturb=follow), whole)
    writing.join(60)


def test_killed_children_leave_no_trace(recording: Path, whole: Path, tmp_path: Path) -> None:
    """kill -9 of page pass, worker and parts of Chromium at random frames, while two workers are
    at it, changes nothing."""
    chance = random.Random(1)
    killed = []

    async def kill(job: RenderJob) -> None:
        def come(frame: int) -> bool:
            return job.progress.final + job.progress.frames >= 2 * frame

        moments = sorted(chance.sample(range(FRAMES), len(CHILDREN)))
        for frame, victim in zip(moments, chance.sample(CHILDREN, len(CHILDREN)), strict=True):
            await reached(partial(come, frame))
            if one := next(descendants(psutil.Process(), victim), None):
                one.kill()
                killed.append(victim)

    out = tmp_path / "out.mp4"
    assert not difference(render(recording, out, seconds=SECONDS, workers=2, disturb=kill), whole)
    assert killed


def test_killed_jobs_are_gone_on_with(recording: Path, whole: Path, tmp_path: Path) -> None:
    """kill -9 of the job itself, and of the next one when all segments are there: another makes
    only what is missing, and the same file."""
    out = tmp_path / "out.mp4"
    segments = out.with_suffix(".work") / "segments"
    argv = [sys.executable, "-m", "tests.render.renders", str(recording), str(out), str(SECONDS)]
    for count in (0, 2):
        with subprocess.Popen(argv, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as job:
            while job.poll() is None and len(list(segments.glob("*.mp4"))) <= count:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    job.wait(0.02)
            job.kill()
    before = {path: path.stat().st_mtime_ns for path in segments.glob("*.mp4")}
    assert before
    assert not difference(render(recording, out, seconds=SECONDS), whole)
    assert all(path.stat().st_mtime_ns == made for path, made in before.items())


async def reached(condition: Callable[[], bool]) -> None:
    """Waits for something to hold; a render that never gets there ends the test by its time."""
    while not condition():  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.01)


def descendants(parent: psutil.Process, victim: str) -> Iterator[psutil.Process]:
    for process in parent.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if any(victim in part for part in process.cmdline()):
                yield process


def test_a_matte_track_that_ends_too_early_is_made_anew(
    recording: Path, whole: Path, tmp_path: Path
) -> None:
    """Where a page pass took a pause between two recorders for the end, the next render sees to
    the rest, and the file is the same."""
    out = tmp_path / "out.mp4"
    frames = SETTINGS.segment_frames
    render(recording, out, seconds=frames / SETTINGS.fps)
    notes = []

    async def look(job: RenderJob) -> None:
        notes.append(job.progress.notes)

    assert not difference(render(recording, out, seconds=SECONDS, disturb=look), whole)
    assert [note["had"] for note in notes[0] if note["type"] == "matte-track-remade"] == [frames]
