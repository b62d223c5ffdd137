"""Sees changes of a layout's files soon enough to be called at once."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from mixer.layout.shipped import BUILT_IN, COMMON, layout_path

POLL_S = 0.1
POLL_SHARE = 20  # a look at the files takes a twentieth of the time at most
MOST_FILES = 5_000
SKIPPED = {".git", "node_modules", "__pycache__", ".venv"}


def watched(layout: str) -> list[Path]:
    """Folders whose files make up a layout; none for one at an address."""
    path = layout_path(layout)
    if path is None:
        return []
    folder = path.parent if path.is_file() else path
    common = [BUILT_IN / name for name in COMMON] if folder.is_relative_to(BUILT_IN) else []
    return [folder, *common]


def fingerprint(folders: Iterable[Path]) -> str:
    """Changes with any file's time or size, and with files that come and go."""
    digest = hashlib.blake2b(digest_size=16)
    count = 0
    for folder in folders:
        for at, names, files in os.walk(folder):
            names[:] = sorted(name for name in names if name not in SKIPPED)
            for name in sorted(files):
                count += 1
                if count > MOST_FILES:
                    return digest.hexdigest()
                try:
                    seen = Path(at, name).stat()
                except OSError:
                    continue
                digest.update(f"{at}/{name} {seen.st_mtime_ns} {seen.st_size}\n".encode())
    return digest.hexdigest()


async def changes(layout: str) -> AsyncIterator[str]:
    """The fingerprint after each change, until the caller has enough."""
    folders = watched(layout)
    if not folders:
        return
    known = fingerprint(folders)
    took_s = 0.0
    while True:
        await asyncio.sleep(max(POLL_S, took_s * POLL_SHARE))
        began_s = time.monotonic()
        now = fingerprint(folders)
        took_s = time.monotonic() - began_s
        if now != known:
            known = now
            yield now
