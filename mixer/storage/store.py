"""Puts files where they are downloaded from, reads and deletes them, makes their addresses.

Objects are put whole or not at all, under names that are used once: putting one again writes the
same bytes. In a folder a file is a second name of the one that was made, where the file system
knows such; into a bucket a big one goes up in parts. Failures of the network are tried again for
some minutes, and longer by whoever called.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, cast

import obstore
import obstore.store
from obstore.exceptions import BaseError

from ..errors import StorageError
from ..service.context import now_ms
from .location import Location, configured
from .media import attachment, media_type_of
from .multipart import Multipart
from .signed import Signed

if TYPE_CHECKING:
    from obstore.store import ObjectStore, S3Store

    from ..service.settings import ServiceSettings

URL_S = 600  # the platform's: ten minutes
BLOCK_BYTES = 1 << 20
DELETED_AT_ONCE = 1000  # what S3 takes in one request
PUT_AT_ONCE = 4


class Storage:
    """`signed`: makes our own addresses; a bucket makes its own."""

    def __init__(self, location: Location, signed: Signed) -> None:
        self.location = location
        self.signed = signed
        self._store = _open(location)
        self._multipart = Multipart.of(location)
        # For roles. Threads of their own: a bucket that takes minutes is to keep no others waiting.
        self._putting = ThreadPoolExecutor(PUT_AT_ONCE, thread_name_prefix="put")

    async def put(self, path: Path, key: str, media_type: str | None = None) -> int:
        """Puts a file there; downloads have the key's last part as their name. Returns its bytes.

        What a killed process left of a big file in a bucket is gone on with. Raises StorageError:
        the file is where it was, and may be put again.
        """
        name = PurePosixPath(key).name
        kind = media_type or media_type_of(name)
        headers = {"Content-Type": kind, "Content-Disposition": attachment(name)}
        try:
            size = path.stat().st_size
            if self.location.folder is not None:
                await asyncio.to_thread(_second_name, path, self._local(key))
            elif self._multipart is not None:
                await self._multipart.put(path, key, headers)
            else:
                putting = partial(obstore.put, attributes=cast(Any, headers))
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(self._putting, putting, self._store, key, path)
        except (OSError, BaseError) as error:
            raise StorageError(_sentence(f"store {path.name} in", self.location, error)) from error
        return size

    async def size(self, key: str) -> int | None:
        """The object's bytes; None when there is no such object."""
        try:
            found = await _call(obstore.head, self._store, key)
        except FileNotFoundError:
            return None
        except (OSError, BaseError) as error:
            raise StorageError(_sentence(f"look up {key} in", self.location, error)) from error
        return int(found["size"])

    async def blocks(self, key: str) -> AsyncIterator[bytes]:
        """The object's bytes in pieces of about BLOCK_BYTES. Raises StorageError."""
        try:
            found = await _call(obstore.get, self._store, key)
            blocks = iter(found.stream(min_chunk_size=BLOCK_BYTES))
            while (block := await _call(next, blocks, None)) is not None:
                yield bytes(block)
        except (OSError, BaseError) as error:
            raise StorageError(_sentence(f"read {key} from", self.location, error)) from error

    async def delete(self, keys: Sequence[str]) -> None:
        """Deletes objects; those that are not there are no error. Raises StorageError.

        A bucket that is not there is one: its answer, 404, says nothing of the objects.
        """
        if self.location.folder is not None:
            await asyncio.to_thread(self._unlink, list(keys))
            return
        try:
            for first in range(0, len(keys), DELETED_AT_ONCE):
                batch = list(keys[first : first + DELETED_AT_ONCE])
                await _call(obstore.delete, self._store, batch)
        except (OSError, BaseError) as error:
            raise StorageError(_sentence("delete from", self.location, error)) from error

    async def urls(self, keys: Sequence[str], expires_s: int = URL_S) -> list[str]:
        """Addresses that anybody can download from for so long, in the order of the keys."""
        if self.location.folder is not None:
            expires = now_ms() // 1000 + expires_s
            return [self.signed.url(key, expires) for key in keys]
        if not keys:
            return []
        try:
            store = cast("S3Store", self._store)
            lasting = timedelta(seconds=expires_s)
            return list(await _call(obstore.sign, store, "GET", list(keys), lasting))
        except BaseError as error:
            raise StorageError(_sentence("sign addresses of", self.location, error)) from error

    async def url(self, key: str, expires_s: int = URL_S) -> str:
        return (await self.urls([key], expires_s))[0]

    def local_file(self, key: str) -> Path | None:
        """The object's file; None when it is not there, or the storage is a bucket."""
        if self.location.folder is None or not _is_plain(key):
            return None
        path = self._local(key)
        return path if path.is_file() else None

    def _local(self, key: str) -> Path:
        assert self.location.folder is not None
        if not _is_plain(key):
            raise StorageError(f"{key!r} is no name of an object")
        return self.location.folder / key

    def _unlink(self, keys: list[str]) -> None:
        for key in keys:
            path = self._local(key)
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise StorageError(_sentence(f"delete {key} from", self.location, error)) from error
            _prune(path.parent, cast(Path, self.location.folder))


def open_storage(settings: ServiceSettings, secret: bytes) -> Storage:
    """The service's storage; `secret`: the key of signed addresses."""
    return Storage(configured(settings), Signed(secret, settings.base_url))


def _open(location: Location) -> ObjectStore:
    try:
        if location.folder is not None:
            return obstore.store.LocalStore(location.folder, mkdir=True)
        config: dict[str, Any] = {
            "endpoint": location.endpoint,
            "region": location.region,
            "access_key_id": location.access_key,
            "secret_access_key": location.secret_key,
            "virtual_hosted_style_request": location.virtual_hosted_style or None,
        }
        return obstore.store.S3Store(
            location.bucket,
            prefix=location.prefix or None,
            config=cast(Any, {name: value for name, value in config.items() if value is not None}),
            client_options={
                "allow_http": (location.endpoint or "").startswith("http:"),
                "timeout": timedelta(minutes=5),
            },
            retry_config={"max_retries": 8, "retry_timeout": timedelta(minutes=2)},
        )
    except (OSError, BaseError, ValueError) as error:
        raise StorageError(_sentence("open", location, error)) from error


async def _call(function: Callable[..., Any], *values: Any, **named: Any) -> Any:
    """On a thread of ours: obstore's own threads call back into Python, and abort a process that
    ends just then."""
    return await asyncio.to_thread(function, *values, **named)


def _second_name(path: Path, other: Path) -> None:
    from ..recorder.outputs import same_file

    same_file(path, other)


def _is_plain(key: str) -> bool:
    """No way out of the folder, nothing that file systems read in different ways."""
    parts = key.split("/")
    return all(part not in ("", ".", "..") and part.isprintable() for part in parts) and (
        "\\" not in key and len(key) <= 500
    )


def _prune(folder: Path, top: Path) -> None:
    """Removes folders that have become empty, up to the storage's own."""
    while folder != top and folder.is_relative_to(top):
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent


def _sentence(doing: str, location: Location, error: Exception) -> str:
    """One line: obstore's errors have many, with the request's details and advice for its users."""
    reason = str(error).strip().splitlines()
    return f"cannot {doing} {location}: {(reason or ['failed'])[0][:300]}"
