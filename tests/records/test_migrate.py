"""A database is brought to this version's schema, whatever it is and whoever starts at once."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, select, text

from mixer.errors import StorageError, UsageError
from mixer.records import Database
from mixer.records.migrate import upgrade
from mixer.records.models import Application, Base, Conference, Secret
from tests.instruments.postgresql import new_database


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'mixer.db'}"
    url = new_database(request.getfixturevalue("postgresql"))
    return url.replace("postgresql://", "postgresql+psycopg://")


def _differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, Base.metadata))


async def test_migrations_are_the_models(address: str) -> None:
    """The migrations make exactly the tables of models.py: whoever changes one adds the other."""
    database = Database(address)
    await upgrade(database)
    async with database.engine.connect() as connection:
        assert await connection.run_sync(_differences) == []
    await database.close()


async def test_all_at_once(address: str) -> None:
    """Several instances that start at the same time do not disturb each other."""
    databases = [Database(address) for _ in range(5)]
    await asyncio.gather(*(upgrade(database) for database in databases))
    for database in databases:
        await upgrade(database)
        await database.close()


def test_new_file_opened_by_several(tmp_path: Path) -> None:
    """SQLite refuses one of two that change a new file to its write-ahead log at the same time."""
    rounds, several = 50, 4
    together = threading.Barrier(several)

    def opened(_: int) -> None:
        for number in range(rounds):
            engine = Database(f"sqlite+aiosqlite:///{tmp_path / str(number)}.db")._plain
            together.wait(timeout=10)
            with engine.connect() as connection:
                assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
            engine.dispose()

    with ThreadPoolExecutor(several) as threads:
        list(threads.map(opened, range(several)))


async def test_an_older_database_keeps_its_rows(address: str) -> None:
    """Columns that go take nothing else with them, also where other tables refer to the rows."""
    database = Database(address)
    await upgrade(database, "0002")
    async with database.writing() as db:
        for row in (
            "applications (key, name, secret_hash, settings, created_at) "
            "VALUES ('a', 'A', 'x', '{}', 1)",
            "secrets (name, value, created_at) VALUES ('tokens', 'k', 1)",
            "conferences (id, app_key, alias, alias_key, type, owner_external_id, parameters,"
            " permissions, protected, created_at)"
            " VALUES ('c', 'a', 'C', 'c', 'SDK_CONF', '', '{}', '{}', false, 1)",
        ):
            await db.execute(text(f"INSERT INTO {row}"))
    await upgrade(database)
    async with database.reading() as db:
        for kind in (Application, Secret, Conference):
            assert len((await db.scalars(select(kind))).all()) == 1
    await database.close()


async def test_newer_database(address: str) -> None:
    """A newer version's database is left as it is."""
    database = Database(address)
    await upgrade(database)
    async with database.writing() as db:
        await db.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(UsageError, match="newer mixer"):
        await upgrade(database)
    await database.close()


async def test_unreachable(tmp_path: Path) -> None:
    """A database that cannot be opened is told in one line."""
    for address in (
        f"sqlite+aiosqlite:///{tmp_path / 'nowhere' / 'mixer.db'}",
        f"postgresql+psycopg://mixer@/postgres?host={tmp_path}",
    ):
        database = Database(address)
        with pytest.raises(StorageError, match="the database cannot be used"):
            await upgrade(database)
        await database.close()
