"""A recording is replayed into a real room and recorded again; and is paused, sought, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mixer.cli import app
from mixer.clock import MILLISECOND, SECOND
from mixer.conference.session import RoomSession, join
from mixer.errors import UnsupportedCodec
from mixer.ingest.h264 import nal_units
from mixer.ingest.transport import MediaTransport
from mixer.journal import Event, Frame, Journal, JournalWriter, Track
from mixer.replay.player import Command
from mixer.replay.replay import Replay
from mixer.replay.settings import ReplaySettings
from tests.instruments.bare_janus import BareJanus, Room
from tests.instruments.ingested import EVER, IngestProcess, ingesting, until
from tests.instruments.make_journal import make_journal
from tests.room.serving import serving

pytestmark = pytest.mark.system

OFFSET_TOLERANCE_NS = 25 * MILLISECOND  # of an ingest on a machine that does other things, too


class ReplayProcess:
    """`mixer replay … --json`; `events` holds the lines it has told."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.events: list[dict[str, Any]] = []
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, journal: Path, url: str, *options: str) -> ReplayProcess:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "mixer.cli", "replay", str(journal)),
            *("--into", url, "--json", *options),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        return cls(process)

    async def ended(self) -> int:
        async with asyncio.timeout(60):
            code = await self.process.wait()
        await self._reading
        return code

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.events.append(json.loads(line))


@contextlib.asynccontextmanager
async def watching(url: str) -> AsyncIterator[RoomSession]:
    """Somebody who follows the room's state."""

    async def follow() -> None:
        async for _ in session.events():
            pass

    async with await join(url, "Eve", "listener") as session:
        following = asyncio.create_task(follow())
        try:
            yield session
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


def robots(session: RoomSession) -> list[dict[str, Any]]:
    return [dict(p) for p in session.state["participants"] if p["type"] == "robot"]


def frames_of(journal: Journal, track: Track) -> list[tuple[int, Frame]]:
    return list(journal.frames([track.id], 0, EVER))


def units(track: Track, frame: Frame) -> Sequence[bytes]:
    """What is encoded: of H.264 the NAL units, as start codes may have three bytes or four."""
    if track.codec != "h264":
        return [frame.data]
    return [frame.data[start:end] for start, end in nal_units(frame.data)]


