"""`python -m mixer.layout`: one page pass as a child process (engine/child.py).

Events out: ready {layout}, progress {frames}, note {type, frame, …}, ended {frames} or
error {message, exit_code}. Commands in: stop_at {t_ns}, stop.

By environment also: MIXER_LAYOUT_ALLOW, MIXER_LAYOUT_ORIGIN, MIXER_LAYOUT_PATIENCE,
MIXER_LAYOUT_MEMORY (docs/layouts.md), MIXER_LAYOUT_CONFERENCE (its address), and the
browser's (browser.py).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import structlog

from mixer.engine.child import Port, begun
from mixer.errors import MixerError
from mixer.journal import Journal
from mixer.layout.page_pass import PagePass, PassSettings

log = structlog.get_logger()

PATIENCE, ORIGIN = "MIXER_LAYOUT_PATIENCE", "MIXER_LAYOUT_ORIGIN"
CONFERENCE = "MIXER_LAYOUT_CONFERENCE"


def _patience() -> float:
    try:
        return max(1.0, float(os.environ.get(PATIENCE, "") or 20.0))
    except ValueError:
        raise SystemExit(f"{PATIENCE}: give seconds, such as 20") from None


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mixer.layout", description=__doc__)
    parser.add_argument("journal", type=Path)
    parser.add_argument("mattes", type=Path)
    parser.add_argument("--layout", default="default")
    parser.add_argument("--size", default="1920x1080", help="WIDTHxHEIGHT")
    parser.add_argument("--fps", type=int, default=30)
    parser.add_argument("--start-ns", type=int, default=0)
    parser.add_argument("--stop-ns", type=int, default=None)
    parser.add_argument("--language", default="en")
    parser.add_argument("--layout-type", default="record", help="record, replay or stream")
    parser.add_argument("--without", action="append", default=[], help="a participant's id")
    parser.add_argument("--hindsight", action="store_true", help="see Journal.open")
    parser.add_argument(
        "--patience",
        type=float,
        default=_patience(),
        help="seconds that a page may not answer; it has half as many to get ready, on the wall "
        "and of its own time, and a quarter to let its clock go on",
    )
    parser.add_argument(
        "--layout-origin",
        choices=("allow", "refuse"),
        default=os.environ.get(ORIGIN, "allow"),
        help="whether a layout's own address may be a private one",
    )
    parser.add_argument("--cache", type=Path, default=None, help="what pages fetched")
    return parser


def settings_from(options: argparse.Namespace) -> PassSettings:
    width, height = (int(side) for side in options.size.split("x"))
    return PassSettings(
        layout=options.layout,
        width=width,
        height=height,
        fps=options.fps,
        start_ns=options.start_ns,
        stop_ns=options.stop_ns,
        language=options.language,
        layout_type=options.layout_type,
        ready_wall_s=options.patience / 2,
        stall_wall_s=options.patience / 4,
        answer_wall_s=options.patience,
        conference=os.environ.get(CONFERENCE, ""),
        allow_layout_origin=options.layout_origin != "refuse",
        cache=options.cache or options.journal / "fetched",
    )


async def _obey(port: Port, work: PagePass) -> None:
    async for command in port.commands:
        if command.get("command") == "stop_at":
            work.stop_at(int(command["t_ns"]))
    work.stop()


async def run(given: list[str]) -> int:
    async with Port() as port:
        argv = await begun(port, given)
        if argv is None:
            return 0
        options = arguments().parse_args(argv)

        def tell(event: str, fields: dict[str, Any]) -> None:
            port.emit(event, **fields)

        try:
            journal = Journal.open(options.journal, options.without, hindsight=options.hindsight)
            work = PagePass(journal, options.mattes, settings_from(options), tell)
            obeying = asyncio.create_task(_obey(port, work))
            try:
                frames = await work.run()
            finally:
                obeying.cancel()
        except MixerError as error:
            port.emit("error", message=str(error), exit_code=error.exit_code)
            return error.exit_code
        if not work.writer.finished:  # told to leave: the track is to be gone on with
            return 1
        port.emit("ended", frames=frames)
        return 0


def main() -> None:
    os.nice(5)  # ingest goes first
    sys.exit(asyncio.run(run(sys.argv[1:])))


if __name__ == "__main__":
    main()
