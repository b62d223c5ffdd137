"""Opens the database, brings it to the newest schema, hands out transactions."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from sqlite3 import DatabaseError
from typing import Any

from sqlalchemy import Executable, Row, create_engine, event
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, create_async_engine

BUSY_MS = 10_000
AWAY = (OperationalError, InterfaceError, NoConnection)  # it does not answer now, or is full
# For `with_for_update` of rows that others refer to (FOR NO KEY UPDATE): whoever adds a row that
# refers to this one, and wants this one then, is not waited for, or both would wait for ever.
LOCKED: Any = {"key_share": True}
READERS = 2  # threads that read lists; SQLite's own work holds no lock of Python's


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
        self._readers: ThreadPoolExecutor | None = None
        if self.is_sqlite:
            _tune_sqlite(self.engine.sync_engine)
            plain = address.replace("sqlite+aiosqlite:", "sqlite:", 1)
            self._plain = create_engine(plain, isolation_level="AUTOCOMMIT")
            _set_pragmas_of(self._plain)
            self._readers = ThreadPoolExecutor(READERS, "database")

    async def fetched(self, *queries: Executable, **values: Any) -> list[Sequence[Row[Any]]]:
        """The rows of some queries, for lists that are asked for often. `values`: of their
        bound parameters.

        With SQLite at once on another thread: a session through aiosqlite changes threads a dozen
        times for the same.
        """
        if self._readers is None:
            async with self.engine.connect() as connection:
                return [(await connection.execute(query, values)).all() for query in queries]
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self._fetch, queries, values)

    def _fetch(
        self, queries: Sequence[Executable], values: dict[str, Any]
    ) -> list[Sequence[Row[Any]]]:
        with self._plain.connect() as connection:
            return [connection.execute(query, values).all() for query in queries]

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
        if self._readers is not None:
            self._readers.shutdown(wait=True)
            self._plain.dispose()


def _tune_sqlite(engine: Any) -> None:
    """Write-ahead log, foreign keys, and transactions that begin when we say so."""
    _set_pragmas_of(engine)

    @event.listens_for(engine, "begin")
    def begun(connection: Any) -> None:
        writes = connection.get_execution_options().get("mixer_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _set_pragmas_of(engine: Any) -> None:
    @event.listens_for(engine, "connect")
    def connected(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # no implicit BEGIN
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        _write_ahead(cursor)
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()


def _write_ahead(cursor: Any) -> None:
    """Two that change a new file's journal mode at once would wait for each other, so SQLite
    refuses one of them at once, whatever its busy timeout (sqlite3_busy_handler): it tries again.
    """
    until = time.monotonic() + BUSY_MS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except DatabaseError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.01)
