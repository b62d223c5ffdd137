"""A Janus video room (multistream, Janus 1.x) as one who watches it: who publishes what, who
talks, subscriptions. Used by bare.py and own.py; the wire is janus.py.

Publishers are followed by joining as a publisher that publishes nothing: Janus tells of feeds to
no one else, and the watcher is a participant that others can see.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import structlog

from mixer.conference.janus import (
    INVALID_ELEMENT,
    MISSING_ELEMENT,
    Credentials,
    JanusConnection,
    JanusError,
    JanusEvent,
    JanusHandle,
)
from mixer.errors import (
    ConferenceError,
    ConferenceRefused,
    ConferenceUnknown,
    ConferenceUnreachable,
)

log = structlog.get_logger()

Id = int | str  # of rooms and feeds: numbers, or strings in a Janus with string_ids


@dataclass(frozen=True, slots=True)
class FeedStream:
    """One media section that a publisher sends. `codec` is lower case, as Janus names it."""

    mid: str
    kind: str  # "audio", "video" or "data"
    codec: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Feed:
    """A publisher and what it sends now."""

    id: Id
    display: str
    streams: tuple[FeedStream, ...] = ()


@dataclass(frozen=True, slots=True)
class Changed:
    """Who is there, or what they send, is no longer what it was."""


@dataclass(frozen=True, slots=True)
class Talking:
    feed: Id
    talking: bool


@dataclass(frozen=True, slots=True)
class Destroyed:
    """The room is no more."""


Change = Changed | Talking | Destroyed


class Subscription:
    """What we receive of one feed: an offer to be answered, then media.

    `mids` maps the offer's mids to the publisher's.
    """

    def __init__(self, handle: JanusHandle, offer: str, mids: dict[str, str]) -> None:
        self.offer = offer
        self.mids = mids
        self._handle = handle

    async def start(self, answer: str) -> None:
        """Sends our answer; media flows when ICE and DTLS are through."""
        await self._handle.message({"request": "start"}, {"type": "answer", "sdp": answer})

    async def events(self) -> AsyncIterator[JanusEvent]:
        """Unasked events; ends when the SFU hangs up or is lost.

        An event with a `jsep` is a new offer, to be answered with `start`.
        """
        while True:
            event = await self._handle.events.get()
            yield event
            if event.kind in ("lost", "hangup", "detached"):
                return

    async def close(self) -> None:
        await self._handle.detach()


class WrongRoomId(ConferenceUnknown):
    """The room's id is a text where this Janus has numbers, or the other way round."""


