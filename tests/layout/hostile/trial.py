"""Tries one hostile page: a short render as a whole job; its file, its notes, who was reached."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import av
import psutil

from mixer.journal import Journal
from mixer.render.job import RenderJob
from mixer.render.settings import RenderSettings, Workspace
from tests.layout.hostile.pages import Hostile
from tests.layout.hostile.servers import World, world
from tests.layout.support import added, journal, speaking

FPS, SECONDS = 10, 2
SETTINGS = RenderSettings(0, width=320, height=180, fps=FPS, preset="ultrafast")
EVENTS = [added(0, 0), speaking(0.5, 0), speaking(1.5, 0, False)]
TIMEOUT_S = 300.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a recording with a hostile page."""

    frames: int
    notes: tuple[dict[str, Any], ...]
    hits: tuple[str, ...]
    left: tuple[str, ...]  # processes and folders
    seconds: float

    def told(self) -> set[str]:
        """Types of notes, and kinds of what was suppressed."""
        return {n.get("kind", n["type"]) for n in self.notes} | {n["type"] for n in self.notes}


def _patience(made: World, profiles: str) -> Mapping[str, str]:
    return {
        "TMPDIR": profiles,
        "MIXER_LAYOUT_PATIENCE": "3",
        "MIXER_LAYOUT_MEMORY": "400",
        "MIXER_LAYOUT_REQUESTS": "20",
        "MIXER_LAYOUT_ALLOW": made.evil.removeprefix("http://"),
        "MIXER_LAYOUT_ORIGIN": "refuse",
    }


async def tried(page: Hostile, folder: Path) -> Outcome:
    """Raises what the job raises: that a page spoils a recording is a failure of ours."""
    folder.mkdir(parents=True)
    recording = journal(folder / "j", EVENTS, SECONDS)
    began_s = time.monotonic()
    async with world() as made, contextlib.AsyncExitStack() as stack:
        profiles = stack.enter_context(tempfile.TemporaryDirectory(prefix="mixer-trial-"))
        Path(profiles).chmod(0o777)  # the browser runs as somebody else
        layout = made.fill(page.url)
        if not layout:
            layout = str(folder / "page.html")
            Path(layout).write_text(made.fill(page.page()))
        settings = replace(SETTINGS, layout=layout)
        work = Workspace(folder / "work")
        out = folder / "out.mp4"
        with patch.dict(os.environ, _patience(made, profiles)):
            async with asyncio.timeout(TIMEOUT_S):
                source = Journal.open(recording)
                job = RenderJob(source, work, settings, out, stop_ns=SECONDS * 10**9)
                result = await job.run()
        hits, left = tuple(made.hits), tuple(_left(profiles))
    return Outcome(
        frames_of(out),
        result.notes,
        hits,
        left,
        time.monotonic() - began_s,
    )


def _left(profiles: str) -> Iterator[str]:
    """Browsers' processes that still run, and profiles that still lie there."""
    for process in psutil.process_iter(["pid", "cmdline"]):
        line = " ".join(process.info["cmdline"] or ())
        if profiles in line:
            yield f"{process.info['pid']} {line[:60]}"
    yield from (path.name for path in Path(profiles).glob("mixer-*"))


def frames_of(path: Path) -> int:
    """Pictures that can be decoded."""
    with av.open(str(path)) as file:
        return sum(1 for _ in file.decode(video=0))
