"""What a journal has of files that were presented: their pages, beside its runs.

An event `presentation.started` names its pages' files (mixer/conference/presentation.py); ingest
puts them into the folder `objects`. A page that was never shown may be missing.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..conference.presentation import OBJECTS, objects
from ..errors import StorageError
from .model import Event
from .reader import Journal

STARTED = "presentation.started"
_NOT_SAFE = re.compile(r"[^A-Za-z0-9._-]+")


def presentations(journal: Journal) -> Iterator[Event]:
    """The events with which presentations begin; also what is not final yet."""
    for run in journal.runs:
        yield from (event for event in run.events if event.type == STARTED)


def page_files(journal: Journal) -> set[str]:
    """The names of all pages' files that the journal speaks of."""
    return {name for event in presentations(journal) for name in objects(_of(event))}


def described(journal: Journal) -> list[dict[str, Any]]:
    """For reports: what was presented, by whom, how much of it is there. `t` in seconds."""
    return [
        {
            "t": round(event.t_ns / 1e9, 3),
            "participantId": _of(event)["ownerId"],
            "name": _of(event).get("name", ""),
            "pages": len(objects(_of(event))),
            "fetched": sum((journal.directory / OBJECTS / n).exists() for n in objects(_of(event))),
        }
        for event in presentations(journal)
    ]


def export_pages(journal: Journal, out: Path) -> list[Path]:
    """Copies the pages as `<participant>-<file>-<number>-page-<page>.png` or .jpg; their paths.

    Raises StorageError where `out` cannot be written.
    """
    copied: list[Path] = []
    for number, event in enumerate(presentations(journal), 1):
        shown = _of(event)
        stem = f"{_safe(shown['ownerId'])}-{_safe(shown.get('name', ''))}-{number}"
        for page, name in enumerate(objects(shown), 1):
            source = journal.directory / OBJECTS / name
            if not source.exists():
                continue
            path = out / f"{stem}-page-{page:03d}{source.suffix}"
            aside = path.with_name(f"{path.name}.part")
            try:
                shutil.copyfile(source, aside)
                aside.replace(path)
            except OSError as error:
                raise StorageError(f"cannot write to {out}: {error.strerror or error}") from error
            copied.append(path)
    return copied


def _of(event: Event) -> dict[str, Any]:
    shown: dict[str, Any] = event.data["presentation"]
    return shown


def _safe(text: str) -> str:
    return _NOT_SAFE.sub("_", text)[:60].lstrip(".-") or "file"