class VideoRoom:
    """One joined room over a connection of its own. `changes` ends when the connection is lost."""

    def __init__(self, connection: JanusConnection, watcher: JanusHandle, room: Id) -> None:
        self.feeds: dict[Id, Feed] = {}
        self.attendees: dict[Id, str] = {}
        self.own_id: Id = ""
        self._connection = connection
        self._watcher = watcher
        self._room = room
        self._pin = ""
        self._private_id: Any = None

    @classmethod
    async def join(
        cls,
        url: str,
        room: Id,
        *,
        display: str,
        feed_id: Id | None = None,
        pin: str = "",
        credentials: Credentials | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> VideoRoom:
        """Connects and joins as a publisher that publishes nothing. Raises ConferenceError:
        WrongRoomId where an id of the other type may help."""
        connection = await JanusConnection.open(url, credentials, ssl_context=ssl_context)
        try:
            made = cls(connection, await connection.attach(), room)
            made._pin = pin
            await made._join(display, feed_id)
        except BaseException:
            await connection.close()
            raise
        return made

    async def _join(self, display: str, feed_id: Id | None) -> None:
        body: dict[str, Any] = {"request": "join", "ptype": "publisher", "room": self._room}
        body |= {"display": display}
        body |= {"id": feed_id} if feed_id is not None else {}
        body |= {"pin": self._pin} if self._pin else {}
        try:
            data, _ = await self._watcher.message(body)
        except JanusError as error:
            raise why_not_joined(error, self._room, self._pin) from error
        self.own_id = data.get("id", "")
        self._private_id = data.get("private_id")
        for entry in data.get("publishers", []):
            feed = _feed(entry)
            self.feeds[feed.id] = feed
        self.attendees = {
            entry["id"]: str(entry.get("display", "")) for entry in data.get("attendees", [])
        }

    async def changes(self) -> AsyncIterator[Change]:
        """What happens in the room, from joining on; `feeds` is already the state after.

        Ends when the connection to Janus is lost.
        """
        while True:
            event = await self._watcher.events.get()
            if event.kind in ("lost", "detached"):
                return
            if event.kind == "event":
                for change in self._understand(event.data):
                    yield change

    async def subscribe(self, feed: Id, mids: list[str] | None = None) -> Subscription:
        """Asks for a feed's media (all, or these mids), as it is sent now. Raises ConferenceError
        (JanusError with NO_SUCH_FEED when it has just gone)."""
        handle = await self._connection.attach()
        streams: list[dict[str, Any]] = [{"feed": feed}]
        if mids is not None:
            streams = [{"feed": feed, "mid": mid} for mid in mids]
        body: dict[str, Any] = {"request": "join", "ptype": "subscriber", "room": self._room}
        body |= {"streams": streams}
        body |= {"pin": self._pin} if self._pin else {}
        body |= {"private_id": self._private_id} if self._private_id is not None else {}
        try:
            data, jsep = await handle.message(body)
            if jsep is None:
                raise ConferenceUnreachable("Janus made no offer for a subscription")
        except BaseException:
            await handle.detach()
            raise
        entries = data.get("streams", [])
        mapped = {str(s["mid"]): str(s.get("feed_mid", "")) for s in entries if "mid" in s}
        return Subscription(handle, str(jsep["sdp"]), mapped)

    async def close(self) -> None:
        """Leaves. Never raises for a Janus that is gone."""
        if not self._connection.lost.is_set():
            with contextlib.suppress(ConferenceError, TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._watcher.message({"request": "leave"})
        await self._connection.close()

    def _understand(self, data: dict[str, Any]) -> list[Change]:
        kind = data.get("videoroom")
        if kind in ("talking", "stopped-talking"):
            return [Talking(data["id"], kind == "talking")]
        if kind == "destroyed":
            return [Destroyed()]
        if kind != "event":
            return []
        for entry in data.get("publishers", []):
            self._published(entry)
        joining = data.get("joining")  # who publishes nothing yet: of rooms with notify_joining
        if isinstance(joining, dict) and "id" in joining:
            self.attendees[joining["id"]] = str(joining.get("display", ""))
        for name in ("unpublished", "leaving", "kicked"):
            gone = data.get(name)
            if gone is not None and gone != "ok":
                self._gone(gone, name)
        return [Changed(), Destroyed()] if data.get("leaving") == "ok" else [Changed()]

    def _published(self, entry: dict[str, Any]) -> None:
        feed = _feed(entry)
        known = self.feeds.get(feed.id)
        if known is not None and not feed.display:
            feed = replace(feed, display=known.display)
        self.feeds[feed.id] = feed

    def _gone(self, gone: Id, how: str) -> None:
        feed = self.feeds.pop(gone, None)
        if feed is not None:
            self.attendees[gone] = feed.display
        if how != "unpublished":
            self.attendees.pop(gone, None)


def why_not_joined(error: JanusError, room: Id, pin: str) -> ConferenceError:
    """What an error of joining means, since all that may be missing is the pin."""
    if error.code == MISSING_ELEMENT and not pin:
        return ConferenceRefused("the room asks for a pin: give it with MIXER_PIN or --pin")
    if error.code == INVALID_ELEMENT:
        kind = "texts" if isinstance(room, int) else "numbers"
        return WrongRoomId(f"there is no room {room!r}: the ids of this Janus are {kind}")
    return error


def _feed(entry: dict[str, Any]) -> Feed:
    streams = tuple(
        FeedStream(
            mid=str(one.get("mid", "")),
            kind=str(one.get("type", "")),
            codec=str(one.get("codec", "")).lower(),
            description=str(one.get("description", "")),
        )
        for one in entry.get("streams", [])
        if not one.get("disabled")
    )
    return Feed(entry["id"], str(entry.get("display", "")), streams)