def shift_ns(original: Journal, again: Journal, track: Track) -> int:
    """By how much later a track's frames are in the new recording, which has all of them from a
    key picture on to the end, unchanged; RTP ticks between them, too, but at the beginning, where
    pictures that could not be sent at their time (on a slow machine) come quickly."""
    name = name_of(again, track)
    (source,) = [
        one
        for one in original.tracks.values()
        if (one.kind, one.source) == (track.kind, track.source) and name_of(original, one) == name
    ]
    before, after = frames_of(original, source), frames_of(again, track)
    assert len(before) / 3 < len(after) <= len(before)
    before = before[len(before) - len(after) :]
    for (_, old), (_, new) in zip(before, after, strict=True):
        assert units(source, old) == units(track, new)
        assert old.level == new.level and old.flags == new.flags
    differences = [new.rtp - old.rtp for (_, old), (_, new) in zip(before, after, strict=True)]
    assert len(set(differences[len(differences) // 2 :])) == 1
    return after[-1][0] - before[-1][0]


def name_of(journal: Journal, track: Track) -> str:
    return next(
        str(e.data["participant"]["name"])
        for e in journal.events()
        if e.type == "participant.added" and e.data["participant"]["id"] == track.participant
    )


async def test_recorded_again(tmp_path: Path) -> None:
    """Every frame of every track arrives as it was recorded, in H.264, VP8 and Opus; sound and
    pictures of all lie to each other as before; those in the room are robots with the names and
    ids of the recording, and leave at its end; the process says how it ended."""
    make_journal(
        tmp_path / "old",
        participants=2,
        size=(320, 180),
        seconds=6,
        loop_seconds=3,
        screen=(2, 5),
        codec="h264",
        phase_ns=5 * MILLISECOND,
        final=False,
    )
    add_events(tmp_path / "old")
    async with serving(tmp_path / "log") as server:
        url = server.room("again")
        ingest = await IngestProcess.start(url, tmp_path / "new")
        await until(lambda: bool(ingest.named("joined")))
        replay = await ReplayProcess.start(tmp_path / "old", url)
        assert await replay.ended() == 0
        assert await ingest.stop() == 0
    result = replay.events[-1]
    assert (result["event"], result["reason"], result["position"]) == ("result", "ended", 6.0)
    original, again = Journal.open(tmp_path / "old"), Journal.open(tmp_path / "new")
    assert {(t.kind, t.source) for t in again.tracks.values()} == {
        ("video", "Camera"),
        ("audio", "Camera"),
        ("video", "ScreenShare"),
    }
    shifts = [shift_ns(original, again, track) for track in again.tracks.values()]
    assert len(shifts) == 5
    assert max(shifts) - min(shifts) < OFFSET_TOLERANCE_NS
    someone = [e.data["participant"] for e in again.events() if e.type == "participant.added"]
    assert {(p["type"], p["name"], p["externalId"]) for p in someone if p["type"] != "mixer"} == {
        ("robot", "Ada", "external-0"),
        ("robot", "Grace", "external-1"),
    }
    assert {p["id"] for p in someone if p["type"] == "robot"} == {
        e.data["id"] for e in again.events() if e.type == "participant.removed"
    }
    told = [(e.type, e.data) for e in again.events()]
    changed = [data["name"] for type_, data in told if type_.endswith("updated") and "name" in data]
    assert changed == ["Grace H."]
    muted = [data["audio"]["muted"] for _, data in told if "streamId" in data and "audio" in data]
    assert muted == [True, False]


def add_events(directory: Path) -> None:
    """Grace is muted from second 2 to 3, and has another name from then on."""
    grace = {"participantId": "p1", "streamId": "p1.camera"}
    with JournalWriter.create(directory, conference="made") as writer:
        for second, muted in ((2, True), (3, False)):
            data = {**grace, "audio": {"muted": muted}}
            writer.event(Event(second * SECOND, "stream.updated", data))
        writer.event(Event(3 * SECOND, "participant.updated", {"id": "p1", "name": "Grace H."}))
        writer.watermark(6 * SECOND)
        writer.close(final=True)


async def test_losses_are_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the packets to the SFU one in twenty is lost: they are sent again when it asks, and every
    frame is recorded as it was. A bare room has them, too."""
    lost = random.Random(7)
    send = MediaTransport.send_again
    sent: list[bytes] = []
    dropped: list[bytes] = []

    def send_rtp(self: MediaTransport, packet: bytes) -> bytes | None:
        encrypted: bytes = self._dtls._tx_srtp.protect(packet)
        sent.append(encrypted)
        if 10 < len(sent) < 250 and lost.random() < 0.05:  # what is lost last, nobody misses
            dropped.append(encrypted)
        else:
            send(self, encrypted)
        return encrypted

    make_journal(tmp_path / "old", participants=1, size=(320, 180), seconds=4, loop_seconds=2)
    with BareJanus([Room(1)]) as janus:
        async with ingesting(janus.url(1), tmp_path / "new"):
            monkeypatch.setattr(MediaTransport, "send_rtp", send_rtp)
            assert await Replay(ReplaySettings(tmp_path / "old", janus.url(1))).run() == "ended"
    original, again = Journal.open(tmp_path / "old"), Journal.open(tmp_path / "new")
    assert len(dropped) > 10 and len(again.tracks) == 2
    shifts = [shift_ns(original, again, track) for track in again.tracks.values()]
    assert max(shifts) - min(shifts) < OFFSET_TOLERANCE_NS


async def test_a_room_with_other_codecs(tmp_path: Path) -> None:
    """Said at the start, with what the room does not take."""
    make_journal(tmp_path, participants=1, size=(320, 180), seconds=3, loop_seconds=3, codec="h264")
    room = Room(1, videocodec="vp8")
    with BareJanus([room]) as janus, pytest.raises(UnsupportedCodec, match="h264"):
        await Replay(ReplaySettings(tmp_path, janus.url(1))).run()


async def test_pause_seek_and_stop(tmp_path: Path) -> None:
    """A replay from the middle shows at once what was to be seen there; while it is paused nothing
    is sent and everybody stays; a seek in the pause shows the pictures of the new place; at a stop
    all leave."""
    make_journal(tmp_path / "old", participants=2, size=(320, 180), seconds=30, loop_seconds=5)
    async with serving(tmp_path / "log") as server, watching(server.room("seek")) as session:
        url = server.room("seek")
        ingest = await IngestProcess.start(url, tmp_path / "new")
        await until(lambda: bool(ingest.named("joined")))
        replay = Replay(ReplaySettings(tmp_path / "old", url, offset_s=6.0))
        running = asyncio.create_task(replay.run())
        await until(lambda: replay.status.position_s > 7.5)
        assert [len(robot["streams"]) for robot in robots(session)] == [1, 1]
        replay.tell(Command("pause"))
        await until(lambda: replay.status.state == "paused")
        paused = replay.status
        ingested = len(ingest.named("status"))
        await until(lambda: len(ingest.named("status")) > ingested + 1)
        assert replay.status == paused and len(robots(session)) == 2
        replay.tell(Command("seek", 24.0))
        await until(lambda: replay.status.octets > paused.octets + 50_000)
        assert (replay.status.state, replay.status.position_s) == ("paused", 24.0)
        replay.tell(Command("resume"))
        await until(lambda: replay.status.position_s > 25.0)
        replay.stop()
        assert await running == "stopped"
        await until(lambda: not robots(session))
        assert await ingest.stop() == 0
    seen = pictures_seen(Journal.open(tmp_path / "old"), Journal.open(tmp_path / "new"))
    assert [first for first, _ in seen] == [0, 0]  # each part begins with a key picture
    (_, before), (_, after) = seen
    assert before >= 30 + 30  # from the key picture at 5 s to beyond 7.5 s, and not to the next one
    assert after >= 30 * 4 + 30  # from the one at 20 s to beyond 25 s


def pictures_seen(original: Journal, again: Journal) -> list[tuple[int, int]]:
    """(first, how many) for each part of a participant's pictures that lies in one piece in the
    original; the first counted from the key picture."""
    old = next(t for t in original.tracks.values() if t.kind == "video")
    loop = [frame.data for _, frame in frames_of(original, old)][:150]
    place = {data: number for number, data in enumerate(loop)}
    parts: list[list[int]] = []
    track = next(
        t
        for t in again.tracks.values()
        if name_of(again, t) == name_of(original, old) and t.kind == "video"
    )
    for _, frame in frames_of(again, track):
        number = place[frame.data]
        if parts and number == (parts[-1][-1] + 1) % 150:
            parts[-1].append(number)
        else:
            parts.append([number])
    return [(part[0], len(part)) for part in parts]


async def test_sigterm_ends_it_in_order(tmp_path: Path) -> None:
    """All robots have left when the process ends, with 0."""
    make_journal(tmp_path / "old", participants=1, microphones=1, size=(320, 180), seconds=30)
    async with serving(tmp_path / "log") as server, watching(server.room("stop")) as session:
        replay = await ReplayProcess.start(tmp_path / "old", server.room("stop"))
        await until(lambda: any(e.get("state") == "playing" for e in replay.events))
        assert len(robots(session)) == 2
        replay.process.send_signal(signal.SIGTERM)
        assert await replay.ended() == 0
        await until(lambda: not robots(session))
        assert session.state["conference"]["id"]
    assert replay.events[-1]["reason"] == "stopped"


async def test_the_conference_ends(tmp_path: Path) -> None:
    """When somebody ends it for all, the replay ends, too, and opens no new conference. (Only those
    were replayed who were not to be left out.)"""
    make_journal(tmp_path / "old", participants=1, microphones=1, size=(320, 180), seconds=30)
    async with serving(tmp_path / "log") as server:
        url = server.room("over")
        host = await join(url, "Host")
        replay = Replay(ReplaySettings(tmp_path / "old", url, without=("Grace",)))
        running = asyncio.create_task(replay.run())
        await until(lambda: replay.status.state == "playing")
        assert replay.status.participants == 1
        await host.end()
        async with asyncio.timeout(10):
            assert await running == "conference-ended"
        await host.leave()


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["{journal}", "--into", "http://127.0.0.1:9/rooms/x"], 10, "does not answer"),
        (["{journal}", "--into", "http://127.0.0.1:9/x"], 2, "is not a room"),
        (["{journal}", "--into", "http://127.0.0.1:99999/rooms/x"], 2, "Port out of range"),
        (["{journal}", "--into", "ftp://x/rooms/x"], 2, "--into"),
        (["{journal}", "--into", "http://h/rooms/x", "--offset", "9"], 2, "behind"),
        (["{journal}", "--into", "http://h/rooms/x", "--without", "Zoe"], 2, "Zoe"),
        (["{journal}/no", "--into", "http://h/rooms/x"], 40, "no journal"),
        (["{journal}", "--into", "http://h/rooms/x", "--ice-server", "x"], 2, "ICE server"),
    ],
)
def test_errors_are_one_line(tmp_path: Path, arguments: list[str], code: int, text: str) -> None:
    """With the exit code of docs/exit-codes.md."""
    make_journal(tmp_path / "j", participants=0, microphones=1, seconds=1, loop_seconds=1)
    given = [one.format(journal=tmp_path / "j") for one in arguments]
    result = CliRunner().invoke(app, ["replay", *given])
    assert result.exit_code == code
    assert text in result.stderr and result.stderr.strip().count("\n") == 0
