"""Files that are there whole or not at all, whatever happens: aside, synced, renamed.

Neighbours: every module of encode/ that writes a file.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av

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


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A name to write the file under; it becomes `path` when the block ends without an error.

    After that it is on disk for good. An unfinished file of an earlier, killed run is written over.
    Raises StorageError when the disk refuses, RenderError when a codec or muxer does.
    """
    aside = path.with_name(path.name + ".part")
    try:
        yield aside
        sync(aside)
        aside.replace(path)
        sync(path.parent)
    except OSError as error:  # av's errors are OSErrors, too
        aside.unlink(missing_ok=True)
        raise _explained(path, error) from error
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def sync(path: Path) -> None:
    """Waits until a file's content, or a folder's entries, are on disk."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _explained(path: Path, error: OSError) -> StorageError | RenderError:
    reason = error.strerror or str(error)
    if error.errno in _STORAGE_ERRNOS:
        return StorageError(f"cannot write {path}: {reason}; free or mend the disk, then go on")
    if isinstance(error, av.error.FFmpegError):
        return RenderError(f"cannot make {path}: {reason}")
    return StorageError(f"cannot write {path}: {reason}")
