"""A participant who sends: their connection to a room of our own or to a bare Janus room."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from mixer.conference.bare import BareSettings, parse_address
from mixer.conference.ice import IceServer, ice_server
from mixer.conference.janus import Credentials, JanusConnection
from mixer.conference.own import room_token
from mixer.conference.session import RoomSession, join
from mixer.conference.state import ParticipantType
from mixer.conference.videoroom import Id, WrongRoomId
from mixer.publish.description import Section
from mixer.publish.feed import PublishedFeed, publish


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends. Type, external id and avatar are for rooms of our own, the rest for others."""

    name: str
    type: ParticipantType = "user"
    external_id: str = ""
    avatar_url: str = ""
    feed_id: Id | None = None  # of a bare room; None: Janus chooses


class Line:
    """Made by `Line.open`. `lost` is set when the connection is gone; it is never made again.

    `session` is the participant's in a room of our own, None elsewhere.
    """

    def __init__(
        self,
        connection: JanusConnection,
        room: Id,
        sender: Sender,
        session: RoomSession | None,
        bare: BareSettings,
    ) -> None:
        self.lost = connection.lost
        self.session = session
        self._connection = connection
        self._room = room
        self._sender = sender
        self._bare = bare

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls,
        url: str,
        sender: Sender,
        bare: BareSettings | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> AsyncIterator[Line]:
        """Joins http(s)://…/rooms/NAME, or connects to janus+ws(s)://…/ROOM; leaves at the end.

        Raises ConferenceError, UsageError.
        """
        bare = bare or BareSettings()
        if url.startswith("janus+"):
            address = parse_address(url)
            credentials = Credentials(bare.api_secret, bare.token)
            async with await JanusConnection.open(
                address.url, credentials, ssl_context=ssl_context
            ) as connection:
                yield cls(connection, address.first_id, sender, None, bare)
            return
        async with (
            await join(
                url,
                sender.name,
                sender.type,
                ssl_context=ssl_context,
                external_id=sender.external_id,
                avatar_url=sender.avatar_url,
                mixer_token=room_token() if sender.type == "robot" else "",
            ) as session,
            await JanusConnection.open(session.janus_url, ssl_context=ssl_context) as connection,
        ):
            yield cls(connection, session.janus_room, sender, session, bare)

    @property
    def close_code(self) -> int | None:
        """With which a room's server ended the connection (docs/conference-state.md)."""
        return self._connection.close_code

    @contextlib.asynccontextmanager
    async def publish(
        self,
        kind: str,
        sections: Sequence[Section],
        on_key_picture_wanted: Callable[[], None] | None = None,
    ) -> AsyncIterator[PublishedFeed]:
        """Sends a feed, "camera" or "screen", as long as the block lasts. Raises ConferenceError;
        UnsupportedCodec if the room does not take a section."""
        async with contextlib.AsyncExitStack() as stack:
            try:
                feed = await stack.enter_async_context(
                    await self._feed(kind, sections, on_key_picture_wanted)
                )
            except WrongRoomId:
                if isinstance(self._room, str):
                    raise
                self._room = str(self._room)  # digits, but the Janus has string ids
                feed = await stack.enter_async_context(
                    await self._feed(kind, sections, on_key_picture_wanted)
                )
            yield feed

    async def _feed(
        self,
        kind: str,
        sections: Sequence[Section],
        on_key_picture_wanted: Callable[[], None] | None,
    ) -> contextlib.AbstractAsyncContextManager[PublishedFeed]:
        handle = await self._connection.attach()
        joining, servers = self._joining(kind), self._ice_servers()
        return publish(handle, joining, kind, sections, servers, on_key_picture_wanted)

    def _joining(self, kind: str) -> dict[str, object]:
        body: dict[str, object] = {"room": self._room, "display": self._sender.name}
        if self.session is not None:
            return body | {"id": f"{self.session.feed_prefix}.{kind}"}
        body |= {"pin": self._bare.pin} if self._bare.pin else {}
        if self._sender.feed_id is not None and kind == "camera":
            body["id"] = self._sender.feed_id
        return body

    def _ice_servers(self) -> Sequence[IceServer]:
        if self.session is None:
            return self._bare.ice_servers
        return [ice_server(one) for one in self.session.ice_servers]
