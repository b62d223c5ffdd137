"""The keys that events are signed with: kept in the database, published, rotated without loss.

A rotation adds a key. It is published at once and signs two minutes later, when every instance has
seen it; the one before stays published for a day after that.
"""

from __future__ import annotations

import secrets
import time

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from ..records import Database
from ..records.models import Secret
from ..service.context import now_ms
from .signing import SigningKey, application_secret, published_keys, signing_key

PREFIX = "webhook:"
ROOT = "webhook-root"
FRESH_S = 30.0  # AHEAD_MS is more: an instance knows a key before any signs with it


class WebhookKeys:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._keys: list[SigningKey] = []
        self._root = b""
        self._read_at = float("-inf")

    async def current(self) -> SigningKey:
        """The one that signs now."""
        return signing_key(await self._known(), now_ms())

    async def published(self) -> dict[str, str]:
        """Public keys by id, for receivers."""
        return {key.id: key.public for key in published_keys(await self._known(), now_ms())}

    async def secret_of(self, app_key: str) -> str:
        """What an application checks `v1` signatures with."""
        await self._known()
        return application_secret(self._root, app_key)

    async def rotate(self) -> str:
        """Adds a key, which will sign instead of the present one. Returns its id."""
        keys = await self._known()
        kept = {key.id for key in published_keys(keys, now_ms())}
        key = _new()
        async with self._database.writing() as db:
            db.add(_row(PREFIX + key.id, key.seed, key.created_at))
            for old in keys:
                if old.id not in kept:
                    await db.execute(delete(Secret).where(Secret.name == PREFIX + old.id))
        self._read_at = float("-inf")
        return key.id

    async def _known(self) -> list[SigningKey]:
        if time.monotonic() - self._read_at < FRESH_S:
            return self._keys
        await self._read()
        if not self._keys or not self._root:
            await self._make()
            await self._read()
        self._read_at = time.monotonic()
        return self._keys

    async def _read(self) -> None:
        wanted = Secret.name.like(PREFIX + "%") | (Secret.name == ROOT)
        async with self._database.reading() as db:
            rows = list(await db.scalars(select(Secret).where(wanted)))
        keys = [
            SigningKey(row.name.removeprefix(PREFIX), row.value, row.created_at)
            for row in rows
            if row.name != ROOT
        ]
        self._keys = sorted(keys, key=lambda key: (key.created_at, key.id))
        self._root = next((row.value for row in rows if row.name == ROOT), b"")

    async def _make(self) -> None:
        """What is missing of them. Two instances may each make a key: both are published."""
        try:
            async with self._database.writing() as db:
                if not self._keys:
                    key = _new()
                    db.add(_row(PREFIX + key.id, key.seed, key.created_at))
                if not self._root:
                    db.add(_row(ROOT, secrets.token_bytes(32), now_ms()))
        except IntegrityError:
            return  # another instance was quicker with the root: all of it is there


def _new() -> SigningKey:
    return SigningKey(secrets.token_hex(6), secrets.token_bytes(32), now_ms())


def _row(name: str, value: bytes, at: int) -> Secret:
    return Secret(name=name, value=value, created_at=at)
