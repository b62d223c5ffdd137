"""The keys of this installation: made once, kept in the database, the same for all instances.

Webhooks' signing keys are in the same table; mixer/webhooks looks after those.
"""

from __future__ import annotations

import secrets

from sqlalchemy.exc import IntegrityError

from ..records import Database
from ..records.models import Secret
from .context import now_ms

KEY_BYTES = 32


class Secrets:
    """`await load()` once, then `tokens` (HMAC key of JWTs) and `urls` (of signed addresses)."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._loaded: dict[str, bytes] = {}

    async def load(self) -> None:
        """Reads the keys; makes those that are missing."""
        for name in ("tokens", "urls"):
            self._loaded[name] = await self._named(name)

    @property
    def tokens(self) -> bytes:
        return self._loaded["tokens"]

    @property
    def urls(self) -> bytes:
        return self._loaded["urls"]

    async def _named(self, name: str) -> bytes:
        async with self._database.reading() as db:
            known = await db.get(Secret, name)
        if known is not None:
            return known.value
        value = secrets.token_bytes(KEY_BYTES)
        try:
            async with self._database.writing() as db:
                db.add(Secret(name=name, value=value, created_at=now_ms()))
        except IntegrityError:  # another instance was quicker: its key holds
            return await self._named(name)
        return value
