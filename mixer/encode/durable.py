"""Files that are there whole or not at all, whatever happens: aside, synced, renamed.

Neighbours: every module of encode/ that writes a file.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mixer.errors import RenderError, StorageError

_STORAGE_ERRNOS = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EIO,
    errno.ENOENT,
    errno.EFBIG,
}


class WholeFile:
    """A file being written, for `av.open` too, that forgets no failed write.

    FFmpeg's MP4 muxer does not tell when what it has buffered last cannot be written before it goes
    back to the index in front: a file on a full disk would seem whole. Through this it can not.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._failure: OSError | None = None

    @property
    def closed(self) -> bool:
        return self._file.closed

    def write(self, data: bytes) -> int:
        return self._kept(lambda: self._file.write(data))

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._kept(lambda: self._file.seek(offset, whence))

    def tell(self) -> int:
        return self._file.tell()

    def finish(self) -> None:
        """Everything is on disk after this, or it raises what had failed."""
        if self._failure is not None:
            raise self._failure
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def abandon(self) -> None:
        with suppress(OSError):
            self._file.close()

    def _kept(self, act: Callable[[], int]) -> int:
        try:
            return act()
        except OSError as error:
            self._failure = self._failure or error
            raise


@contextmanager
def whole_file(path: Path) -> Iterator[WholeFile]:
    """A file to write; it becomes `path` when the block ends without an error, durably.

    An unfinished file of an earlier, killed run is written over. Raises StorageError when the disk
    refuses, RenderError when a codec or muxer does.
    """
    aside = path.with_name(path.name + ".part")
    file: WholeFile | None = None
    try:
        file = WholeFile(aside)
        yield file
        file.finish()
        aside.replace(path)
        sync(path.parent)
    except BaseException:
        if file is not None:
            file.abandon()
            aside.unlink(missing_ok=True)
        with explained(path):
            raise


def check_free(path: Path, needed: int, keep_free: int) -> None:
    """Raises StorageError where so many bytes more, at `path`, would fill the disk, or take from it
    what is to be kept free of what is free now."""
    with explained(path):
        free = shutil.disk_usage(path.parent).free
    kept = keep_free if free >= keep_free else 0
    if needed + kept > free:
        besides = f", of which {_mb(kept)} are kept free" if kept else ""
        raise StorageError(
            f"cannot write {path}: it takes {_mb(needed)}, the disk has {_mb(free)} left{besides}; "
            "free some, then go on"
        )


def _mb(count: int) -> str:
    return f"{-(-count >> 20):,} MB"


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Makes errors of disk and codec, while `path` is written, those of mixer.errors."""
    try:
        yield
    except Exception as error:
        if not isinstance(error, (OSError, *_codec_errors())):
            raise
        raise _explained(path, error) from error


def sync(path: Path) -> None:
    """Waits until a file's content, or a folder's entries, are on disk."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _codec_errors() -> tuple[type[Exception], ...]:
    """There are none where PyAV was never loaded; what only copies files does not load it."""
    loaded = sys.modules.get("av.error")
    return () if loaded is None else (loaded.FFmpegError,)


def _explained(path: Path, error: Exception) -> StorageError | RenderError:
    reason = getattr(error, "strerror", None) or str(error)
    if isinstance(error, _codec_errors()) and getattr(error, "errno", None) not in _STORAGE_ERRNOS:
        return RenderError(f"cannot make {path}: {reason}")
    return StorageError(f"cannot write {path}: {reason}; free or mend the disk, then go on")
