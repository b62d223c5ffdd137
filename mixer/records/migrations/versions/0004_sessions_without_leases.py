"""Sessions have no leases: the lock of their data folder says whose they are

Revision ID: 0004
Revises: 0003
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("open_sessions", table_name="sessions")
    op.drop_column("sessions", "lease_until")
    op.create_index("open_sessions", "sessions", ["closed_at"], unique=False)
