"""What a person, or a program, sees while a recording goes on."""

from __future__ import annotations

import json
import sys
import time
from contextlib import suppress
from threading import Thread
from types import TracebackType
from typing import Any, Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
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
    """One JSON line a second on stdout, for orchestrators. Nothing waits for who does not read it
    but the last line: what is not taken is left out."""

    def __init__(self) -> None:
        self._shown = 0.0
        self._saying = Thread()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._said()

    def show(self, recorder: Recorder) -> None:
        now, last = time.monotonic(), recorder.status.stage == "finished"
        if not last and (now - self._shown < JSON_EVERY_S or self._saying.is_alive()):
            return
        self._shown = now
        line = json.dumps({"event": "progress", **recorder.report()}, ensure_ascii=False)
        if not last:
            self._saying = Thread(target=_say, args=(line,), daemon=True)
            self._saying.start()
            return
        self._said()
        print(line, flush=True)

    def _said(self) -> None:
        """What follows comes after it."""
        if self._saying.ident is not None:
            self._saying.join()


def _say(line: str) -> None:
    """Who looked on may have gone: the recording goes on."""
    with suppress(OSError, ValueError):
        print(line, flush=True)


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
            if status.stage not in (self._stage, "finished"):  # how it ended is told by others
                self._console.print(f"{status.stage} …")
            self._stage = status.stage
            return
        now = time.monotonic()
        if now - self._shown >= LIVE_EVERY_S or status.stage == "finished":
            self._shown = now
            self._live.update(panel(recorder), refresh=True)


def panel(recorder: Recorder) -> RenderableType:
    """What `told` tells, and how much of the duration that was asked for is over."""
    status, limit_s = recorder.status, recorder.settings.duration_s
    report = recorder.report()
    parts: list[RenderableType] = [_head(report)]
    if limit_s and status.stage == "recording":
        parts.append(ProgressBar(total=limit_s, completed=min(limit_s, status.elapsed_s), width=60))
    return Group(*parts, _mixes(report["mixes"]))


def told(report: dict[str, Any]) -> RenderableType:
    """A recorder's status: elapsed time, people, bit rates, disk; stage and lag of each mix."""
    return Group(_head(report), _mixes(report["mixes"]))


def _head(report: dict[str, Any]) -> Text:
    ingest = report["ingest"]
    rate = sum(track["bps"] for track in ingest.get("tracks", ())) / 1e6
    return Text.assemble(
        ("● ", "bold red" if report["stage"] == "recording" else "yellow"),
        (f"{_stage(report):<10}", "bold"),
        f" {_clock(report['elapsed_s'])}   ",
        f"participants {ingest.get('users', 0)}   ",
        f"tracks {len(ingest.get('tracks', ()))}   ",
        f"{rate:.2f} Mbit/s   journal {int(ingest.get('journal_bytes', 0)) / 1e6:.1f} MB   ",
        f"disk {report['free_bytes'] / 1e9:.1f} GB free",
    )


def _mixes(mixes: dict[str, Any]) -> RenderableType:
    table = Table(box=None, pad_edge=False, show_header=bool(mixes))
    for column in ("mix", "stage", "size", "rendered", "lag"):
        table.add_column(column, style="cyan" if column == "mix" else "")
    for mix_id, mix in mixes.items():
        seconds = mix["frames"] / mix["fps"]
        stage = escape(f"failed: {mix['error']}") if mix["error"] else mix["stage"]
        table.add_row(mix_id, stage, mix["size"], _clock(seconds), f"{mix['lag_s']:.1f} s")
    return table


def _stage(report: dict[str, Any]) -> str:
    """What is going on, in a word."""
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
