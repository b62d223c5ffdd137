"""What a run of ingest makes of a conference's events and of sections that end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mixer.conference.ice import IceServer
from mixer.conference.media import Publication
from mixer.conference.state import State, apply, empty, participant, stream
from mixer.errors import ConferenceUnreachable
from mixer.ingest.audio import AudioReceiver
from mixer.ingest.conference import Media
from mixer.ingest.earlier import Earlier
from mixer.ingest.ends import RETURN_NS, Ends
from mixer.ingest.feed import FeedReceiver
from mixer.ingest.recording import Recording
from mixer.ingest.rtp import RtpPacket
from mixer.ingest.sender_clock import Names
from mixer.ingest.timeline import Identity, Timeline, TrackEnd
from mixer.journal import Journal, JournalWriter
from tests.room.serving import until

MS = 1_000_000
SECOND = 1_000_000_000
VIDEO = Publication("ann.camera", "1", "ann", "ann.camera", "Camera", "video", "vp8")
AUDIO = Publication("ann.camera", "0", "ann", "ann.camera", "Camera", "audio", "opus")
KEY = ("ann.camera", "video")
CAMERA = stream("ann.camera", "Camera", audio=True, video=True)
ADDED = {"participantId": "ann", "stream": dict(CAMERA)}
REMOVED = {"participantId": "ann", "streamId": "ann.camera"}


class Away:
    """A conference whose media server cannot be reached, and whose events `say` what they are."""

    conference = "c"
    participant_id = "mixer"
    ice_servers: Sequence[IceServer] = ()

    def __init__(self) -> None:
        someone = {**participant("ann", "Ann"), "streams": [CAMERA]}
        self.state: State = {**empty("c"), "participants": [someone]}  # type: ignore[list-item]
        self.taken = 0
        self._queue: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()

    async def say(self, *events: tuple[str, dict[str, Any]]) -> None:
        """Returns when they have been taken."""
        for event in events:
            self._queue.put_nowait(event)
        until_taken = self.taken + len(events)
        await until(lambda: self.taken == until_taken, "the events to be taken")

    async def events(self) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        while True:
            yield await self._queue.get()
            self.taken += 1

    async def connect_media(self) -> Media:
        raise ConferenceUnreachable("away")

    async def tell_recording(self, recording: bool) -> None: ...

    async def fetch(self, address: str) -> bytes:
        raise ConferenceUnreachable("away")

    async def fetch_video(self, address: str, path: Path, most: int) -> None:
        raise ConferenceUnreachable("away")

    async def leave(self) -> None: ...


@asynccontextmanager
async def recording(
    tmp_path: Path, earlier: Earlier | None = None
) -> AsyncIterator[tuple[Away, Recording]]:
    """Runs until the block ends; then the journal is finished."""
    session = Away()
    with JournalWriter.create(tmp_path, conference="c") as writer:
        one = Recording(session, writer, earlier or Earlier(), lambda *_, **__: None)
        running = asyncio.create_task(one.run())
        await until(lambda: one._telling.known["participants"], "the state to be told")
        yield session, one
        one.stop("stopped")
        await running
        writer.close(final=True)


async def test_what_participants_tell_each_other_is_not_recorded(tmp_path: Path) -> None:
    """Messages, permissions and what else the server tells participants: no layout page sees it."""
    private = {"from": "Ann", "message": "between us", "participantId": "ann"}
    async with recording(tmp_path) as (session, _):
        await session.say(
            ("message", private),
            ("permissions.updated", {"permissions": []}),
            ("participant.speaking", {"id": "ann", "speaking": True}),
        )
    journal = Journal.open(tmp_path)
    types = [event.type for event in journal.events()]
    assert "participant.speaking" in types
    assert not {"message", "permissions.updated"} & set(types)
    assert all(b"between us" not in path.read_bytes() for path in tmp_path.glob("run-*"))


@pytest.mark.parametrize("gone", [True, False], ids=["stopped meanwhile", "went on"])
async def test_a_stream_that_ended_unseen_leaves_nothing_to_the_next(
    tmp_path: Path, gone: bool
) -> None:
    """While the media server is away: its old picture is not shown, and when one of its name is
    received much later there is no gap back to it. One that went on has both."""
    left_off = TrackEnd(-2 * RETURN_NS, "reconnect")
    async with recording(tmp_path, Earlier(ends={KEY: left_off})) as (session, one):
        one.resized(VIDEO, one.now_ns(), 640, 360)
        if gone:
            await session.say(("stream.removed", REMOVED), ("stream.added", ADDED))
        else:
            await session.say(("participant.updated", {"id": "ann", "name": "Anna"}))
        assert one._ends.take(KEY, one.now_ns()) == (None if gone else left_off)
    state = empty()
    for event in Journal.open(tmp_path).events():
        state = apply(state, event.type, event.data)
    video = state["participants"][0]["streams"][0]["video"]
    assert video is not None
    assert (video["available"], video["width"]) == ((False, 0) if gone else (True, 640))


async def test_a_stream_that_ended_before_a_restart_leaves_nothing(tmp_path: Path) -> None:
    async with recording(
        tmp_path, Earlier(ends={("ann.screen", "video"): TrackEnd(-2 * RETURN_NS, "restart")})
    ) as (_, one):
        assert one._ends.take(("ann.screen", "video"), one.now_ns()) is None


def test_who_is_back_soon_has_a_gap() -> None:
    """A media server that is restarted takes back all streams for a moment."""
    end = TrackEnd(0, "reconnect")
    ends = Ends({KEY: end})
    ends.gone([])
    assert ends.take(KEY, RETURN_NS) == end
    assert ends.take(KEY, RETURN_NS) is None
    ends.gone([])
    ends.stopped(KEY, end)  # anew, long after that
    assert ends.take(KEY, 2 * RETURN_NS) == end
    ends.stopped(KEY, end)
    ends.over(KEY)
    assert ends.take(KEY, 1) is None


async def test_sound_of_a_short_section_has_a_time_at_once(tmp_path: Path) -> None:
    """One that ends before its track was aligned: a live mix has it, as a later one has."""
    async with recording(tmp_path) as (_, one):
        ends = Ends({})
        feed = FeedReceiver([AUDIO], one._writer, one, one.journal_ns, ends, Names())
        timeline = Timeline(one._writer, Identity(AUDIO, "opus", 48000, 1, ""), None)
        receiver = AudioReceiver(1, 2, None, True, timeline, lambda *_: None, lambda *_: None)
        feed.receivers[1] = (AUDIO, receiver)
        at_ns = one.now_ns()
        for number in range(10):
            packet = RtpPacket(96, True, number, number * 960, 1, b"\xf8o", b"")
            receiver.packet(packet, at_ns + number * 20 * MS)
        one._ended(feed, AUDIO, "")
        track = timeline.track
        assert track is not None
        live = Journal.open(tmp_path)
        await until(lambda: (live.refresh(), live.alignments.get(track.id))[1], "its time")
        (made,) = live.alignments[track.id]
        assert abs(made.media_ns - made.rtp * SECOND // 48000 - at_ns) < MS
        live.close()
