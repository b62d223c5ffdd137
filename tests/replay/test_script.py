"""What a recording makes of a room, and how a replay is told what to do; nothing is sent here."""

from __future__ import annotations

import json
import time
from itertools import pairwise
from pathlib import Path

import pytest

from mixer.clock import MILLISECOND, SECOND
from mixer.conference import state
from mixer.errors import UsageError
from mixer.journal import Event, Frame, FrameFlag, Journal, JournalWriter, Note
from mixer.journal.model import NO_LEVEL, PAUSED, RESUMED, Alignment
from mixer.publish import Section
from mixer.replay.control import KEYS, Keys, Lines
from mixer.replay.outlet import CATCH_UP_LEAST_NS, Outlet
from mixer.replay.player import Command
from mixer.replay.reader import Reader
from mixer.replay.script import PREPARED_NS, Script, read_script
from tests.instruments.ingested import until

SOUND, PICTURE = Section("audio", "opus"), Section("video", "vp8")


def written(directory: Path, events: list[Event], notes: list[Note], *, end_s: float) -> Journal:
    """A journal with two tracks of p.camera (a picture each 100 ms, every tenth a key picture)."""
    writer = JournalWriter.create(directory, conference="c")
    fields = {"participant": "p", "stream": "p.camera", "source": "Camera"}
    video = writer.track(**fields, kind="video", codec="vp8", clock_rate=90000)  # type: ignore[arg-type]
    audio = writer.track(**fields, kind="audio", codec="opus", clock_rate=48000)  # type: ignore[arg-type]
    for track in (video, audio):
        writer.align(Alignment(track.id, 0, 0, 0.0, "arrival", 0))
    records: list[Event | Note | Frame] = [*events, *notes]
    for number in range(round(end_s * 10)):
        flags = FrameFlag.KEY if number % 10 == 0 else FrameFlag(0)
        t_ns = number * SECOND // 10
        records.append(Frame(video.id, number * 9000, t_ns, b"%d" % number, flags, NO_LEVEL, 2, 2))
        records.append(Frame(audio.id, number * 4800, t_ns, b"sound", level=30))
    for record in sorted(records, key=lambda r: r.arrival_ns if isinstance(r, Frame) else r.t_ns):
        if isinstance(record, Frame):
            writer.frame(record)
        elif isinstance(record, Event):
            writer.event(record)
        else:
            writer.note(record)
    writer.watermark(round(end_s * SECOND))
    writer.close(final=True)
    return Journal.open(directory)


def joining(t_ns: int, name: str = "Ada", **fields: str) -> Event:
    someone = {**state.participant("p", name), **fields}
    return Event(t_ns, "participant.added", {"participant": someone})


def sharing(t_ns: int) -> Event:
    stream = state.stream("p.camera", "Camera", audio=True, video=True)
    return Event(t_ns, "stream.added", {"participantId": "p", "stream": dict(stream)})


def muting(t_ns: int, muted: bool) -> Event:
    data = {"participantId": "p", "streamId": "p.camera", "audio": {"muted": muted}}
    return Event(t_ns, "stream.updated", data)


def test_joining_muting_leaving(tmp_path: Path) -> None:
    """Everything at its time, but a stream is published earlier, by as much as its sender's
    presence allows; who speaks changes nothing; a mixer is not replayed."""
    mixer = {**state.participant("m", "Mixer", "mixer")}
    events = [
        Event(0, "participant.added", {"participant": mixer}),
        joining(1 * SECOND, externalId="x-1", avatarUrl="https://a.example/ada.png"),
        Event(2 * SECOND, "participant.speaking", {"id": "p", "speaking": True}),
        sharing(4 * SECOND),
        muting(5 * SECOND, True),
        Event(6 * SECOND, "stream.removed", {"participantId": "p", "streamId": "p.camera"}),
        sharing(6 * SECOND + 1),
        Event(7 * SECOND, "participant.removed", {"id": "p"}),
    ]
    script = read_script(written(tmp_path, events, [], end_s=8))
    told = [
        (at / SECOND, [(sent.audio_muted, sent.sections) for sent in cast["p"].feeds.values()])
        for at, cast in script.casts
        if "p" in cast
    ]
    both = (SOUND, PICTURE)
    early_s = (4 * SECOND - PREPARED_NS) / SECOND
    assert told == [
        (1.0, []),
        (early_s, [(False, both)]),
        (5.0, [(True, both)]),
        (6.0, [(False, both)]),
    ]
    assert [at for at, cast in script.casts if not cast] == [0, 7 * SECOND]
    role = script.casts[1][1]["p"]
    assert (role.name, role.external_id) == ("Ada", "x-1")
    assert role.avatar_url == "https://a.example/ada.png"


