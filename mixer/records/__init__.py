"""What the service remembers: applications, conferences, recordings, events that are due.

`Database` opens it (SQLite or PostgreSQL), `models` are its tables. Questions that several parts
ask lie in modules of their own beside them.
"""

from .database import Database

__all__ = ["Database"]
