"""The data folder, made before anything is put into it."""

from __future__ import annotations

from ..errors import StorageError
from .settings import ServiceSettings


def make_folders(settings: ServiceSettings) -> None:
    """The data folder, for this user's eyes only: keys and conversations are in it.

    Raises StorageError.
    """
    try:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        settings.sessions_folder.mkdir(exist_ok=True)
    except OSError as error:
        reason = error.strerror or error
        raise StorageError(f"cannot use the data folder {settings.data}: {reason}") from error