@pytest.mark.parametrize(
    ("name", "avatar", "external", "expected"),
    [
        ("  A\n\tda ", "ftp://a/b", "", ("A da", "", "")),
        ("", "http://[", "e" * 250, ("p", "", "e" * 250)),
        ("x" * 300, "https://a/" + "b" * 3000, "e" * 300, ("x" * 100, "", "e" * 250)),
    ],
)
def test_names_become_what_a_room_takes(
    tmp_path: Path, name: str, avatar: str, external: str, expected: tuple[str, str, str]
) -> None:
    """Bare rooms have other rules than our own."""
    events = [joining(0, name, avatarUrl=avatar, externalId=external)]
    role = read_script(written(tmp_path, events, [], end_s=1)).casts[0][1]["p"]
    assert (role.name, role.avatar_url, role.external_id) == expected


async def test_pauses_are_skipped(tmp_path: Path) -> None:
    """Positions run on where the recording was paused, back and forth, and frames and events lie
    on them."""
    notes = [Note(2 * SECOND, PAUSED), Note(5 * SECOND, RESUMED)]
    events = [joining(0), sharing(0), Event(6 * SECOND, "participant.removed", {"id": "p"})]
    journal = written(tmp_path, events, notes, end_s=8)
    script = read_script(journal)
    assert script.length_ns == 5 * SECOND
    for position_ns in (0, SECOND, 2 * SECOND - 1, 2 * SECOND, 3 * SECOND, 5 * SECOND - 1):
        assert script.position_ns(script.media_ns(position_ns)) == position_ns
    assert script.media_ns(2 * SECOND) == 5 * SECOND
    assert script.position_ns(4 * SECOND) == 2 * SECOND
    assert [at for at, cast in script.casts if not cast] == [3 * SECOND]
    frames = [frame async for frame in positions(script, journal, 0)]
    assert [at for at, _ in frames] == [n * SECOND // 10 for n in range(50)]
    assert [int(data) for _, data in frames] == [*range(20), *range(50, 80)]


async def positions(script: Script, journal: Journal, from_ns: int):  # type: ignore[no-untyped-def]
    reader = Reader(journal, script)
    video = next(t.id for t in script.tracks.values() if t.kind == "video")
    async for batch in reader.batches(from_ns):
        for at_ns, frame in batch.frames:
            if frame.track == video:
                yield at_ns, frame.data
    reader.close()


async def test_a_seek_finds_the_pictures_it_needs(tmp_path: Path) -> None:
    """From the last key picture before the position up to it; reading goes on without a seam."""
    script = read_script(journal := written(tmp_path, [joining(0), sharing(0)], [], end_s=4))
    reader = Reader(journal, script)
    found = await reader.preroll(1_450_000_000)
    reader.close()
    assert [int(frame.data) for frame in found["p.camera"]] == [10, 11, 12, 13, 14]
    rest = [int(data) async for _, data in positions(script, journal, 1_450_000_000)]
    assert rest == list(range(15, 40))


def test_nothing_to_replay(tmp_path: Path) -> None:
    """Said at once."""
    with pytest.raises(UsageError, match="nothing to be replayed"):
        read_script(written(tmp_path, [], [], end_s=0))


class Feed:
    """What an outlet sends: (RTP timestamp, moment)."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, int, bytes]] = []

    def send(self, kind: str, data: bytes, rtp: int, at_ns: int, level: int = 255) -> None:
        self.sent.append((rtp, at_ns, data))


def outlet(feed: Feed, section: Section) -> Outlet:
    return Outlet(feed, "p.camera", section, time.monotonic_ns() - 100 * SECOND)  # type: ignore[arg-type]


def test_timestamps_follow_the_journals() -> None:
    """To the tick while media time does, drift included; after a pause by the clock; never back."""
    feed = Feed()
    sound, now_ns = outlet(feed, SOUND), time.monotonic_ns()
    drift = 100e-6
    for number in range(1000):
        due_ns = now_ns + round(number * 20 * MILLISECOND * (1 + drift))
        sound.offer(Frame(1, 5_000 + 960 * number, 0, b"s"), due_ns)
    assert [rtp for rtp, _, _ in feed.sent] == [960 * number for number in range(1000)]
    later_ns = due_ns + 7 * SECOND
    sound.offer(Frame(1, 5_000 + 960 * 1000, 0, b"s"), later_ns)
    assert feed.sent[-1][0] == 960 * 999 + 7 * 48_000
    sound.offer(Frame(2, -3, 0, b"s"), later_ns + 20 * MILLISECOND)
    assert feed.sent[-1][0] == 960 * 999 + 7 * 48_000 + 960


def test_pictures_begin_with_a_key_picture() -> None:
    """What came before one is left out."""
    feed = Feed()
    video, now_ns = outlet(feed, PICTURE), time.monotonic_ns()
    for number, flags in enumerate((0, 0, FrameFlag.KEY, 0)):
        frame = Frame(1, 3000 * number, 0, b"%d" % number, FrameFlag(flags))
        video.offer(frame, now_ns + 33 * MILLISECOND * number)
    assert [data for _, _, data in feed.sent] == [b"2", b"3"]


async def test_pictures_from_before_are_sent_quickly() -> None:
    """After a seek: in order, with growing timestamps, and each stamped with when it leaves, so
    that what follows is in time again."""
    feed = Feed()
    video = outlet(feed, PICTURE)
    pictures = [Frame(1, 3000 * n, 0, b"%d" % n, FrameFlag(n == 0)) for n in range(30)]
    after_ns = video.prime(pictures)
    assert after_ns - time.monotonic_ns() <= 30 * CATCH_UP_LEAST_NS
    await until(lambda: len(feed.sent) == 30)
    assert [int(data) for _, _, data in feed.sent] == list(range(30))
    assert all(b[0] > a[0] and b[1] > a[1] for a, b in pairwise(feed.sent))
    last_rtp, last_ns, _ = feed.sent[-1]
    video.offer(Frame(1, 90_000, 0, b"30"), last_ns + SECOND)
    assert feed.sent[-1] == (last_rtp + 90_000, last_ns + SECOND, b"30")


def test_keys() -> None:
    """Sequences may come in pieces; other keys do nothing."""
    keys = Keys()
    assert keys.feed(b"x \x1b") == [Command("toggle")]
    assert keys.feed(b"[") == []
    assert keys.feed(b"Cq") == [KEYS[b"\x1b[C"], Command("stop")]
    assert keys.feed(b"\x1b[Z \x1b\x1b[A") == [Command("toggle"), KEYS[b"\x1b[A"]]


def test_lines() -> None:
    """Commands as JSON, in pieces; what is none is answered, never fatal."""
    lines = Lines()
    texts: list[object] = [{"command": "pause"}, {"command": "seek", "seconds": 3.5}]
    texts += [{"command": "seek", "by": -2}, {"command": "stop"}]
    data = "".join(json.dumps(one) + "\n" for one in texts).encode()
    found = lines.feed(data[:10]) + lines.feed(data[10:])
    assert found == [
        Command("pause"),
        Command("seek", 3.5),
        Command("seek", -2.0, relative=True),
        Command("stop"),
    ]
    bad = (
        b'[]\nnull\n{"command": "fly"}\n{"command": "seek"}\n\xff\n{"command": "seek", "by": NaN}\n'
    )
    assert [isinstance(one, str) for one in lines.feed(bad)] == [True] * 6
