"""`mixer report DIR`: makes a finished recording's report again, or for the first time."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer

from ..errors import UsageError
from ..report.model import OnProgress, Report, unheard
from .running import guarded


def report(
    directory: Annotated[
        Path, typer.Argument(help="The record's folder (--out of `mixer record`).")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder for the report; DIR/report if not given.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines: JSON on stdout.")] = False,
) -> None:
    """Tells how a recording came out: a page with a timeline, quality figures, contact sheets."""
    progress = sys.stderr.isatty() and not as_json
    made = guarded(lambda: report_on(directory, out, progress=progress), as_json)
    if as_json:
        files = [str(path) for path in made.files]
        text = {"event": "result", "files": files, "report": made.document}
        print(json.dumps(text, ensure_ascii=False))
        return
    for line in _summary(made):
        print(line)


def report_on(directory: Path, out: Path | None = None, *, progress: bool = False) -> Report:
    """Makes the report of a finished recording, into DIR/report if not told otherwise.

    Raises UsageError where there is nothing to report on, StorageError, the journal's errors.
    """
    from ..journal import Journal  # imported here: the command line is quick to start
    from ..recorder.plan import RecordFolder
    from ..report import make_report
    from ..report.sources import facts_of, outputs_of

    folder = RecordFolder(directory.absolute())
    plan = folder.load()
    journal = Journal.open(folder.journal, without=plan.audio.without)
    try:
        if journal.is_live():
            raise UsageError(f"{directory} is still being recorded; stop it first")
        outputs = outputs_of(folder, plan, journal)
        if not outputs:
            raise UsageError(f"{directory} has no files yet; make them: mixer render {directory}")
        into = (out or folder.directory / "report").absolute()
        if out is not None:
            with suppress(OSError):  # whoever writes into it will tell
                into.parent.mkdir(parents=True, exist_ok=True)
        with _progress(progress) as show:
            return make_report(journal, outputs, facts_of(folder), into, show)
    finally:
        journal.close()


@contextmanager
def _progress(wanted: bool) -> Iterator[OnProgress]:
    if not wanted:
        yield unheard
        return
    with typer.progressbar(length=1000, label="Looking", file=sys.stderr) as bar:
        yield lambda share: bar.update(int(share * 1000) - bar.pos)


def _summary(made: Report) -> list[str]:
    lines = []
    for file in made.document["files"]:
        told = [f for f in file["findings"] if f["severity"] != "good"]
        lines.append(f"{file['file']}: {f'{len(told)} to know' if told else 'all well'}")
        lines += [f"  {finding['text']}" for finding in told]
    pages = [path for path in made.files if path.suffix == ".html"]
    return [*lines, *(str(path) for path in pages)]
