"""A recording's finished files to a storage, without a service: `mixer upload`, `record --upload`.

Nothing is deleted here: what is uploaded stays in the recording's folder too. A bucket that is away
is tried again for an hour; after that `mixer upload` goes on with what is missing.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import stamina

from ..errors import StorageError, UsageError
from .location import Location, parse_location
from .signed import Signed
from .store import Storage

TRIED_S = 3600.0
LONGEST_WAIT_S = 60.0
FOLDERS = ("mixes", "audio", "parts", "report")  # of docs/recording.md


def location_from_environment(url: str) -> Location:
    """MIXER_S3_ENDPOINT, _REGION, _ACCESS_KEY, _SECRET_KEY as for `mixer serve`; else AWS_*.

    Raises UsageError.
    """
    named = {"endpoint": "ENDPOINT", "region": "REGION"}
    named |= {"access_key": "ACCESS_KEY", "secret_key": "SECRET_KEY"}
    access = {field: os.environ.get(f"MIXER_S3_{name}") for field, name in named.items()}
    access["endpoint"] = access["endpoint"] or os.environ.get("AWS_ENDPOINT_URL")
    return parse_location(url, **access)


def files_of(recording: Path) -> list[Path]:
    """What is to be uploaded: files, report, and last of all recording.json, which tells of them.

    Raises UsageError when there is nothing.
    """
    result = recording / "recording.json"
    found = [
        path
        for folder in FOLDERS
        for path in sorted((recording / folder).rglob("*"))
        if path.is_file() and not path.name.startswith(".") and path.suffix != ".part"
    ]
    if not found and not result.is_file():
        raise UsageError(f"{recording} has no finished files: is it the folder of a recording?")
    return [*found, *([result] if result.is_file() else [])]


async def upload(
    recording: Path,
    location: Location,
    *,
    tried_s: float = TRIED_S,
    on_file: Callable[[str], None] = lambda url: None,
) -> list[str]:
    """Uploads to `LOCATION/NAME/…`, NAME being the folder's. Returns where each file is now.

    `on_file` is told each as it is there. Raises UsageError and StorageError.
    """
    recording = recording.absolute()
    storage = Storage(location, Signed(b"", ""))
    done: list[str] = []
    for path in files_of(recording):
        key = f"{recording.name}/{path.relative_to(recording).as_posix()}"
        if await _is_there(storage, key, path):
            continue
        try:
            async for attempt in stamina.retry_context(
                on=StorageError, attempts=None, timeout=tried_s, wait_max=LONGEST_WAIT_S
            ):
                with attempt:
                    await storage.put(path, key)
        except StorageError as error:
            raise StorageError(f"{error}; later: mixer upload {recording} {location}") from error
        done.append(f"{location}/{key}")
        on_file(done[-1])
    return done


async def _is_there(storage: Storage, key: str, path: Path) -> bool:
    """Films are made once and never change: the same size is the same file. Small ones go anew."""
    if path.suffix not in (".mp4", ".mp3"):
        return False
    try:
        return await storage.size(key) == path.stat().st_size
    except StorageError:
        return False
