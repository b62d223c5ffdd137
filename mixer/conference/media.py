"""What is sent in a conference, as values, and the connection to the SFU through which it comes.

Made by bare.py and own.py, consumed by mixer/ingest (its Protocol: mixer/ingest/conference.py).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from mixer.conference.state import SentType
from mixer.conference.videoroom import Change, Feed, Id, Subscription, VideoRoom
from mixer.journal.model import Kind


@dataclass(frozen=True, slots=True)
class Publication:
    """One media section that a participant sends; told apart by (feed, mid, codec)."""

    feed: Id
    mid: str
    participant: str
    stream: str  # conference stream id
    source: SentType
    kind: Kind
    codec: str  # lower case; not necessarily one that we take


class RoomMedia:
    """A joined video room, seen as publications. Lost as a whole; never reconnects by itself."""

    def __init__(
        self,
        room: VideoRoom,
        publications_of: Callable[[Feed], list[Publication]],
        observe: Callable[[Change], None],
    ) -> None:
        self._room = room
        self._publications_of = publications_of
        self._observe = observe

    def publications(self) -> list[Publication]:
        """What is sent now."""
        return [one for feed in self._room.feeds.values() for one in self._publications_of(feed)]

    async def changes(self) -> AsyncIterator[None]:
        """Yields whenever `publications` may have changed; ends when the connection is lost."""
        async for change in self._room.changes():
            self._observe(change)
            yield

    async def subscribe(self, feed: Id, mids: Sequence[str]) -> Subscription:
        """Raises ConferenceError."""
        return await self._room.subscribe(feed, list(mids))

    async def close(self) -> None:
        await self._room.close()


def publications(
    feed: Feed, participant: str, stream_of: Callable[[str], tuple[str, SentType]]
) -> list[Publication]:
    """A feed's audio and video; `stream_of` gives a section's stream by its description."""
    made = []
    for one in feed.streams:
        if one.kind == "audio" or one.kind == "video":
            stream, source = stream_of(one.description)
            kind: Kind = "audio" if one.kind == "audio" else "video"
            made.append(Publication(feed.id, one.mid, participant, stream, source, kind, one.codec))
    return made
