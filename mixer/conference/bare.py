"""A Janus video room that is not ours, recorded with what the SFU knows: `janus+ws(s)://…/ROOM`.

A participant is a feed with its display name; what it sends is its camera, except sections that
are described as a screen. Who talks is what Janus says, where the room has audiolevel_event.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from mixer.conference.address import parts_of
from mixer.conference.difference import ConferenceEvent, difference
from mixer.conference.ice import IceServer
from mixer.conference.janus import Credentials
from mixer.conference.media import Publication, RoomMedia, publications
from mixer.conference.state import Participant, SentType, State, empty, participant, stream
from mixer.conference.videoroom import Change, Destroyed, Feed, Id, Talking, VideoRoom, WrongRoomId
from mixer.errors import ConferenceUnknown, UsageError

MAX_EVENTS = 1000  # not yet taken by ingest
MAX_NUMBER = (1 << 63) - 1  # of a room; longer rows of digits are texts
_SCREEN = re.compile(r"screen|desktop|presentation|share", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class BareAddress:
    url: str  # ws(s)://host:port/…
    room: str

    @property
    def first_id(self) -> Id:
        """As what the room is to be tried first. Digits may be a text where Janus has string ids:
        that is told by WrongRoomId."""
        is_number = self.room.isdecimal() and int(self.room) <= MAX_NUMBER
        return int(self.room) if is_number else self.room


@dataclass(frozen=True, slots=True)
class BareSettings:
    """What a room that is not ours may ask for. Secrets: never logged."""

    pin: str = ""
    token: str = ""
    api_secret: str = ""
    ice_servers: tuple[IceServer, ...] = ()


def parse_address(url: str) -> BareAddress:
    """janus+ws(s)://host:port[/path]/ROOM. Raises UsageError."""
    parts = parts_of(url)
    path, _, room = parts.path.rpartition("/")
    if parts.scheme not in ("janus+ws", "janus+wss") or not parts.hostname or not room:
        raise UsageError(f"{url!r} is no Janus room: give janus+ws(s)://HOST:PORT/ROOM")
    scheme = parts.scheme.removeprefix("janus+")
    return BareAddress(f"{scheme}://{parts.netloc}{path or '/'}", unquote(room))


class BareSession:
    """Fulfils mixer.ingest.conference.ConferenceSession. Made by `join_bare`."""

    def __init__(
        self,
        address: BareAddress,
        name: str,
        settings: BareSettings,
        ssl_context: ssl.SSLContext | None,
    ) -> None:
        self.state: State = empty(address.room, address.room)
        self._address = address
        self._name = name
        self._settings = settings
        self._ssl = ssl_context
        self._room_id = address.first_id
        self._talking: set[Id] = set()
        self._events: asyncio.Queue[ConferenceEvent | None] = asyncio.Queue(MAX_EVENTS)
        self._first: VideoRoom | None = None

    @property
    def conference(self) -> str:
        return self._address.room

    @property
    def participant_id(self) -> str:
        mixers = (p["id"] for p in self.state["participants"] if p["type"] == "mixer")
        return next(mixers, "")

    @property
    def ice_servers(self) -> Sequence[IceServer]:
        return self._settings.ice_servers

    async def events(self) -> AsyncIterator[ConferenceEvent]:
        """Ends after "conference.ended" and after `leave`."""
        while (event := await self._events.get()) is not None:
            yield event
            if event[0] == "conference.ended":
                return

    async def connect_media(self) -> RoomMedia:
        """Raises ConferenceError. The connection made by `join_bare` is used first."""
        room, self._first = self._first or await self._join(), None
        self._update(room)
        return RoomMedia(room, _publications, lambda change: self._observe(room, change))

    async def first(self) -> None:
        """Joins for the first time, so that a wrong address is told at once."""
        self._first = await self._join()
        self.state = self._state_of(self._first)

    async def tell_recording(self, recording: bool) -> None:
        """Such a room has nobody who could be told."""

    async def fetch(self, address: str) -> bytes:
        raise ConferenceUnknown("a Janus room has no files")

    async def fetch_video(self, address: str, path: Path, most: int) -> None:
        raise ConferenceUnknown("a Janus room has no files")

    async def leave(self) -> None:
        if self._first is not None:
            await self._first.close()
        self._put(None)

    async def _join(self) -> VideoRoom:
        try:
            return await self._join_as(self._room_id)
        except WrongRoomId:
            if isinstance(self._room_id, str):
                raise
        self._room_id = self._address.room  # digits, but the Janus has string ids
        return await self._join_as(self._room_id)

    async def _join_as(self, room: Id) -> VideoRoom:
        settings = self._settings
        return await VideoRoom.join(
            self._address.url,
            room,
            display=self._name,
            pin=settings.pin,
            credentials=Credentials(settings.api_secret, settings.token),
            ssl_context=self._ssl,
        )

    def _observe(self, room: VideoRoom, change: Change) -> None:
        if isinstance(change, Destroyed):
            self._put(("conference.ended", {"reason": "the room was destroyed"}))
            return
        if isinstance(change, Talking):
            (self._talking.add if change.talking else self._talking.discard)(change.feed)
        self._update(room)

    def _update(self, room: VideoRoom) -> None:
        self._talking &= room.feeds.keys()
        old, self.state = self.state, self._state_of(room)
        for event in difference(old, self.state):
            self._put(event)

    def _put(self, event: ConferenceEvent | None) -> None:
        """Ingest takes events at once; if it does not, it is stuck, and the oldest are dropped."""
        if self._events.full():
            self._events.get_nowait()
        self._events.put_nowait(event)

    def _state_of(self, room: VideoRoom) -> State:
        own = participant(str(room.own_id), self._name, "mixer")
        idle = [
            participant(str(id_), display)
            for id_, display in room.attendees.items()
            if id_ not in room.feeds and id_ != room.own_id
        ]
        sending = [self._participant(feed) for feed in room.feeds.values()]
        return {**self.state, "participants": [own, *sending, *idle]}

    def _participant(self, feed: Feed) -> Participant:
        sent = _publications(feed)
        someone = participant(str(feed.id), feed.display or str(feed.id))
        someone["speaking"] = feed.id in self._talking
        for stream_id, source in dict.fromkeys((one.stream, one.source) for one in sent):
            kinds = {one.kind for one in sent if one.stream == stream_id}
            made = stream(stream_id, source, audio="audio" in kinds, video="video" in kinds)
            someone["streams"].append(made)
        return someone


async def join_bare(
    url: str,
    name: str,
    settings: BareSettings | None = None,
    *,
    ssl_context: ssl.SSLContext | None = None,
) -> BareSession:
    """Joins visibly, publishing nothing. Raises UsageError, ConferenceUnreachable,
    ConferenceUnknown (no such room), ConferenceRefused (pin, token, secret)."""
    session = BareSession(parse_address(url), name, settings or BareSettings(), ssl_context)
    await session.first()
    return session


def _publications(feed: Feed) -> list[Publication]:
    def stream_of(description: str) -> tuple[str, SentType]:
        if _SCREEN.search(description):
            return f"{feed.id}.screen", "ScreenShare"
        return f"{feed.id}.camera", "Camera"

    return publications(feed, str(feed.id), stream_of)
