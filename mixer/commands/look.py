"""`mixer inspect`, `mixer export` and `mixer doctor`: what there is."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from .running import Folder, Json, console, guarded, journal_of
from .serve import Config, Data


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
    as_json: Json = False,
) -> None:
    """Writes each track, unchanged, into a Matroska file that any player takes."""
    from ..journal import Journal, recover
    from ..journal.export import export as write

    def run() -> None:
        recover(journal_of(directory))
        with _share_shown(as_json) as show:
            files = [str(path) for path in write(Journal.open(journal_of(directory)), out, show)]
        if as_json:
            print(json.dumps({"event": "result", "files": files}, ensure_ascii=False))
        for path in files if not as_json else ():
            print(path)

    guarded(run, as_json)


@contextmanager
def _share_shown(as_json: bool) -> Iterator[Callable[[float], None]]:
    """A function to be told of the share that is done: a bar in a terminal, a line for each per
    cent for machines."""
    told = [-1]

    def tell(share: float) -> None:
        if int(share * 100) > told[0]:
            told[0] = int(share * 100)
            print(json.dumps({"event": "progress", "share": round(share, 3)}), flush=True)

    if as_json:
        yield tell
    elif not sys.stderr.isatty():
        yield lambda share: None
    else:
        with typer.progressbar(length=1000, label="Exporting", file=sys.stderr) as bar:
            yield lambda share: bar.update(int(share * 1000) - bar.pos)


def doctor(
    out: Annotated[
        Path | None, typer.Option(help="Also measure the disk that recordings shall go to.")
    ] = None,
    config: Config = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Says what this machine lacks, and how to get it.

    With --config or --data also whether `mixer serve` can use its database and its bucket.
    """
    from ..doctor import run

    raise typer.Exit(run(as_json, out=out, config=config, data=data))
