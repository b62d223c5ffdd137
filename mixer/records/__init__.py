"""What the service remembers: applications, conferences, recordings, events that are due.

`Database` opens it (SQLite or PostgreSQL), `models` are its tables, `migrate` brings them
up to date.
"""

from .database import Database

__all__ = ["Database"]
