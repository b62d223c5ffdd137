"""Recordings, remixes and replays of the service's conferences: asked for here, done elsewhere.

`sessions.py` takes orders and answers at once: what is wanted is a row in the database. `keeper.py`
has it done by a recorder, whoever dies meanwhile; `remixes.py` and `replays.py` by commands.
"""

from .order import MixOrder
from .sessions import Sessions

__all__ = ["MixOrder", "Sessions"]
