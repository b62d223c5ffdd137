"""Whether `mixer serve` can work with the settings it would be given: data folder, database, files.

Nothing is left behind: no table, no object. The database's tables are made by `mixer serve`.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import MixerError
from .finding import Finding, failed, ok, warning

if TYPE_CHECKING:
    from ..service.settings import ServiceSettings

TIMEOUT_S = 15.0
KEY = "mixer-doctor/probe.txt"


def examine_service(config: Path | None, data: Path | None) -> list[Finding]:
    """What the settings of `mixer serve` lead to. Unusable ones are the only finding then."""
    from ..service.settings import read_settings

    try:
        settings = read_settings(config, data=data)
    except MixerError as error:
        return [failed("Settings", str(error), "see docs/service.md")]
    told = [_address(settings), _data(settings)]
    parts = (("Database", _database), ("Files", _files))
    return told + [_asked(name, look, settings) for name, look in parts]


def _asked(
    name: str, look: Callable[[ServiceSettings], Awaitable[str]], settings: ServiceSettings
) -> Finding:
    async def within() -> str:
        async with asyncio.timeout(TIMEOUT_S):
            return await look(settings)

    remedy = "see the settings of docs/service.md"
    try:
        return ok(name, asyncio.run(within()))
    except TimeoutError:
        return failed(name, f"no answer within {TIMEOUT_S:g} s", remedy)
    except MixerError as error:
        return failed(name, str(error), remedy)


def _address(settings: ServiceSettings) -> Finding:
    url = settings.base_url
    if url.startswith("https://") or settings.host in ("127.0.0.1", "localhost", "::1"):
        return ok("Address", url)
    how = "set public_url to the https:// address of your proxy, or tls_cert and tls_key"
    return warning("Address", f"{url}: browsers give no camera without HTTPS", how)


def _data(settings: ServiceSettings) -> Finding:
    folder = settings.data.absolute()
    existing = next(one for one in (folder, *folder.parents) if one.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return failed("Data", f"{existing} is not writable", "give --data where you may write")
    return ok("Data", f"{folder}{'' if folder.exists() else ' (will be made)'}")


async def _database(settings: ServiceSettings) -> str:
    """Raises UsageError and StorageError."""
    from ..records import Database
    from ..records.migrate import revision

    if settings.database_url is None and not settings.database_file.exists():
        return "SQLite in the data folder (will be made)"
    database = Database(settings.database_address)
    try:
        found = await revision(database)
    finally:
        await database.close()
    kind = "SQLite" if database.is_sqlite else "PostgreSQL"
    return f"{kind}, {f'revision {found}' if found else 'without tables yet'}"


async def _files(settings: ServiceSettings) -> str:
    """Puts a file where recordings are to go, reads it, removes it. Raises StorageError."""
    from ..storage import open_storage

    if settings.storage_url is None:
        return "in the data folder"
    storage = open_storage(settings, os.urandom(32))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "probe.txt"
        path.write_text("written by mixer doctor; may be removed")
        await storage.put(path, KEY, "text/plain")
    try:
        read = b"".join([block async for block in storage.blocks(KEY)])
    finally:
        await storage.delete([KEY])
    return f"{settings.storage_url}: {len(read)} bytes were put, read and removed"
