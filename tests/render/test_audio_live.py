"""Audio jobs that follow a recording, are told late where it ends, or are killed: same files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from mixer.edit import Span
from mixer.errors import StorageError
from mixer.journal import PAUSED, RESUMED, Note
from mixer.render.audio import AudioJob, AudioResult
from mixer.render.audio_pass import SEGMENT_FRAMES
from mixer.render.audio_settings import AudioSettings
from mixer.render.job import Progress
from mixer.render.settings import Workspace
from tests.render.audio_scene import EVENTS, Growing, content, make, scene
from tests.sound.voices import SECOND

LEGS = AudioSettings(legs=True)
PATIENCE_S = 60.0
PAUSES = (Note(2_500_000_000, PAUSED), Note(3_200_000_000, RESUMED))


class Following:
    """A job that runs, and how to wait for what it does."""

    def __init__(self, journal: Path, out: Path, settings: AudioSettings, *parts: Span) -> None:
        self._changed = asyncio.Event()
        self.job = AudioJob(
            journal,
            Workspace(out / "work"),
            settings,
            parts,
            out / "audio",
            title="Weekly",
            on_progress=self._heard,
        )

    def _heard(self, progress: Progress) -> None:
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def running(following: Following) -> AsyncIterator[asyncio.Task[AudioResult]]:
    task = asyncio.create_task(following.job.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


def worker() -> psutil.Process:
    """The job's process."""
    [found] = [
        child
        for child in psutil.Process().children()
        if "mixer.render.audio_worker" in " ".join(child.cmdline())
    ]
    return found


async def test_live_is_later(tmp_path: Path) -> None:
    """A job that follows the recording, with a pause in it, and is told in the end where it stops:
    the same bytes as one that is run afterwards."""
    growing = Growing(tmp_path / "j", told=[*EVENTS, *PAUSES])
    following = Following(tmp_path / "j", tmp_path / "live", LEGS, Span(SECOND))
    async with running(following) as task:
        growing.until(3 * SECOND)  # in the middle of the pause
        growing.until(10_500_000_000)
        await following.until(lambda: following.job.progress.frames >= SEGMENT_FRAMES)
        assert not task.done()
        assert not list((tmp_path / "live").glob("audio/*.mp3"))
        await following.job.stop_at(11_250_000_000)
        growing.finish()
        live = await asyncio.wait_for(task, PATIENCE_S)
    later = await make(tmp_path / "j", tmp_path / "later", LEGS, Span(SECOND, 11_250_000_000))
    assert content(live) == content(later)
    assert live.seconds == later.seconds == pytest.approx(10.25 - 0.7, abs=0.04)
    assert [file.stay_start_ns for file in live.files] == [
        file.stay_start_ns for file in later.files
    ]


async def test_a_stop_that_comes_late(tmp_path: Path) -> None:
    """The end lies before what has been made already: the files end there all the same."""
    growing = Growing(tmp_path / "j")
    following = Following(tmp_path / "j", tmp_path / "live", LEGS, Span(0))
    async with running(following) as task:
        growing.until(10 * SECOND)
        await following.until(lambda: following.job.progress.frames >= SEGMENT_FRAMES)
        await following.job.stop_at(4 * SECOND)
        live = await asyncio.wait_for(task, PATIENCE_S)
    growing.finish()
    later = await make(tmp_path / "j", tmp_path / "later", LEGS, Span(0, 4 * SECOND))
    assert content(live) == content(later) and live.seconds == 4.0


async def test_killed_in_the_middle(tmp_path: Path) -> None:
    """A killed worker's successor makes the same files, and the result tells of it."""
    growing = Growing(tmp_path / "j")
    following = Following(tmp_path / "j", tmp_path / "live", LEGS, Span(0))
    async with running(following) as task:
        growing.until(10 * SECOND)
        await following.until(lambda: following.job.progress.frames >= SEGMENT_FRAMES)
        worker().kill()
        growing.finish()
        await following.job.stop_at(12 * SECOND)
        live = await asyncio.wait_for(task, PATIENCE_S)
    assert [note["type"] for note in live.notes] == ["audio-restart"]
    assert content(live) == content(await make(tmp_path / "j", tmp_path / "later", LEGS))


async def test_killed_job(tmp_path: Path) -> None:
    """A job that was given up leaves no half file; a later one in the same folders makes them."""
    growing = Growing(tmp_path / "j")
    following = Following(tmp_path / "j", tmp_path / "live", LEGS, Span(0))
    async with running(following):
        growing.until(10 * SECOND)
        await following.until(lambda: following.job.progress.frames >= SEGMENT_FRAMES)
    growing.finish()
    assert not list((tmp_path / "live").glob("audio/*"))
    again = await make(tmp_path / "j", tmp_path / "live", LEGS)
    assert content(again) == content(await make(tmp_path / "j", tmp_path / "later", LEGS))


async def test_something_in_the_way(tmp_path: Path) -> None:
    """What the disk refuses is told as what it is, and at once."""
    scene(tmp_path / "j")
    (tmp_path / "live" / "work" / "mix.mp3.part").mkdir(parents=True)
    with pytest.raises(StorageError, match=r"mix\.mp3"):
        await make(tmp_path / "j", tmp_path / "live", AudioSettings())
