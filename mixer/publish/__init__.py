"""Encoded frames → a room: ingest's counterpart. Nothing is encoded here.

Used by the replay (mixer/replay) and by the tests' synthetic participants. `line.py` is a
participant's connection to a room, `feed.py` what it sends together (a camera with its sound),
`stream.py` one RTP stream of that.
"""

from .description import Section
from .feed import PublishedFeed
from .line import Line, Sender

__all__ = ["Line", "PublishedFeed", "Section", "Sender"]
