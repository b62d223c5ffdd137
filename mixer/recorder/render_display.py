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


class Pace:
    """How fast each of the things that are made goes, and how long it will take. What was there
    already when it was first told of does not count."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began: dict[str, tuple[float, int]] = {}

    def speed(self, name: str, progress: RenderProgress, fps: int) -> float | None:
        """Seconds of the file that are made in one; None while that is not known."""
        began_s, first = self._began.setdefault(name, (self._clock(), progress.frames))
        spent_s = self._clock() - began_s
        made = progress.frames - first
        return made / fps / spent_s if made > 0 and spent_s > 0 else None


def _bars(bar: Progress) -> Show:
    tasks: dict[str, TaskID] = {}
    pace = Pace()

    def show(mix_id: str, progress: RenderProgress, fps: int) -> None:
        if mix_id not in tasks:
            tasks[mix_id] = bar.add_task(mix_id, total=progress.total, speed="")
        speed = pace.speed(mix_id, progress, fps)
        bar.update(
            tasks[mix_id],
            total=progress.total,
            completed=progress.frames,
            description=f"{mix_id}: {progress.stage}",
            speed=f"{speed:.2f} × real time" if speed else "",
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


def _json_lines(pace: Pace | None = None) -> Show:
    pace = pace or Pace()

    def show(mix_id: str, progress: RenderProgress, fps: int) -> None:
        speed = pace.speed(mix_id, progress, fps)
        left_s = None if progress.total is None else (progress.total - progress.frames) / fps
        line = {
            "event": "progress",
            "mix": mix_id,
            "stage": progress.stage,
            "frames": progress.frames,
            "total": progress.total,
            "seconds": round(progress.frames / fps, 3),
            "speed": round(speed, 3) if speed else None,
            "etaSeconds": round(left_s / speed, 1) if speed and left_s is not None else None,
        }
        print(json.dumps(line), flush=True)

    return show
