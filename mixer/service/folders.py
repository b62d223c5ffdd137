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
        # a folder that somebody else has made may be open to others: what matters in it is not
        settings.sessions_folder.mkdir(mode=0o700, exist_ok=True)
        if settings.storage_url is None:
            settings.files_folder.mkdir(mode=0o700, exist_ok=True)
        if settings.database_url is None:
            settings.database_file.touch(mode=0o600)
    except OSError as error:
        reason = error.strerror or error
        raise StorageError(f"cannot use the data folder {settings.data}: {reason}") from error
