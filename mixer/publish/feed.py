"""What a participant sends together (a camera with its sound, a screen) over a connection of its
own: joins the SFU as a publisher, negotiates, carries frames, answers feedback.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
from collections.abc import AsyncIterator, Callable, Sequence

import structlog

from mixer.conference.ice import IceServer
from mixer.conference.janus import JanusError, JanusHandle
from mixer.conference.videoroom import Id, why_not_joined
from mixer.errors import ConferenceError
from mixer.ingest.rtp import MalformedRtp
from mixer.ingest.transport import MediaTransport
from mixer.journal.model import NO_LEVEL, Kind
from mixer.publish.description import LEVEL_ID, Answer, Section, read_answer, write_offer
from mixer.publish.feedback import parse_feedback
from mixer.publish.stream import OutgoingStream

log = structlog.get_logger()


class PublishedFeed:
    """Made by `publish`. `ended` is set when the media path is gone."""

    def __init__(
        self,
        sections: Sequence[Section],
        ice_servers: Sequence[IceServer],
        on_key_picture_wanted: Callable[[], None] | None,
    ) -> None:
        self.id: Id = ""
        self.sections = tuple(sections)
        self.streams: dict[Kind, OutgoingStream] = {}
        self._wanted = on_key_picture_wanted
        self._transport = MediaTransport(self, ice_servers, offering=True)
        self.ended = self._transport.ended

    def send(self, kind: Kind, data: bytes, rtp: int, at_ns: int, level: int = NO_LEVEL) -> None:
        """Sends a frame at once; see OutgoingStream.send. A section not negotiated: nothing."""
        stream = self.streams.get(kind)
        if stream is not None:
            stream.send(data, rtp, at_ns, level)

    @property
    def octets(self) -> int:
        """Payload and header extensions sent so far."""
        return sum(stream.octets for stream in self.streams.values())

    def rtp(self, data: bytes, arrival_ns: int) -> None:
        """Nobody sends us media (transport.PacketSink)."""

    def rtcp(self, data: bytes, arrival_ns: int) -> None:
        """Lost packets are sent again; that a key picture is wanted is passed on."""
        try:
            wishes = parse_feedback(data)
        except MalformedRtp:
            return
        for stream in self.streams.values():
            if stream.ssrc in wishes.again:
                stream.again(wishes.again[stream.ssrc])
        if wishes.key_pictures and self._wanted is not None:
            self._wanted()

    async def open(self, handle: JanusHandle, description: str) -> None:
        """Negotiates over a handle that has joined; media can flow then. Raises ConferenceError."""
        cname = secrets.token_hex(8)
        ssrcs = [random.getrandbits(32) for _ in self.sections]
        offer = write_offer(self.sections, ssrcs, await self._transport.gather(), cname)
        described = [
            {"mid": str(number), "description": description} for number in range(len(self.sections))
        ]
        _, jsep = await handle.message(
            {"request": "publish", "descriptions": described}, {"type": "offer", "sdp": offer}
        )
        if jsep is None:
            raise ConferenceError("Janus gave no answer to an offer")
        answer = read_answer(str(jsep["sdp"]), self.sections)
        await self._transport.connect(answer.peer, dtls_client=answer.dtls_client)
        for section, ssrc in zip(self.sections, ssrcs, strict=True):
            self.streams[section.kind] = self._stream(section, ssrc, answer, cname)

    async def close(self) -> None:
        for stream in self.streams.values():
            stream.close()
        await self._transport.close()

    def _stream(self, section: Section, ssrc: int, answer: Answer, cname: str) -> OutgoingStream:
        return OutgoingStream(
            self._transport,
            section.codec,
            ssrc=ssrc,
            payload_type=section.payload_type,
            clock_rate=section.clock_rate,
            cname=cname,
            level_id=LEVEL_ID if section.kind == "audio" and answer.levels else None,
        )


@contextlib.asynccontextmanager
async def publish(
    handle: JanusHandle,
    join: dict[str, object],
    description: str,
    sections: Sequence[Section],
    ice_servers: Sequence[IceServer] = (),
    on_key_picture_wanted: Callable[[], None] | None = None,
) -> AsyncIterator[PublishedFeed]:
    """A feed on a handle of its own, with `join` in the request to join the room.

    Raises ConferenceError; UnsupportedCodec if the room does not take a section.
    """
    feed = PublishedFeed(sections, ice_servers, on_key_picture_wanted)
    watching = asyncio.create_task(_watch(handle, feed))
    try:
        body = {"request": "join", "ptype": "publisher", **join}
        try:
            joined, _ = await handle.message(body)
        except JanusError as error:
            room, pin = join["room"], str(join.get("pin", ""))
            raise why_not_joined(
                error, room if isinstance(room, int) else str(room), pin
            ) from error
        feed.id = joined["id"]
        await feed.open(handle, description)
        yield feed
    finally:
        watching.cancel()
        await asyncio.shield(_close(feed, handle, watching))


async def _watch(handle: JanusHandle, feed: PublishedFeed) -> None:
    """Ends the feed when the SFU says so; who else is there does not matter to a sender."""
    while True:
        event = await handle.events.get()
        if event.kind in ("lost", "hangup", "detached"):
            feed.ended.set()


async def _close(feed: PublishedFeed, handle: JanusHandle, watching: asyncio.Task[None]) -> None:
    await asyncio.gather(watching, return_exceptions=True)
    await feed.close()
    await handle.detach()
