"""Pause and resume of a recording that goes on: nothing of the time between can be seen or heard,
and what comes after is in sync with what came before."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mixer.conference.session import RoomSession
from mixer.conference.shown import LIMIT_NS
from mixer.conference.state import State, apply, empty
from mixer.journal import Journal
from tests.instruments.bare_janus import BareJanus, Room
from tests.instruments.clip import ClipSettings, clip
from tests.instruments.ingested import (
    Ingest,
    IngestProcess,
    beeps_ns,
    flashes_ns,
    ingesting,
    marks,
    publishing,
    tracks_of,
    until,
)
from tests.instruments.publisher import Line
from tests.instruments.sources import Publisher, Timing
from tests.room.serving import serving

pytestmark = pytest.mark.system
SECOND = 1_000_000_000
EVER = 1 << 62
LOADED_NS = 150e6  # on a machine that is busy with other things
ANN = ClipSettings(320, 180, 30.0, "vp8", 250_000, 1)
BEN = ClipSettings(320, 180, 30.0, "vp8", 250_000, 2)


@pytest.fixture(scope="module")
def janus() -> Iterator[BareJanus]:
    for one in (ANN, BEN):
        clip(one)
    with BareJanus([Room(number) for number in range(1, 5)]) as running:
        yield running


def video_packets(ingest: Ingest, feed: int) -> int:
    return ingest.received().get((f"{feed}.camera", "video"), 0)


def state_at(journal: Journal, t_ns: int) -> State:
    state = empty()
    for event in journal.events(0, t_ns + 1):
        state = apply(state, event.type, event.data)
    return state


def media_times(journal: Journal, kind: str) -> list[tuple[int, bool]]:
    """(media time, whether a key picture) of everything journalled, late and broken, too."""
    found = []
    for run in journal.runs:
        for frame in run.media(0, run.media_length, {t.id for t in tracks_of(journal, kind=kind)}):
            found.append((journal.media_ns(frame.track, frame.rtp), frame.key))
    return found


def nothing_within(journal: Journal, asked_ns: int, paused_ns: int, resumed_ns: int) -> None:
    """No sound and no event; pictures only of after the command, the first one a key picture."""
    assert not [t for t, _ in media_times(journal, "audio") if paused_ns <= t < resumed_ns]
    pictures = [one for one in media_times(journal, "video") if paused_ns <= one[0] < resumed_ns]
    assert all(t >= asked_ns for t, _ in pictures)
    assert not pictures or pictures[0][1]
    assert not [e for e in journal.events() if paused_ns <= e.t_ns < resumed_ns]


def drift_ns(journal: Journal, from_ns: int, to_ns: int) -> float:
    """Where pictures lie against their own numbers (modulo the clip's length)."""
    (video,) = tracks_of(journal, "11.camera", "video")
    seen = [(t, mark) for t, mark in marks(journal, video) if mark and from_ns <= t < to_ns]
    assert len(seen) > 20
    angles = [(t * 30 / SECOND - mark.number) % 600 * 2 * np.pi / 600 for t, mark in seen]
    mean = np.angle(np.mean(np.exp(1j * np.array(angles))))
    return float(mean * 600 / (2 * np.pi) / 30 * SECOND)


async def test_a_pause_leaves_no_trace(janus: BareJanus, tmp_path: Path) -> None:
    """Two seconds in which somebody comes and goes: nothing of it is in the journal, not even
    who it was; after it the same tracks go on, on the same clock, with a key picture."""
    ann = Publisher(janus.url(1), "Ann", ANN, 900.0, feed_id=11)
    ben = Publisher(janus.url(1), "Benjamin", BEN, 500.0, hum=True, feed_id=12)
    async with publishing(ann), ingesting(janus.url(1), tmp_path) as ingest:
        recording = ingest.recording
        await until(lambda: video_packets(ingest, 11) > 80)
        recording.pause()
        (paused_ns,) = [event["t_ns"] for event in ingest.named("paused")]
        async with publishing(ben):
            await until(lambda: video_packets(ingest, 12) > 20)
        await until(lambda: video_packets(ingest, 12) == 0)
        await until(lambda: recording.now_ns() > paused_ns + 2 * SECOND)
        asked_ns = recording.now_ns()
        recording.resume()
        packets = video_packets(ingest, 11)
        await until(lambda: video_packets(ingest, 11) > packets + 90)
    journal = Journal.open(tmp_path)
    (pause,) = journal.pauses
    assert (pause.start_ns, pause.stop_ns) == (paused_ns, ingest.named("resumed")[0]["t_ns"])
    assert pause.stop_ns is not None and asked_ns <= pause.stop_ns <= asked_ns + LIMIT_NS + SECOND
    nothing_within(journal, asked_ns, pause.start_ns, pause.stop_ns)
    assert len(journal.tracks) == 2
    assert all((g.from_ns, g.reason) == (pause.stop_ns, "resume") for g in journal.gaps)
    assert all(b"Benjamin" not in path.read_bytes() for path in tmp_path.glob("run-*"))
    before, after = drift_ns(journal, 0, paused_ns), drift_ns(journal, pause.stop_ns, EVER)
    assert abs(before - after) < 20e6
    (video,) = tracks_of(journal, "11.camera", "video")
    (audio,) = tracks_of(journal, "11.camera", "audio")
    beeps = [t for t in beeps_ns(journal, audio) if t > pause.stop_ns]
    flashes = [t for t in flashes_ns(journal, video) if t > pause.stop_ns]
    offsets = [beep - flash for flash in flashes for beep in beeps if abs(beep - flash) < 3e8]
    assert offsets and np.abs(offsets).max() < 10e6
    keys = [journal.media_ns(video.id, one.rtp) for one in journal.pictures(video.id)]
    key_ns = next(t for t in keys if t >= asked_ns)
    assert_drawable(journal, pause.stop_ns, key_ns)


def assert_drawable(journal: Journal, resumed_ns: int, key_ns: int) -> None:
    """The state says that there is a picture exactly from when on there is one."""
    for t_ns in {resumed_ns, key_ns - 1, key_ns} - {key_ns - 1 if key_ns <= resumed_ns else 0}:
        if t_ns < resumed_ns:
            continue
        state = state_at(journal, t_ns)
        (ann,) = [p for p in state["participants"] if p["name"] == "Ann"]
        video = ann["streams"][0]["video"]
        assert video is not None
        assert (video["available"], video["width"]) == (
            (True, 320) if t_ns >= key_ns else (False, 0)
        )


async def test_killed_in_a_pause(janus: BareJanus, tmp_path: Path) -> None:
    """The pause outlives ingest: the next run goes on pausing, without a note of its own. One that
    is not told to pause ends it: nothing of the time between is there, and no gap is told of it."""
    url = janus.url(2)
    async with publishing(Publisher(url, "Ann", ANN, 900.0, feed_id=11)):
        first = await IngestProcess.start(url, tmp_path)
        await until(lambda: first.status.get("tracks"))
        first.send("pause")
        await until(lambda: first.named("paused"))
        statuses = len(first.named("status"))
        await until(lambda: len(first.named("status")) > statuses)
        await first.kill()
        second = await IngestProcess.start(url, tmp_path, "--paused")
        await until(lambda: second.status.get("tracks"))
        assert second.named("paused") == first.named("paused")
        assert second.status["paused"]
        await second.kill()
        third = await IngestProcess.start(url, tmp_path)
        await until(lambda: third.named("resumed"))
        statuses = len(third.named("status"))
        await until(lambda: len(third.named("status")) > statuses + 1)
        assert await third.stop() == 0
    journal = Journal.open(tmp_path)
    assert journal.finished and len(journal.runs) == 3
    (pause,) = journal.pauses
    paused_ns, resumed_ns = first.named("paused")[0]["t_ns"], third.named("resumed")[0]["t_ns"]
    assert (pause.start_ns, pause.stop_ns) == (paused_ns, resumed_ns)
    nothing_within(journal, resumed_ns - LIMIT_NS, paused_ns, resumed_ns)
    assert sorted(track.id // 100_000 for track in journal.tracks.values()) == [1, 1, 3, 3]
    assert all(gap.to_ns <= paused_ns or gap.from_ns >= resumed_ns for gap in journal.gaps)
    state = state_at(journal, EVER - 1)
    assert sorted(p["name"] for p in state["participants"]) == ["Ann", "Mixer"]


async def test_the_media_are_lost_in_a_pause(tmp_path: Path) -> None:
    """Janus dies and comes back during a pause: no gap is told of it, the pictures that come after
    the resumption are the new connection's, in sync with their sound."""
    clip(ANN)
    with BareJanus([Room(1)]) as own:
        ann = Publisher(own.url(1), "Ann", ANN, 900.0, feed_id=11)
        async with publishing(ann), ingesting(own.url(1), tmp_path) as ingest:
            await until(lambda: video_packets(ingest, 11) > 60)
            ingest.recording.pause()
            own.kill()
            await until(lambda: not ingest.received())
            own.start()
            await until(lambda: video_packets(ingest, 11) > 40)
            asked_ns = ingest.recording.now_ns()
            ingest.recording.resume()
            packets = video_packets(ingest, 11)
            await until(lambda: video_packets(ingest, 11) > packets + 70)
    journal = Journal.open(tmp_path)
    (pause,) = journal.pauses
    assert pause.stop_ns is not None
    nothing_within(journal, asked_ns, pause.start_ns, pause.stop_ns)
    assert {gap.reason for gap in journal.gaps} <= {"resume", "reconnect"}
    assert all(g.to_ns <= pause.start_ns or g.from_ns >= pause.stop_ns for g in journal.gaps)
    (video,) = [t for t in tracks_of(journal, kind="video") if marks(journal, t)[-1][0] > asked_ns]
    audio = max(tracks_of(journal, kind="audio"), key=lambda track: track.id)
    offsets = [b - f for f in flashes_ns(journal, video) for b in beeps_ns(journal, audio)]
    near = [offset for offset in offsets if abs(offset) < 3e8]
    assert near and np.abs(near).max() < LOADED_NS
    state = state_at(journal, EVER - 1)
    assert sorted(p["name"] for p in state["participants"]) == ["Ann", "Mixer"]


async def test_a_room_of_our_own_knows_of_pauses(tmp_path: Path) -> None:
    """Recorded from a pause on, and ended in one: the room says at each moment whether it is
    recorded, and what is shared meanwhile is not in the journal."""
    async with serving(tmp_path / "log") as server:
        url = server.room("team")
        settings = Publisher(url, "Ann", ANN, 700.0)
        timing = Timing(settings)
        async with Line.open(settings) as line, line.send("camera", settings, clip(ANN), timing):
            session = line.session
            assert session is not None
            ingest = await IngestProcess.start(url, tmp_path / "journal", "--paused")
            await until(lambda: ingest.status.get("users") == 1)
            assert ingest.status["paused"] and not recorded(session)
            shared = Publisher(url, "Ann", BEN, None)
            async with line.send("screen", shared, clip(BEN), timing):
                await until(lambda: len(ingest.status["tracks"]) == 3)
            await until(lambda: len(ingest.status["tracks"]) == 2)
            ingest.send("resume")
            await until(lambda: ingest.named("resumed"))
            assert recorded(session)
            statuses = len(ingest.named("status"))
            await until(lambda: len(ingest.named("status")) > statuses + 2)
            ingest.send("pause")
            await until(lambda: not recorded(session))
            await session.end()
            async with asyncio.timeout(10):
                assert await ingest.process.wait() == 0
    await until(lambda: bool(ingest.named("ended")))
    assert ingest.named("ended")[0]["reason"] == "conference-ended"
    journal = Journal.open(tmp_path / "journal")
    assert journal.finished
    (first, second) = journal.pauses
    assert [e["t_ns"] for e in ingest.named("paused")] == [first.start_ns, second.start_ns]
    assert first.stop_ns == ingest.named("resumed")[0]["t_ns"] and second.stop_ns is None
    events = journal.events()
    assert events[0].t_ns == first.stop_ns and events[-1].t_ns < second.start_ns
    assert {track.source for track in journal.tracks.values()} == {"Camera"}
    state = state_at(journal, second.start_ns)
    (ann,) = [p for p in state["participants"] if p["name"] == "Ann"]
    assert [one["type"] for one in ann["streams"]] == ["Camera"]
    assert ann["streams"][0]["video"] is not None and ann["streams"][0]["video"]["available"]
    assert state["recording"]["active"]


def recorded(session: RoomSession) -> bool:
    return session.state["recording"]["active"]
