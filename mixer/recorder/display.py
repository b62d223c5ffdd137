"""What a person, or a program, sees while a recording goes on."""

from __future__ import annotations

import json
import sys
import time
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from .session import Recorder
from .settings import Status

JSON_EVERY_S = 1.0
LIVE_EVERY_S = 0.2


class Display(Protocol):
    """Shows a status now and then; is told of it as often as it changes."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    def show(self, recorder: Recorder) -> None: ...


class JsonDisplay:
    """One JSON line a second on stdout, for orchestrators."""

    def __init__(self) -> None:
        self._shown = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def show(self, recorder: Recorder) -> None:
        now = time.monotonic()
        if now - self._shown < JSON_EVERY_S and recorder.status.stage != "finished":
            return
        self._shown = now
        line = {"event": "progress", **recorder.report()}
        print(json.dumps(line, ensure_ascii=False), flush=True)


class LiveDisplay:
    """A panel that is drawn anew in the terminal; single lines where there is none."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._shown = 0.0
        self._stage = ""

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, recorder: Recorder) -> None:
        status = recorder.status
        if not self._console.is_terminal:
            if status.stage != self._stage:
                self._console.print(
                    f"{status.stage} …" if status.stage != "finished" else "finished"
                )
            self._stage = status.stage
            return
        now = time.monotonic()
        if now - self._shown >= LIVE_EVERY_S or status.stage == "finished":
            self._shown = now
            self._live.update(panel(recorder), refresh=True)


def panel(recorder: Recorder) -> RenderableType:
    """Elapsed time, people, bit rates, lag of each mix, disk."""
    status = recorder.status
    rate = sum(track["bps"] for track in status.ingest.get("tracks", ())) / 1e6
    journalled = int(status.ingest.get("journal_bytes", 0)) / 1e6
    head = Text.assemble(
        ("● ", "bold red" if status.stage == "recording" else "yellow"),
        (f"{_stage(recorder):<10}", "bold"),
        f" {_clock(status.elapsed_s)}   ",
        f"participants {status.ingest.get('users', 0)}   ",
        f"tracks {len(status.ingest.get('tracks', ()))}   ",
        f"{rate:.2f} Mbit/s   journal {journalled:.1f} MB   ",
        f"disk {status.free_bytes / 1e9:.1f} GB free",
    )
    limit_s = recorder.settings.duration_s
    parts: list[RenderableType] = [head]
    if limit_s and status.stage == "recording":
        parts.append(ProgressBar(total=limit_s, completed=min(limit_s, status.elapsed_s), width=60))
    parts.append(_mixes(recorder))
    return Group(*parts)


def _mixes(recorder: Recorder) -> RenderableType:
    mixes = recorder.report()["mixes"]
    table = Table(box=None, pad_edge=False, show_header=bool(mixes))
    for column in ("mix", "stage", "size", "rendered", "lag"):
        table.add_column(column, style="cyan" if column == "mix" else "")
    for mix_id, mix in mixes.items():
        seconds = mix["frames"] / mix["fps"]
        table.add_row(mix_id, mix["stage"], mix["size"], _clock(seconds), f"{mix['lag_s']:.1f} s")
    return table


def _stage(recorder: Recorder) -> str:
    """What is going on, in a word."""
    report = recorder.report()
    if report["stage"] != "recording":
        return str(report["stage"])
    if report["paused"]:
        return "paused"
    running = any(mix["running"] for mix in report["mixes"].values())
    return "recording" if running or not report["mixes"] else "waiting"


def _clock(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 3600:d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def display_for(*, as_json: bool) -> Display:
    if as_json:
        return JsonDisplay()
    return LiveDisplay(Console(file=sys.stderr))


def summary(status: Status) -> str:
    """How the recording ended, in words."""
    reasons = {
        "stopped": "stopped",
        "conference-ended": "the conference ended",
        "duration": "the duration asked for was reached",
        "max-duration": "the longest duration allowed was reached",
        "empty-timeout": "everybody had left",
        "start-timeout": "nobody came",
        "unreachable": "the conference's server did not come back",
        "disk-full": "the disk was nearly full",
    }
    return reasons.get(status.reason, status.reason)
