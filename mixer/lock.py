"""One process at a time: advisory locks on files (flock(2)), which end with their process."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import StorageError, UsageError


@contextmanager
def locked(path: Path, refusal: str, holder: str = "") -> Iterator[None]:
    """Holds the lock `path`, whose folder is made if it is not there. `holder`: written into it,
    and left there afterwards.

    Raises UsageError with `refusal` where another process holds it, StorageError for the disk.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(refusal) from None
        if holder:
            _write(descriptor, holder.encode())
        yield
    finally:
        os.close(descriptor)


def _write(descriptor: int, content: bytes) -> None:
    """In place, for a lock is of a file, not of its name. A full disk takes no lock away."""
    with suppress(OSError):
        os.pwrite(descriptor, content, 0)
        os.ftruncate(descriptor, len(content))


@contextmanager
def folder_locked(directory: Path, refusal: str, *, shared: bool = False) -> Iterator[None]:
    """Holds the lock of a folder itself; `shared`: with others who want it so, too.

    Raises UsageError with `refusal` where another process's lock forbids it. A folder that is not
    there, or whose file system locks no folders (NFS), is nobody's.
    """
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        yield
        return
    try:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(refusal) from None
        except OSError:
            pass
        yield
    finally:
        os.close(descriptor)


def hold(descriptor: int, patience_s: float) -> bool:
    """Locks an open file until it is closed; waits so long for a dying process that still holds
    it. False when it does not let go."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)


def is_held(path: Path) -> bool:
    """Whether some process holds the lock; one that cannot be opened nobody holds."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
