"""What a person, or a program, sees while a recording is replayed."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from mixer.replay.control import HELP
from mixer.replay.replay import Replay, Status

JSON_EVERY_S = 1.0
LIVE_EVERY_S = 0.2
RATE_OVER_S = 3.0


class _Rate:
    """Bit rate over the last seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def bps(self, octets: int) -> int:
        now = time.monotonic()
        self._seen.append((now, octets))
        while now - self._seen[0][0] > RATE_OVER_S:
            self._seen.popleft()
        at, before = self._seen[0]
        return round(8 * (octets - before) / (now - at)) if now > at else 0


async def show_json(replay: Replay) -> None:
    """A line a second, for ever."""
    rate = _Rate()
    while True:
        status = replay.status
        line = {"event": "progress", **status.as_json(), "bps": rate.bps(status.octets)}
        print(json.dumps(line), flush=True)
        await asyncio.sleep(JSON_EVERY_S)


async def show_live(replay: Replay) -> None:
    """A panel in the terminal, for ever; single lines where there is none."""
    console = Console(stderr=True)
    if not console.is_terminal:
        await _show_states(replay, console)
        return
    rate = _Rate()
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while True:
            status = replay.status
            live.update(panel(status, rate.bps(status.octets)), refresh=True)
            await asyncio.sleep(LIVE_EVERY_S)


async def _show_states(replay: Replay, console: Console) -> None:
    shown = "starting"
    while True:
        state = replay.status.state
        if state != shown:
            console.print(f"{state} …")
            shown = state
        await asyncio.sleep(LIVE_EVERY_S)


def panel(status: Status, bps: int) -> RenderableType:
    """Where it is, who is there, how much is sent."""
    playing = status.state == "playing"
    late = f"   {status.behind_s:.1f} s late" if status.behind_s > 0.2 else ""
    head = Text.assemble(
        ("▶ " if playing else "■ ", "bold green" if playing else "yellow"),
        (f"{status.state:<9}", "bold"),
        f" {clock(status.position_s)} / {clock(status.length_s)}   ",
        f"participants {status.participants}   {bps / 1e6:.2f} Mbit/s",
        (late, "red"),
    )
    done = min(status.position_s, status.length_s)
    bar = ProgressBar(total=max(status.length_s, 0.001), completed=done, width=60)
    rows = Table.grid()
    for row in (head, bar, Text(HELP, style="dim")):
        rows.add_row(row)
    return rows


def clock(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 3600:d}:{whole // 60 % 60:02d}:{whole % 60:02d}"
