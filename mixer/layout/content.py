"""What a local layout is made of, as a digest: an edited page is another one, under the same name.

Unfinished renders go by it. Pages from the network need none: what they got is kept in the journal
(serving.py).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from .shipped import BUILT_IN, COMMON, layout_path

# No videos: the one that is being made may lie there, too.
PARTS = re.compile(
    r".*\.(html?|j2|css|m?js|json|wasm|svg|png|jpe?g|gif|webp|avif|ico|woff2?|ttf|otf)",
    re.IGNORECASE,
)
MOST_FILES = 2000  # a page may lie in a folder with much else
WHOLE_BYTES = 1 << 20  # larger files are known by size and time
_RECORDINGS = ("plan.json", "journal.json")


def layout_digest(layout: str) -> str:
    """Of all that a local layout may load; "" for an http(s) address.

    Raises LayoutError when there is no such layout.
    """
    path = layout_path(layout)
    if path is None:
        return ""
    found = hashlib.sha256()
    if path.is_file():
        _add(found, path, path.name)
    for folder in (path.parent if path.is_file() else path, *(BUILT_IN / one for one in COMMON)):
        for number, file in enumerate(_files(folder)):
            if number == MOST_FILES:
                break
            _add(found, file, str(file.relative_to(folder)))
    return found.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    """In a fixed order. What a recording in there holds changes while it is rendered."""
    for where, folders, names in os.walk(folder):
        if any(name in names for name in _RECORDINGS):
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if PARTS.fullmatch(name):
                yield Path(where, name)


def _add(found: hashlib._Hash, file: Path, name: str) -> None:
    try:
        about = file.stat()
        small = about.st_size <= WHOLE_BYTES
        content = file.read_bytes() if small else str(about.st_mtime_ns).encode()
    except OSError:
        return  # gone meanwhile, or not for us to read: nor for the page
    found.update(f"{name}\0{about.st_size}\0".encode())
    found.update(content)
