"""What a journal has of files and videos that were presented, beside its runs.

An event `presentation.started` names its pages' files (mixer/conference/presentation.py); ingest
puts them into the folder `objects`. A page that was never shown may be missing. Of a video an event
`presentation.updated` names the file, which is there by then.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..conference.presentation import OBJECTS, objects, video_object
from ..errors import StorageError
from .model import Event
from .reader import Journal

STARTED, UPDATED = "presentation.started", "presentation.updated"
_NOT_SAFE = re.compile(r"[^A-Za-z0-9._-]+")


def presentations(journal: Journal) -> Iterator[Event]:
    """The events with which presentations begin; also what is not final yet."""
    for run in journal.runs:
        yield from (event for event in run.events if event.type == STARTED)


def object_files(journal: Journal) -> set[str]:
    """The names of all files that the journal speaks of: pages and videos."""
    pages = {name for event in presentations(journal) for name in objects(_of(event))}
    return pages | set(_videos(journal).values())


def _videos(journal: Journal) -> dict[str, str]:
    """The files of videos that were presented, by the presentation's id."""
    found: dict[str, str] = {}
    for run in journal.runs:
        for event in run.events:
            told = event.data if event.type == UPDATED else event.data.get("presentation") or {}
            name = video_object(told) if event.type in (STARTED, UPDATED) else None
            if name is not None:
                found[str(told["id"])] = name
    return found


def described(journal: Journal) -> list[dict[str, Any]]:
    """For reports: what was presented, by whom, how much of it is there. `t` in seconds.

    A video has one page."""
    videos = _videos(journal)
    found = []
    for event in presentations(journal):
        shown = _of(event)
        is_video = shown.get("kind") == "video"
        video = [videos[shown["id"]]] if shown["id"] in videos else []
        names = video if is_video else objects(shown)
        found.append(
            {
                "t": round(event.t_ns / 1e9, 3),
                "participantId": shown["ownerId"],
                "kind": shown.get("kind", "file"),
                "name": shown.get("name", ""),
                "pages": 1 if is_video else len(names),
                "fetched": sum((journal.directory / OBJECTS / name).exists() for name in names),
            }
        )
    return found


def export_presented(journal: Journal, out: Path) -> list[Path]:
    """Copies the pages as `<participant>-<file>-<number>-page-<page>.png` or .jpg, and videos as
    `<participant>-<video>-<number>.mp4` or .webm; their paths.

    Raises StorageError where `out` cannot be written.
    """
    copied: list[Path] = []
    videos = _videos(journal)
    for number, event in enumerate(presentations(journal), 1):
        shown = _of(event)
        stem = f"{_safe(shown['ownerId'])}-{_safe(shown.get('name', ''))}-{number}"
        named = {f"{stem}-page-{page:03d}": name for page, name in enumerate(objects(shown), 1)}
        if shown["id"] in videos:
            named[stem] = videos[shown["id"]]
        for copy, name in named.items():
            source = journal.directory / OBJECTS / name
            if source.exists():
                path = out / f"{copy}{source.suffix}"
                _copy(source, path)
                copied.append(path)
    return copied


def _copy(source: Path, path: Path) -> None:
    aside = path.with_name(f"{path.name}.part")
    try:
        shutil.copyfile(source, aside)
        aside.replace(path)
    except OSError as error:
        raise StorageError(f"cannot write to {path.parent}: {error.strerror or error}") from error


def _of(event: Event) -> dict[str, Any]:
    shown: dict[str, Any] = event.data["presentation"]
    return shown


def _safe(text: str) -> str:
    return _NOT_SAFE.sub("_", text)[:60].lstrip(".-") or "file"
