"""Tells applications what happened: an outbox in the database, and who empties it.

`Outbox` takes events within the transaction that makes them true, and delivers them: at least once,
in order for a conference, for a day. `bodies` are what is told (contract 5), `signing` makes it
credible, `destination` keeps it from going where it must not. docs/webhooks.md is for receivers.
"""

from .outbox import Outbox, open_outbox

__all__ = ["Outbox", "open_outbox"]
