"""Renders of small journals, as jobs in this process with real children: Chromium, workers.

python -m tests.render.renders JOURNAL OUT SECONDS    one job, to be killed
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from mixer.journal import Journal, write_whole
from mixer.render.job import RenderJob
from mixer.render.settings import RenderSettings, Workspace
from tests.instruments.make_journal import make_journal

START_NS = 100_000_000
SETTINGS = RenderSettings(START_NS, width=320, height=180, fps=15, preset="ultrafast")
PICTURES: dict[str, Any] = {"size": (160, 90), "fps": 15, "loop_seconds": 2, "start_ns": START_NS}

Disturb = Callable[[RenderJob], Awaitable[None]]


async def _nothing(job: RenderJob) -> None:
    pass


def journal(directory: Path, **how: Any) -> Path:
    """Three people with small cameras and microphones; more or otherwise as `make_journal` says.

    All of these journals have the same date.
    """
    made = make_journal(directory, **{"participants": 3, **PICTURES, **how})
    same_date(made)
    return made


def same_date(directory: Path) -> None:
    """Makes the journal one of a fixed moment: pages see the date, and files bear it."""
    path = directory / "journal.json"
    identity = json.loads(path.read_text()) | {"wall": 1_760_000_000.0}
    write_whole(path, json.dumps(identity).encode())


def render(
    journal_: Path,
    out: Path,
    *,
    settings: RenderSettings = SETTINGS,
    seconds: float | None = None,
    workers: int = 1,
    disturb: Disturb = _nothing,
    **changes: Any,
) -> Path:
    """`out`, which a job makes of the first `seconds`; `disturb` runs beside it."""

    async def run() -> None:
        wanted = replace(settings, **changes)
        stop_ns = None if seconds is None else wanted.start_ns + round(seconds * 1e9)
        work = Workspace(out.with_suffix(".work"))
        job = RenderJob(Journal.open(journal_), work, wanted, out, stop_ns=stop_ns, workers=workers)
        disturbing = asyncio.ensure_future(disturb(job))
        try:
            await job.run()
        finally:
            disturbing.cancel()

    asyncio.run(run())
    return out


if __name__ == "__main__":
    render(Path(sys.argv[1]), Path(sys.argv[2]), seconds=float(sys.argv[3]))
