"""Brings the database to the schema of this version, at every start; alembic does it.

Several instances may start at once: one does the work, the others wait for it.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from ..errors import StorageError, UsageError
from .database import Database

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK = 0x6D697865  # "mixe", of PostgreSQL's advisory locks


async def upgrade(database: Database, to: str = "head") -> None:
    """Creates or changes the tables where needed. `to`: a revision; the newest.

    Raises UsageError when the database was made by a newer version, StorageError when it cannot be
    reached or written.
    """
    try:
        async with database.engine.connect() as connection:
            wanted = await connection.execution_options(mixer_writes=True)
            async with wanted.begin():
                await wanted.run_sync(_upgrade, to)
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise StorageError(f"the database cannot be used: {reason}") from error


async def revision(database: Database) -> str | None:
    """Of the tables that there are, None where there are none; changes nothing.

    Raises as `upgrade`.
    """
    try:
        async with database.engine.connect() as connection:
            return await connection.run_sync(_revision)
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise StorageError(f"the database cannot be used: {reason}") from error


def configuration() -> Config:
    """Alembic's, also for `alembic` by hand."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def _upgrade(connection: Connection, to: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
    _revision(connection)
    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def _revision(connection: Connection) -> str | None:
    now = MigrationContext.configure(connection).get_current_revision()
    known = {one.revision for one in ScriptDirectory.from_config(configuration()).walk_revisions()}
    if now is not None and now not in known:
        raise UsageError(f"the database was made by a newer mixer (revision {now}): update mixer")
    return now
