"""Our own side of a conference in one of our own rooms (mixer/room): join, follow, leave.

Used by ingest and by synthetic publishers. Media goes through the Janus proxy whose address this
session gives; the Janus client is mixer/conference/janus.py. A session belongs to one task; it has
no background task of its own: events are read while `events()` is iterated.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, BinaryIO, Self
from urllib.parse import quote

import httpx2
import structlog

from mixer.clock import MILLISECOND, monotonic_ns
from mixer.conference.address import no_answer, parts_of
from mixer.conference.difference import ConferenceEvent, difference
from mixer.conference.playing import received
from mixer.conference.presentation import is_video_in_room, object_of
from mixer.conference.schema import InvalidEvent, check_event, check_state
from mixer.conference.state import ParticipantType, State, apply, empty
from mixer.errors import (
    ConferenceError,
    ConferenceRefused,
    ConferenceUnknown,
    ConferenceUnreachable,
    UsageError,
)

log = structlog.get_logger()

REQUEST_TIMEOUT_S = 10.0
SILENCE_TIMEOUT_S = 15.0  # the server sends a heartbeat every 5 s
MAX_PAGE_BYTES = 64 << 20  # of a file that is presented
BACKOFF_S = (0.1, 0.2, 0.4, 0.8, 1.5, 3.0)
_ROOM_PATH = re.compile(r"(?P<prefix>.*)/rooms/(?P<room>[^/]{1,3000})/?")  # still encoded


class ConferenceOver(ConferenceUnknown):
    """The conference has ended, and who was in it is not taken into another of the same name."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"the conference at {url} has ended: join again to be in a new one")
        self.reason = reason


