"""`mixer check`: is this page a good layout? For its developer, and for CI."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .files import LayoutAllow, allow_layouts
from .running import Json, run

if TYPE_CHECKING:
    from ..check.findings import Finding


def check(
    layout: Annotated[str, typer.Argument(help="Built-in name, folder, HTML file or URL.")],
    out: Annotated[
        Path, typer.Option(help="Folder for the report; a later check there tells what changed.")
    ] = Path("mixer-check"),
    layout_allow: LayoutAllow = None,
    as_json: Json = False,
) -> None:
    """Plays a standard script through the real renderer; says what is wrong, what it costs."""
    from ..check.make import Checked, check_layout

    def say(text: str) -> None:
        if sys.stderr.isatty() and not as_json:
            print(f"\r\x1b[K{text} …", end="", file=sys.stderr, flush=True)

    async def job() -> Checked:
        allow_layouts(layout_allow)
        return await check_layout(layout, out, say)

    checked = run(job(), as_json)
    say("")
    if as_json:
        told = {"event": "result", "files": [str(checked.report)], "check": checked.document}
        print(json.dumps(told, ensure_ascii=False))
    else:
        for line in _lines(checked.findings, layout, checked.document["verdict"]):
            print(line)
        print(checked.report)
    raise typer.Exit(checked.exit_code)


MARKS = {"broken": "BROKEN", "fault": "FAULT ", "advice": "advice", "good": "good  "}
VERDICTS = {
    "broken": "cannot be used",
    "fault": "works, with faults",
    "advice": "works",
    "good": "all well",
}


def _lines(findings: tuple[Finding, ...], layout: str, verdict: str) -> list[str]:
    lines = [f"{layout}: {VERDICTS[verdict]}"]
    for one in findings:
        lines.append(f"  {MARKS[one.severity]}  {one.text}")
        if one.mend:
            lines.append(f"          {one.mend}")
    return lines
