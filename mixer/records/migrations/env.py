"""What alembic runs: the migrations, on the connection that migrate.py gives it."""

from alembic import context

from mixer.records.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite changes columns by making the table anew
)
with context.begin_transaction():
    context.run_migrations()
