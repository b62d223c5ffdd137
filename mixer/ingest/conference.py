"""What ingest needs of a conference, whatever kind it is: the `Protocol` that bare rooms
(mixer/conference/bare.py) and our own rooms (mixer/conference/own.py) fulfil.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from mixer.conference.ice import IceServer
from mixer.conference.media import Publication
from mixer.conference.state import State


class Subscription(Protocol):
    """One feed's media as offered by the SFU (mixer.conference.videoroom.Subscription)."""

    @property
    def offer(self) -> str: ...

    @property
    def mids(self) -> dict[str, str]: ...

    async def start(self, answer: str) -> None: ...

    def events(self) -> AsyncIterator[Any]: ...

    async def close(self) -> None: ...


class Media(Protocol):
    """One connection to the SFU. It is lost as a whole; another is made by `connect_media`."""

    def publications(self) -> list[Publication]:
        """What is sent now."""
        ...

    def changes(self) -> AsyncIterator[None]:
        """Yields whenever `publications` may have changed; ends when the connection is lost."""
        ...

    async def subscribe(self, feed: int | str, mids: Sequence[str]) -> Subscription: ...

    async def close(self) -> None: ...


class ConferenceSession(Protocol):
    """A conference that we are in as a participant of type mixer."""

    @property
    def conference(self) -> str:
        """Identity of the conference, for the journal."""
        ...

    @property
    def participant_id(self) -> str: ...

    @property
    def state(self) -> State: ...

    @property
    def ice_servers(self) -> Sequence[IceServer]: ...

    def events(self) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """(type, data) of docs/conference-state.md, in order; `state` is already the state after.

        Goes on over lost connections; ends after "conference.ended".
        """
        ...

    async def connect_media(self) -> Media:
        """Raises ConferenceError; ConferenceUnreachable is worth another try."""
        ...

    async def tell_recording(self, recording: bool) -> None:
        """Whether we record just now, for all to see, where the conference can be told such
        things. It was told at joining, too. Raises ConferenceError."""
        ...

    async def fetch(self, address: str) -> bytes:
        """What is at an address of the state that is below the conference's own: a page of a file
        that is presented. Raises ConferenceError."""
        ...

    async def fetch_video(self, address: str, path: Path, most: int) -> None:
        """Writes a video that the conference's own server has, by its address in the state; one of
        at most so many bytes. Raises ConferenceError, OSError."""
        ...

    async def leave(self) -> None: ...
