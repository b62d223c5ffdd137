"""A room of our own server, joined as a mixer: state and events from the server
(mixer/conference/session.py), media through its Janus proxy (videoroom.py).

A server that lets in only its own mixers gives them a token; it comes by the environment variable
MIXER_ROOM_TOKEN, since arguments are seen by everybody.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from mixer.conference.ice import IceServer, ice_server
from mixer.conference.media import Publication, RoomMedia, publications
from mixer.conference.session import RoomSession, join
from mixer.conference.state import SentType, State
from mixer.conference.videoroom import Feed, VideoRoom

ROOM_TOKEN = "MIXER_ROOM_TOKEN"


class OwnSession:
    """Fulfils mixer.ingest.conference.ConferenceSession. Made by `join_own`."""

    def __init__(self, session: RoomSession, ssl_context: ssl.SSLContext | None) -> None:
        self._session = session
        self._ssl = ssl_context

    @property
    def conference(self) -> str:
        return self._session.state["conference"]["id"] or self._session.janus_room

    @property
    def participant_id(self) -> str:
        return self._session.participant_id

    @property
    def state(self) -> State:
        return self._session.state

    @property
    def ice_servers(self) -> Sequence[IceServer]:
        return [ice_server(one) for one in self._session.ice_servers]

    def events(self) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        return self._session.events()

    async def connect_media(self) -> RoomMedia:
        """Raises ConferenceError."""
        room = await VideoRoom.join(
            self._session.janus_url,
            self._session.janus_room,
            display="",
            feed_id=f"{self._session.feed_prefix}.mixer",
            ssl_context=self._ssl,
        )
        return RoomMedia(room, _publications, lambda _change: None)

    async def tell_recording(self, recording: bool) -> None:
        """Raises ConferenceError."""
        await self._session.update(recording=recording)

    async def fetch(self, address: str) -> bytes:
        """Raises ConferenceError."""
        return await self._session.fetch(address)

    async def fetch_video(self, address: str, path: Path, most: int) -> None:
        """Raises ConferenceError, OSError."""
        await self._session.fetch_video(address, path, most)

    async def leave(self) -> None:
        await self._session.leave()


async def join_own(
    url: str,
    name: str,
    *,
    recording: bool = True,
    conference: str = "",
    ssl_context: ssl.SSLContext | None = None,
) -> OwnSession:
    """Joins http(s)://host:port/rooms/NAME as a participant of type mixer; `conference`: the id of
    one that is to be gone on with. Raises what mixer.conference.session.join raises."""
    session = await join(
        url,
        name,
        "mixer",
        recording=recording,
        conference=conference,
        mixer_token=room_token(),
        ssl_context=ssl_context,
    )
    return OwnSession(session, ssl_context)


def room_token() -> str:
    """What this process shows to be let in as a mixer or a robot; "" if it was given nothing."""
    return os.environ.get(ROOM_TOKEN, "")


def _publications(feed: Feed) -> list[Publication]:
    """In our own rooms a feed is a stream, and its id says whose it is."""
    participant, _, kind = str(feed.id).rpartition(".")
    source: SentType = "ScreenShare" if kind == "screen" else "Camera"
    return publications(feed, participant, lambda _description: (str(feed.id), source))
