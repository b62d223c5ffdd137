"""Opens the database, brings it to the newest schema, hands out transactions."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, create_async_engine

BUSY_MS = 10_000


class Database:
    """`address`: an SQLAlchemy URL, `sqlite+aiosqlite:///…` or `postgresql+psycopg://…`.

    `async with database.reading() as db` and `async with database.writing() as db` give an
    `AsyncSession`; the latter commits at its end, or rolls back on an error. On SQLite a writing
    transaction takes the write lock at once (BEGIN IMMEDIATE), so that two of them never deadlock.
    """

    def __init__(self, address: str) -> None:
        self.is_sqlite = address.startswith("sqlite")
        options: dict[str, Any] = {} if self.is_sqlite else {"pool_size": 10, "max_overflow": 10}
        self.engine = create_async_engine(address, pool_pre_ping=not self.is_sqlite, **options)
        if self.is_sqlite:
            _tune_sqlite(self.engine.sync_engine)

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        async with AsyncSession(self.engine, expire_on_commit=False) as db:
            yield db

    @contextlib.asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        async with self.engine.connect() as connection:
            wanted: AsyncConnection = await connection.execution_options(mixer_writes=True)
            async with AsyncSession(wanted, expire_on_commit=False) as db, db.begin():
                yield db

    async def close(self) -> None:
        await self.engine.dispose()


def _tune_sqlite(engine: Any) -> None:
    """Write-ahead log, foreign keys, and transactions that begin when we say so."""

    @event.listens_for(engine, "connect")
    def connected(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # no implicit BEGIN
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "foreign_keys=ON",
            f"busy_timeout={BUSY_MS}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begun(connection: Any) -> None:
        writes = connection.get_execution_options().get("mixer_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
