"""What a person, or a program, sees while `mixer render` works."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from ..render.job import Progress as RenderProgress

Show = Callable[[str, RenderProgress, int], None]


@contextmanager
def progress_for(*, as_json: bool) -> Iterator[Show]:
    """A function to be told of (mix id, progress, fps)."""
    if as_json:
        yield _json_lines()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[speed]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        yield _bars(bar) if console.is_terminal else _stages(console)


def _bars(bar: Progress) -> Show:
    tasks: dict[str, TaskID] = {}
    started = time.monotonic()

    def show(mix_id: str, progress: RenderProgress, fps: int) -> None:
        if mix_id not in tasks:
            tasks[mix_id] = bar.add_task(mix_id, total=progress.total, speed="")
        spent = max(0.001, time.monotonic() - started)
        bar.update(
            tasks[mix_id],
            total=progress.total,
            completed=progress.frames,
            description=f"{mix_id}: {progress.stage}",
            speed=f"{progress.frames / fps / spent:.2f} × real time",
        )

    return show


def _stages(console: Console) -> Show:
    """A line for each change, for logs."""
    seen: dict[str, str] = {}

    def show(mix_id: str, progress: RenderProgress, fps: int) -> None:
        if seen.get(mix_id) != progress.stage:
            seen[mix_id] = progress.stage
            console.print(f"{mix_id}: {progress.stage}", markup=False, highlight=False)

    return show


def _json_lines() -> Show:
    def show(mix_id: str, progress: RenderProgress, fps: int) -> None:
        line = {
            "event": "progress",
            "mix": mix_id,
            "stage": progress.stage,
            "frames": progress.frames,
            "total": progress.total,
            "seconds": round(progress.frames / fps, 3),
        }
        print(json.dumps(line), flush=True)

    return show
