"""Indexes for events that wait and for the newest recordings; columns that nothing ever set go

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    waiting = sa.text("state = 'pending'")
    op.create_index(
        "events_waiting",
        "events",
        ["conference_id", "state", "id"],
        unique=False,
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
    there = sa.text("deleted_at IS NULL")
    op.create_index(
        "recordings_latest",
        "recordings",
        ["end_time", "id"],
        unique=False,
        sqlite_where=there,
        postgresql_where=there,
    )
    # SQLite does that since 3.35 without a new table
    op.drop_column("secrets", "retired_at")
    op.drop_column("applications", "deleted_at")
