"""Several servers on one database: who they are, and whose conferences and sessions are whose

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "servers",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("storage", sa.Text(), nullable=False),
        sa.Column("runs", sa.Boolean(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    # adding a column needs no new table in SQLite either
    op.add_column("conferences", sa.Column("server", sa.String(length=40), nullable=True))
    op.add_column("sessions", sa.Column("server", sa.String(length=40), nullable=True))
