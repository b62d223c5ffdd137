"""The service put together: database, keys, storage, outbox, rooms, sessions, in this order."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any, cast

from ..records import Database
from ..records.migrate import upgrade
from ..storage import open_storage
from ..webhooks import open_outbox
from .context import Service
from .folders import make_folders
from .presence import Presence
from .rooms import HostedRooms
from .secrets import Secrets
from .servers import server_id
from .sessions import Sessions
from .settings import ServiceSettings
from .tokens import Tokens


@contextlib.asynccontextmanager
async def open_service(settings: ServiceSettings) -> AsyncIterator[tuple[Service, Presence]]:
    """All parts, none of them running yet. Raises UsageError and StorageError."""
    make_folders(settings)
    database = Database(settings.database_address)
    try:
        await upgrade(database)
        secrets = Secrets(database)
        await secrets.load()
        tokens = Tokens(secrets)
        storage = open_storage(settings, secrets.urls)
        rooms = HostedRooms(settings, database, tokens)
        service = Service(
            settings=settings,
            database=database,
            secrets=secrets,
            tokens=tokens,
            storage=storage,
            outbox=open_outbox(settings, database, storage),
            rooms=rooms,
            sessions=cast(Any, None),
            server=server_id(settings),
        )
        service.sessions = Sessions(service)
        rooms.attach(service)
        presence = Presence(service)
        rooms.on_event.append(presence.on_event)
        yield service, presence
    finally:
        await database.close()
