"""Where files are downloaded from: addresses that end after ten minutes, made when asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ...errors import StorageError
from ...storage.signed import UNTIL_DELETED
from ...storage.store import URL_S
from ..applications import Application
from ..context import Service, now_ms
from ..errors import ApiError

ARCHIVES = "archives/"  # keys of what is made while it is downloaded


class Stored(Protocol):
    @property
    def object_key(self) -> str: ...


async def urls_of(
    service: Service, app: Application, files: Sequence[Stored], *, lasting: bool = False
) -> list[str]:
    """One address a file. `lasting`: until the file is deleted (v1's `perm`).

    Where the application does without signed addresses they need an API token instead. Raises
    ApiError 503.
    """
    keys = [file.object_key for file in files]
    if not app.settings.signed_urls:
        return [service.storage.signed.plain_url(key) for key in keys]
    if lasting:
        return [service.storage.signed.url(key, UNTIL_DELETED) for key in keys]
    return await stored_urls(service, keys)


async def stored_urls(service: Service, keys: Sequence[str]) -> list[str]:
    """The storage's own addresses: a bucket's, or ours for a folder. Raises ApiError 503."""
    try:
        return await service.storage.urls(keys)
    except StorageError as error:
        sentence = "The storage does not answer: try again later."
        raise ApiError(503, 4006, "STORAGE_UNAVAILABLE", sentence) from error


def archive_url(service: Service, app: Application, conference_id: str) -> str:
    """The address of a ZIP with everything of a conference that can be downloaded."""
    key = f"{ARCHIVES}{conference_id}"
    if not app.settings.signed_urls:
        return service.storage.signed.plain_url(key)
    return service.storage.signed.url(key, now_ms() // 1000 + URL_S)