class RoomSession:
    """One participant of one of our rooms; made by `join`. Leave it: `async with` does.

    Where a state says when it holds (`updatedAt` of a video that is presented), that is in
    milliseconds of this machine's monotonic clock.

    The participant keeps its id over reconnections and over restarts of the server, because the
    server derives the id from the token and takes a known token back (docs/conference-state.md).
    """

    participant_id: str
    janus_room: str
    feed_prefix: str  # this participant's feeds are feed_prefix + ".camera" and the like
    ice_servers: list[dict[str, Any]]
    state: State

    def __init__(
        self,
        base_url: str,
        name: str,
        type: ParticipantType,
        *,
        ssl_context: ssl.SSLContext | None,
        external_id: str,
        avatar_url: str,
        recording: bool | None = None,
        conference: str = "",
        mixer_token: str = "",
    ) -> None:
        self.base_url = base_url  # http(s)://host:port/rooms/NAME
        self.ssl_context = ssl_context
        self.state = empty()
        self._profile: dict[str, Any] = {
            "name": name,
            "type": type,
            "externalId": external_id,
            "avatarUrl": avatar_url,
        }
        if recording is not None:
            self._profile["recording"] = recording
        self._muted: dict[str, dict[str, Any]] = {}  # told again to a server that has forgotten
        self._token = ""
        self._mixer_token = mixer_token
        self._conference = conference  # the one to go on with: no other of that name is joined
        self._left = False
        self._client = httpx2.AsyncClient(
            timeout=httpx2.Timeout(REQUEST_TIMEOUT_S), verify=ssl_context or True, trust_env=False
        )

    @property
    def janus_url(self) -> str:
        """ws(s) address of the Janus proxy with this participant's token. Not for logs."""
        return f"ws{self.base_url.removeprefix('http')}/janus?token={quote(self._token)}"

    @property
    def token(self) -> str:
        """What proves to the server that a request comes from this participant. Not for logs."""
        return self._token

    async def renew(self) -> None:
        """Registers again under the same id, e.g. after a restart of the server.

        `events()` does this by itself. Raises the same errors as `join`, and ConferenceOver if the
        conference has ended; of one that a server before its restart had, nobody knows: who was
        in it goes on in the room's new one.
        """
        body = {**self._profile, "streams": self._muted}
        body |= {"token": self._token} if self._token else {}
        body |= {"conference": self._conference} if self._conference else {}
        body |= {"mixerToken": self._mixer_token} if self._mixer_token else {}
        answer = await self._request("POST", "/participants", body)
        try:
            self.participant_id = str(answer["participantId"])
            self._token = str(answer["token"])
            self.janus_room = str(answer["janus"]["room"])
            self.feed_prefix = str(answer["janus"]["feedPrefix"])
            self.ice_servers = list(answer["iceServers"])
            state = check_state(received("state", check_state(answer["state"]), _now_ms()))
        except (KeyError, TypeError, InvalidEvent) as error:
            raise ConferenceUnknown(
                f"{self.base_url} does not answer like a mixer room ({error}): check the address"
            ) from error
        self._conference = state["conference"]["id"]
        if not self.state["conference"]["id"]:
            self.state = state  # later differences come through events()

    async def events(self) -> AsyncIterator[ConferenceEvent]:
        """(type, data) of docs/conference-state.md, in order; `state` is already the state after.

        `join` leaves the whole state in `state`: these are the changes since then.

        What happened while the connection was lost comes as the events that make the difference;
        where that was the end of the conference, as "conference.ended".
        Ends after "conference.ended" and after `leave()`; reconnects for ever meanwhile.
        """
        failures = 0
        while not self._left:
            try:
                async for type, data in self._connection():
                    failures = 0
                    yield type, data
                    if type == "conference.ended":
                        return
            except ConferenceOver as over:
                yield "conference.ended", {"reason": over.reason}
                return
            except (httpx2.HTTPError, ConferenceError, ValueError) as error:
                log.info("session.events_lost", error=error.__class__.__name__)
            if self._left:
                return
            await asyncio.sleep(BACKOFF_S[min(failures, len(BACKOFF_S) - 1)])
            failures += 1

    async def update(self, **changes: Any) -> None:
        """Changes this participant: name, avatarUrl, streams={"camera": {"audio": {…}}}; recording
        of one of type mixer."""
        await self._request("PATCH", f"/participants/{self.participant_id}", changes)
        for name, kinds in changes.pop("streams", {}).items():
            self._muted.setdefault(name, {}).update(kinds)
        self._profile.update(changes)

    async def fetch(self, address: str) -> bytes:
        """A page of a file that is presented, by its address in the state.

        Raises ConferenceError.
        """
        if object_of(address) is None:
            raise ConferenceUnknown(f"{address!r} is no page of a file")
        url, content = f"{self.base_url}/{address}", bytearray()
        try:
            async with self._client.stream("GET", url) as response:
                response.raise_for_status()
                async for chunk in response.aiter_bytes():
                    content += chunk
                    if len(content) > MAX_PAGE_BYTES:
                        raise ConferenceUnknown(f"{url} is longer than {MAX_PAGE_BYTES} bytes")
        except (httpx2.HTTPError, OSError) as error:
            raise ConferenceUnreachable(
                f"{url} cannot be had ({error.__class__.__name__})"
            ) from error
        return bytes(content)

    async def fetch_video(self, address: str, path: Path, most: int) -> None:
        """Writes a video that the room itself has, by its address in the state, into a file; one
        of at most so many bytes. Raises ConferenceError, OSError."""
        if not is_video_in_room(address):
            raise ConferenceUnknown(f"{address!r} is no video of this room")
        url, size = f"{self.base_url}/{address}", 0
        try:
            async with self._client.stream("GET", url) as response:
                response.raise_for_status()
                with path.open("wb") as file:
                    async for chunk in response.aiter_bytes(1 << 20):
                        size += len(chunk)
                        if size > most:
                            raise ConferenceUnknown(f"it is larger than {most >> 20} MB")
                        await asyncio.to_thread(file.write, chunk)
        except httpx2.HTTPError as error:
            name = error.__class__.__name__
            raise ConferenceUnreachable(f"{url} cannot be had ({name})") from error

    async def bring(self, file: Path) -> None:
        """Of a robot: a file that it is going to present, called by its SHA-256. Raises
        ConferenceError."""
        try:
            chunks = _chunks(await asyncio.to_thread(file.open, "rb"))
            headers = {"authorization": f"Bearer {self._token}"}
            url = f"{self.base_url}/replayed/{file.name}"
            answer = await self._client.put(url, content=chunks, headers=headers)
        except (httpx2.HTTPError, OSError) as error:
            raise ConferenceUnreachable(
                f"{file.name} cannot be brought ({error.__class__.__name__})"
            ) from error
        _answer(self.base_url, answer)

    async def present(self, what: dict[str, Any]) -> str:
        """Of a robot: shows what it has brought (docs/replay.md); the id of that. Raises
        ConferenceError."""
        return str((await self._request("POST", "/replayed", what))["id"])

    async def change_presentation(self, id: str, changes: dict[str, Any]) -> None:
        """Another page; plays, pauses, seeks. Raises ConferenceError."""
        await self._request("PATCH", f"/presentations/{id}", changes)

    async def stop_presenting(self, id: str) -> None:
        """Raises ConferenceError, also where it has ended already."""
        await self._request("DELETE", f"/presentations/{id}", None)

    async def end(self) -> None:
        """Ends the conference for everybody (only a participant of type user may)."""
        await self._request("DELETE", "", None)

    async def leave(self) -> None:
        """Leaves at once and closes everything. Never raises for a server that is gone."""
        if not self._left:
            self._left = True
            with contextlib.suppress(ConferenceError):
                await self._request("DELETE", f"/participants/{self.participant_id}", None)
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        await asyncio.shield(self.leave())

    async def _connection(self) -> AsyncIterator[ConferenceEvent]:
        """The events of one connection, the first of them the difference to what is known."""
        timeout = httpx2.Timeout(REQUEST_TIMEOUT_S, read=SILENCE_TIMEOUT_S)
        url = f"{self.base_url}/events"
        headers = {"authorization": f"Bearer {self._token}"}
        async with self._client.stream("GET", url, headers=headers, timeout=timeout) as response:
            if response.status_code in (401, 403, 404, 410):
                await self.renew()
                return
            response.raise_for_status()
            async for message in httpx2.EventSource(response):
                for type, data in self._reduce(json.loads(message.data)):
                    self.state = apply(self.state, type, data)
                    yield type, data

    def _reduce(self, message: Any) -> list[ConferenceEvent]:
        if not isinstance(message, dict):
            raise InvalidEvent("message: not an object")
        type, data = str(message.get("type")), message.get("data")
        if type == "heartbeat":
            return []
        if type == "state":
            return difference(self.state, check_state(received(type, check_state(data), _now_ms())))
        return [(type, received(type, check_event(type, data), _now_ms()))]

    async def _request(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {self._token}"} if self._token else {}
        try:
            response = await self._client.request(
                method, self.base_url + path, json=body, headers=headers
            )
        except (httpx2.HTTPError, OSError) as error:
            raise no_answer(self.base_url, error) from error
        return _answer(self.base_url, response)


async def _chunks(file: BinaryIO) -> AsyncIterator[bytes]:
    with file:
        while chunk := await asyncio.to_thread(file.read, 1 << 20):
            yield chunk


def _now_ms() -> int:
    """By which states and events say when they hold."""
    return monotonic_ns() // MILLISECOND


def _answer(url: str, response: httpx2.Response) -> dict[str, Any]:
    """The answer's JSON object, or the error that its status stands for."""
    try:
        body = response.json() if response.content else {}
    except ValueError:
        body = {}
    reason = str(body.get("error", "")) if isinstance(body, dict) else ""
    if response.status_code == 410 and isinstance(body, dict):
        raise ConferenceOver(url, str(body.get("reason", "")) or "ended")
    if response.status_code in (401, 403, 409, 429):
        raise ConferenceRefused(f"{url} refuses: {reason or response.status_code}")
    if response.status_code >= 500:
        raise ConferenceUnreachable(f"{url} is not ready: {reason or response.status_code}")
    if response.status_code >= 400 or not isinstance(body, dict):
        raise ConferenceUnknown(f"{url} is no room here: {reason or response.status_code}")
    return body


def room_base_url(url: str) -> str:
    """http(s)://host:port/rooms/NAME of a join page's address. Raises UsageError."""
    parts = parts_of(url)
    match = _ROOM_PATH.fullmatch(parts.path)
    if parts.scheme not in ("http", "https") or not parts.hostname or match is None:
        raise UsageError(f"{url!r} is not a room: give http(s)://HOST:PORT/rooms/NAME")
    return f"{parts.scheme}://{parts.netloc}{match['prefix']}/rooms/{match['room']}"


async def join(
    url: str,
    name: str,
    type: ParticipantType = "user",
    *,
    ssl_context: ssl.SSLContext | None = None,
    external_id: str = "",
    avatar_url: str = "",
    recording: bool | None = None,
    conference: str = "",
    mixer_token: str = "",
) -> RoomSession:
    """Joins the room of a join page's address `url` (http(s)://host:port/rooms/NAME).

    The participant stays for as long as its events are followed or its Janus proxy is connected
    (and 5 s longer). `ssl_context` is for servers whose certificate is self-signed. `recording`:
    whether a participant of type mixer records at first. `conference`: the id of the one that is
    to be gone on with; if it has ended, ConferenceOver is raised. `mixer_token`: what a server may
    want to see of mixers, and of the robots of a replay.

    Raises UsageError (no such address), ConferenceUnreachable (nothing answers),
    ConferenceUnknown (it is not one of our rooms), ConferenceRefused (full, ended, …).
    """
    session = RoomSession(
        room_base_url(url),
        name,
        type,
        ssl_context=ssl_context,
        external_id=external_id,
        avatar_url=avatar_url,
        recording=recording,
        conference=conference,
        mixer_token=mixer_token,
    )
    try:
        await session.renew()
    except BaseException:
        await session._client.aclose()
        raise
    return session
