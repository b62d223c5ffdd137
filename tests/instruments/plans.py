"""How SQLite goes about what is asked of it: which indexes it uses."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from sqlalchemy import event

from mixer.records import Database


@contextlib.contextmanager
def plans(database: Database) -> Iterator[dict[str, str]]:
    """Statements that are executed meanwhile, and the plan of each (EXPLAIN QUERY PLAN)."""
    found: dict[str, str] = {}

    def executed(
        connection: Any, cursor: Any, statement: str, values: Any, context: Any, many: bool
    ) -> None:
        if statement.startswith("SELECT"):
            other = connection.connection.cursor()
            other.execute(f"EXPLAIN QUERY PLAN {statement}", values)
            found[statement] = "\n".join(row[-1] for row in other.fetchall())
            other.close()

    engine = database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", executed)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", executed)
