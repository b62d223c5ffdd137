"""`mixer inspect`, `mixer export` and `mixer doctor`: what there is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from .running import Folder, Json, console, guarded, journal_of


def inspect(directory: Folder, as_json: Json = False) -> None:
    """Shows what is in a recording: tracks, sizes, gaps, sync, events."""
    from ..journal import Journal
    from ..journal.inspect import inspect as look
    from ..journal.inspect import render_text

    def show() -> None:
        report = look(Journal.open(journal_of(directory)))
        if as_json:
            print(json.dumps(report, ensure_ascii=False))
        else:
            console().print(render_text(report))

    guarded(show, as_json)


def export(
    directory: Folder,
    out: Annotated[Path, typer.Option(help="Folder for the Matroska files.")],
) -> None:
    """Writes each track, unchanged, into a Matroska file that any player takes."""
    from ..journal import Journal, recover
    from ..journal.export import export as write

    def run() -> None:
        recover(journal_of(directory))
        for path in write(Journal.open(journal_of(directory)), out):
            print(path)

    guarded(run)


def doctor(
    out: Annotated[
        Path | None, typer.Option(help="Also measure the disk that recordings shall go to.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Says what this machine lacks, and how to get it."""
    from ..doctor import run

    raise typer.Exit(run(as_json, out=out))
