"""The pages of what is presented in one conference: made from uploads, kept until it ends.

The conversion is convert.py's, a child process. Errors are HTTPException for the caller.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import re
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import structlog
from starlette.exceptions import HTTPException

from mixer.conference.state import FilePage

log = structlog.get_logger()

PREFIX = "mixer-presented-"  # of the folders' names in the temporary one
YOUNG_S = 60.0  # a younger folder may not have been locked yet
MAX_FILE_BYTES = 50 << 20
MAX_KEPT = 10  # presentations of one conference; older ones are deleted
UPLOAD_TIMEOUT_S = 300.0
CONVERT_TIMEOUT_S = 180.0
_ID = re.compile(r"[0-9a-f]{32}")
TOO_LARGE = f"the file is larger than {MAX_FILE_BYTES >> 20} MB: split it, or save it smaller"


class Shelf:
    """A folder with one folder for each presentation. `close` removes all.

    `folder`: one that outlives this process, with what is in it; None: a temporary one.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._shown: list[str] = []  # ids, in order
        if folder is None:
            _sweep(Path(tempfile.gettempdir()))
            folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        else:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._shown = _found(folder)
        self._folder = folder
        self._lock = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # as long as this process lives
        self._closed = False

    async def add(
        self, chunks: AsyncIterator[bytes], converting: asyncio.Semaphore
    ) -> tuple[str, list[FilePage]]:
        """The id and the pages of an uploaded file. Raises HTTPException 400, 408 and 413."""
        with tempfile.TemporaryDirectory(dir=self._folder) as aside:
            upload = Path(aside) / "upload"
            try:
                async with asyncio.timeout(UPLOAD_TIMEOUT_S):
                    await _write(chunks, upload)
            except TimeoutError:
                raise HTTPException(408, "the file took too long to come") from None
            made = Path(aside) / "pages"
            made.mkdir()
            async with converting:
                converted = await _convert(upload, made)
            if self._closed:
                raise HTTPException(410, "the conference has ended")
            id = secrets.token_hex(16)
            made.rename(self._folder / id)
        self._shown.append(id)
        for old in self._shown[:-MAX_KEPT]:
            shutil.rmtree(self._folder / old, ignore_errors=True)
        del self._shown[:-MAX_KEPT]
        return id, [_page(id, one) for one in converted]

    def page(self, id: str, name: str) -> Path | None:
        """The file of a page, both names as in its address."""
        if id not in self._shown:
            return None
        path = self._folder / id / Path(name).name
        return path if path.is_file() else None

    def close(self, *, keeping: bool = False) -> None:
        """`keeping`: for the next process; what is being read is not."""
        if not self._closed:
            self._closed = True
            if not keeping:
                shutil.rmtree(self._folder, ignore_errors=True)
            os.close(self._lock)


def _found(folder: Path) -> list[str]:
    """The presentations of an earlier process, oldest first; what it had not finished goes."""
    whole = []
    for one in folder.iterdir():
        if _ID.fullmatch(one.name):
            whole.append((one.stat().st_mtime, one.name))
        else:
            shutil.rmtree(one, ignore_errors=True)
    return [name for _, name in sorted(whole)]


def _sweep(directory: Path) -> None:
    """Removes the folders of servers that were killed: nobody has locked them."""
    for folder in directory.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime < YOUNG_S:
                continue
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


def _page(id: str, made: dict[str, Any]) -> FilePage:
    url = f"presentations/{id}/{made['file']}"
    return {"url": url, "width": int(made["width"]), "height": int(made["height"])}


async def _write(chunks: AsyncIterator[bytes], path: Path) -> None:
    size = 0
    with path.open("wb") as file:
        async for chunk in chunks:
            size += len(chunk)
            if size > MAX_FILE_BYTES:
                raise HTTPException(413, TOO_LARGE)
            file.write(chunk)
    if not size:
        raise HTTPException(400, "the file is empty")


async def _convert(path: Path, directory: Path) -> list[dict[str, Any]]:
    """The pages that convert.py has made. Raises HTTPException 400."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "mixer.room.presentations.convert",
        str(path),
        str(directory),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(CONVERT_TIMEOUT_S):
            told, said = await process.communicate()
    except TimeoutError:
        raise HTTPException(400, "the file takes too long to read: save it smaller") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if process.returncode == 0:
        made: list[dict[str, Any]] = json.loads(told)
        return made
    lines = said.decode(errors="replace").splitlines()
    log.info("presentation.unreadable", code=process.returncode)
    reason = lines[-1] if process.returncode == 1 and len(lines) == 1 else "it cannot be read"
    raise HTTPException(400, reason)
