"""Ingest in a room of our own server, and codecs that cannot be taken."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack

from mixer.conference.bare import parse_address
from mixer.conference.janus import JanusConnection
from mixer.conference.session import join
from mixer.conference.state import State, apply, empty, find_stream
from mixer.journal import Journal
from tests.instruments.bare_janus import BareJanus, Room
from tests.instruments.clip import ClipSettings, clip
from tests.instruments.ingested import IngestProcess, ingesting, marks, tracks_of, until
from tests.instruments.publisher import Line
from tests.instruments.sources import Publisher, Timing
from tests.room.serving import serving

pytestmark = pytest.mark.system


def states(journal: Journal) -> list[State]:
    """The state after each event."""
    state, found = empty(), []
    for event in journal.events():
        state = apply(state, event.type, event.data)
        found.append(state)
    return found


async def test_a_room_of_our_own(tmp_path: Path) -> None:
    """Camera and screen are streams of their own, a muted camera has no picture, the mixer can be
    seen, and the end of the conference ends the recording."""
    video = ClipSettings(320, 180, 30.0, "vp8", 250_000, 1)
    screen = ClipSettings(320, 180, 30.0, "vp8", 250_000, 2)
    for one in (video, screen):
        clip(one)
    async with serving(tmp_path / "log") as server:
        url = server.room("team")
        settings = Publisher(url, "Ann", video, 700.0)
        timing = Timing(settings)
        async with Line.open(settings) as line, line.send("camera", settings, clip(video), timing):
            session = line.session
            assert session is not None
            ingest = await IngestProcess.start(url, tmp_path / "journal")
            await until(lambda: packets(ingest, "camera") > 60)
            types = {p["type"] for p in session.state["participants"]}
            assert types == {"user", "mixer"}
            shared = Publisher(url, "Ann", screen, None)
            async with line.send("screen", shared, clip(screen), timing):
                await until(lambda: packets(ingest, "screen") > 30)
            await until(lambda: packets(ingest, "screen") == 0)
            await session.update(streams={"camera": {"video": {"muted": True}}})
            await session.end()
            async with asyncio.timeout(10):
                assert await ingest.process.wait() == 0
    await until(lambda: bool(ingest.named("ended")))
    assert ingest.named("ended")[0]["reason"] == "conference-ended"
    assert ingest.named("status")[-1]["users"] == 1
    journal = Journal.open(tmp_path / "journal")
    assert journal.finished
    (camera,) = [t for t in tracks_of(journal, kind="video") if t.source == "Camera"]
    (shown,) = [t for t in tracks_of(journal, kind="video") if t.source == "ScreenShare"]
    assert camera.stream.endswith(".camera") and shown.stream.endswith(".screen")
    assert {mark.place for _, mark in marks(journal, camera) if mark} == {1}
    assert {mark.place for _, mark in marks(journal, shown) if mark} == {2}
    found = [find_stream(state, camera.stream) for state in states(journal)]
    videos = [one[1]["video"] for one in found if one is not None]
    told = [(one["available"], one["muted"], one["width"]) for one in videos if one is not None]
    assert (True, False, 320) in told
    assert told[-1] == (False, True, 320)


async def test_the_conference_ends_while_ingest_is_away(tmp_path: Path) -> None:
    """A run that would go on with a conference that has ended finishes the journal instead, and
    joins no other conference of that name."""
    async with serving(tmp_path / "log") as server:
        url = server.room("short")
        async with await join(url, "Ann") as ann:
            first = await IngestProcess.start(url, tmp_path / "journal")
            await until(lambda: bool(first.named("status")))
            await first.kill()
            await ann.end()
        second = await IngestProcess.start(url, tmp_path / "journal")
        async with asyncio.timeout(20):
            assert await second.process.wait() == 0
    await until(lambda: bool(second.named("ended")))
    assert second.named("ended")[0]["reason"] == "conference-ended"
    assert not second.named("joined")
    assert Journal.open(tmp_path / "journal").finished


def packets(ingest: IngestProcess, kind: str) -> int:
    status = ingest.named("status")
    tracks = status[-1]["tracks"] if status else []
    return max((t["packets"] for t in tracks if t["stream"].endswith(f".{kind}")), default=0)


async def test_a_codec_that_cannot_be_taken_is_named(tmp_path: Path) -> None:
    """G.711 is noted and told in the status; the rest would be recorded; nothing fails."""
    with BareJanus([Room(1, audiocodec="pcmu")]) as janus:
        address = parse_address(janus.url(1))
        async with await JanusConnection.open(address.url) as connection:
            peer = await publish_pcmu(connection)
            async with ingesting(janus.url(1), tmp_path) as ingest:
                await until(lambda: ingest.status.get("unsupported") == ["pcmu"])
            await peer.close()
    journal = Journal.open(tmp_path)
    assert not journal.tracks
    (note,) = [note for note in journal.notes if note.type == "unsupported-codec"]
    assert note.data["codec"] == "pcmu"


async def publish_pcmu(connection: JanusConnection) -> RTCPeerConnection:
    handle = await connection.attach()
    await handle.message({"request": "join", "ptype": "publisher", "room": 1, "display": "old"})
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    peer.addTrack(AudioStreamTrack())
    every = RTCRtpSender.getCapabilities("audio").codecs
    chosen = [codec for codec in every if codec.mimeType == "audio/PCMU"]
    peer.getTransceivers()[0].setCodecPreferences(chosen)
    await peer.setLocalDescription(await peer.createOffer())
    local = peer.localDescription
    _, answer = await handle.message({"request": "publish"}, {"type": local.type, "sdp": local.sdp})
    assert answer is not None
    await peer.setRemoteDescription(RTCSessionDescription(answer["sdp"], answer["type"]))
    return peer
