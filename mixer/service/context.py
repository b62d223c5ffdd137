"""What every part of the service is given: one value, made once by `parts.py`."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..records import Database
    from ..storage import Storage
    from ..webhooks import Outbox
    from .rooms import HostedRooms
    from .secrets import Secrets
    from .sessions import Sessions
    from .settings import ServiceSettings
    from .tokens import Tokens


def now_ms() -> int:
    """Epoch milliseconds."""
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class Service:
    """The collaborators. Routes find it as `request.app.state.service`.

    Made in this order: settings, database, secrets and tokens, storage, outbox, rooms, sessions.
    Each may use those before it at once, those after it only when all are there.
    """

    settings: ServiceSettings
    database: Database
    secrets: Secrets
    tokens: Tokens
    storage: Storage
    outbox: Outbox
    rooms: HostedRooms
    sessions: Sessions
    instance: str = field(default_factory=lambda: uuid.uuid4().hex[:12])  # owner of sessions
    server: str | None = None  # mixer/service/servers.py: its data folder's id
