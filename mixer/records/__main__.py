"""`python -m mixer.records "what changes"`: drafts the migration for a change of models.py.

What the last migration makes is compared with the models; the draft has to be read and corrected.
"""

from __future__ import annotations

import sys

from alembic import command
from sqlalchemy import create_engine

from .migrate import configuration


def draft(what: str) -> None:
    """Writes the next file into migrations/versions."""
    config = configuration()
    with create_engine("sqlite://").connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        command.revision(config, what, autogenerate=True)


if __name__ == "__main__":
    draft(" ".join(sys.argv[1:]) or "a change")
