"""Ingest against a real Janus and synthetic publishers: everything that is sent is journalled,
each stream in its own track, on one clock."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from mixer import publish
from mixer.conference.bare import BareSettings, join_bare
from mixer.conference.state import apply, empty
from mixer.errors import ConferenceRefused, ConferenceUnknown, ConferenceUnreachable, UsageError
from mixer.ingest.transport import MediaTransport
from mixer.journal import RECEIVED, Journal
from tests.instruments.bare_janus import BareJanus, Room
from tests.instruments.clip import ClipSettings, clip
from tests.instruments.ingested import (
    beeps_ns,
    flashes_ns,
    ingesting,
    marks,
    publishing,
    sound,
    tone_hz,
    tracks_of,
    until,
)
from tests.instruments.publisher import Line
from tests.instruments.sources import Publisher, Timing

pytestmark = pytest.mark.system
SECOND = 1_000_000_000


def small(place: int, codec: str = "vp8") -> ClipSettings:
    return ClipSettings(320, 180, 30.0, codec, 250_000, place)


@pytest.fixture(scope="module")
def janus() -> Iterator[BareJanus]:
    for one in (small(1), small(2), small(2, "h264"), small(3)):
        clip(one)
    with BareJanus([Room(1), Room(2), Room(3), Room(4), Room(5), Room(6, pin="1234")]) as running:
        yield running


async def test_three_publishers_each_in_their_own_tracks(janus: BareJanus, tmp_path: Path) -> None:
    """Faces and voices of three people: every picture and every tone only in its owner's track;
    flash and beep, stamped from one timestamp, lie together within 10 ms; the state says who."""
    people = [
        Publisher(janus.url(1), "Ann", small(1), 700.0, hum=True, feed_id=101),
        Publisher(janus.url(1), "Ben", small(2, "h264"), 1100.0, feed_id=102),
        Publisher(janus.url(1), "Cem", small(3), 1500.0, feed_id=103),
    ]
    async with publishing(*people), ingesting(janus.url(1), tmp_path) as ingest:
        await until(lambda: len([n for n in ingest.received().values() if n > 150]) == 6)
    journal = Journal.open(tmp_path)
    assert journal.finished
    assert len(journal.tracks) == 6
    made = [alignment for one in journal.alignments.values() for alignment in one]
    assert {alignment.method for alignment in made} == {"arrival"}  # Janus' reports are its own
    for index, one in enumerate(people):
        stream = f"{one.feed_id}.camera"
        (video,) = tracks_of(journal, stream, "video")
        (audio,) = tracks_of(journal, stream, "audio")
        seen = [mark for _, mark in marks(journal, video)]
        assert len(seen) > 60
        assert {mark.place for mark in seen if mark} == {index + 1}
        assert sum(mark is None for mark in seen) <= len(seen) // 50
        assert tone_hz(sound(journal, audio)[1]) == pytest.approx(one.tone_hz or 0, abs=30)
        flashes, beeps = flashes_ns(journal, video), beeps_ns(journal, audio)
        offsets = [beep - flash for flash in flashes for beep in beeps if abs(beep - flash) < 3e8]
        assert offsets and np.abs(offsets).max() < 10e6
    assert_state(journal)


def assert_state(journal: Journal) -> None:
    state = empty()
    for event in journal.events():
        state = apply(state, event.type, event.data)
    users = {p["name"]: p for p in state["participants"] if p["type"] == "user"}
    assert set(users) == {"Ann", "Ben", "Cem"}
    assert [p["name"] for p in state["participants"] if p["type"] == "mixer"] == ["Mixer"]
    video = users["Ben"]["streams"][0]["video"]
    assert video == {"muted": False, "width": 320, "height": 180, "available": True}
    assert users["Ann"]["speaking"]  # she hums all the time
    assert not users["Cem"]["speaking"]  # a beep of 50 ms a second is no speech


async def test_leave_and_join_ten_times(janus: BareJanus, tmp_path: Path) -> None:
    """Somebody else takes the leaver's place again and again (Janus reuses sections, numbers and
    payload types): each face and voice only in its own tracks, and never a wrong one beside it."""
    tones = [500.0 + 200 * index for index in range(10)]
    stays = Publisher(janus.url(2), "stays", small(1), 300.0, feed_id=1000)
    async with publishing(stays), ingesting(janus.url(2), tmp_path) as ingest:

        def heard(feed: int) -> bool:
            return received(ingest.received(), feed)

        def gone(feed: int) -> bool:
            return (f"{feed}.camera", "audio") not in ingest.received()

        for index, tone in enumerate(tones):
            feed = 2000 + index
            comes = Publisher(
                janus.url(2), f"p{index}", small(2 + index % 2), tone, hum=True, feed_id=feed
            )
            async with publishing(comes):
                await until(partial(heard, feed))
            await until(partial(gone, feed))
    journal = Journal.open(tmp_path)
    for index, tone in enumerate(tones):
        (audio,) = tracks_of(journal, f"{2000 + index}.camera", "audio")
        (video,) = tracks_of(journal, f"{2000 + index}.camera", "video")
        assert tone_hz(sound(journal, audio)[1]) == pytest.approx(tone, abs=30)
        assert {m.place for _, m in marks(journal, video) if m} == {2 + index % 2}
    (video,) = tracks_of(journal, "1000.camera", "video")
    numbers = [mark.number for _, mark in marks(journal, video) if mark]
    assert {mark.place for _, mark in marks(journal, video) if mark} == {1}
    assert set(np.diff(numbers) % 600) == {1}
    (audio,) = tracks_of(journal, "1000.camera", "audio")
    assert tone_hz(sound(journal, audio)[1]) == pytest.approx(300.0, abs=30)


def received(packets: dict[tuple[str, str], int], feed: int) -> bool:
    video = packets.get((f"{feed}.camera", "video"), 0)
    return video > 30 and packets.get((f"{feed}.camera", "audio"), 0) > 25


async def test_losses_leave_no_wrong_picture(
    janus: BareJanus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One packet in twenty is lost once (repaired by NACK), and for a quarter of a second
    everything is, repairs too: what is shown are the sender's own pictures, the gap is recorded
    with its length, and after it the picture is back. What was lost and repaired is counted."""
    deliver = MediaTransport._datagram
    dropped: set[tuple[int, int]] = set()
    repaired: set[tuple[int, int]] = set()
    blackout: set[tuple[int, int]] = set()
    armed: list[bool] = []
    outage: list[int] = []

    def lossy(self: MediaTransport, data: bytes) -> bool:
        if not 127 < data[0] < 192 or 192 <= data[1] <= 223:
            return deliver(self, data)
        packet = int.from_bytes(data[8:12], "big"), int.from_bytes(data[2:4], "big")
        if outage and time.monotonic_ns() < outage[0] + SECOND // 4:
            blackout.add(packet)
        if packet in blackout:
            return True
        if armed and packet[1] % 20 == 7 and packet not in dropped:
            dropped.add(packet)
            return True
        if packet in dropped:
            repaired.add(packet)
        return deliver(self, data)

    monkeypatch.setattr(MediaTransport, "_datagram", lossy)
    one = Publisher(janus.url(3), "lossy", small(1), 900.0, feed_id=31)
    async with publishing(one), ingesting(janus.url(3), tmp_path) as ingest:
        # Janus 1.1.2 keeps nothing for repair before its first sender report is answered
        await until(lambda: ingest.received().get(("31.camera", "video"), 0) > 100)
        armed.append(True)
        await until(lambda: ingest.received().get(("31.camera", "video"), 0) > 200)
        outage.append(time.monotonic_ns())
        await until(lambda: ingest.received().get(("31.camera", "video"), 0) > 280)
    journal = Journal.open(tmp_path)
    (video,) = tracks_of(journal, "31.camera", "video")
    gaps = [gap for gap in journal.gaps if gap.track == video.id]
    assert len(dropped) >= 4
    assert len(gaps) == 1
    shown = [(at, mark) for at, mark in marks(journal, video)]
    assert all(mark is not None and mark.place == 1 for _, mark in shown)
    steps = np.diff([mark.number for _, mark in shown if mark]) % 600
    assert (steps == 1).sum() == len(steps) - 1  # one interruption, nothing doubled or skipped
    length_s = (gaps[0].to_ns - gaps[0].from_ns) / SECOND
    assert length_s == pytest.approx((steps.max() - 1) / 30, abs=0.02)
    assert length_s < 2.5
    counted = [note.data for note in journal.notes if note.type == RECEIVED]
    assert {data["track"] for data in counted} == set(journal.tracks)
    for data in counted:
        ssrc = journal.tracks[data["track"]].ssrc
        never = [packet for packet in blackout | (dropped - repaired) if packet[0] == ssrc]
        again = [packet for packet in repaired if packet[0] == ssrc]
        assert data["lost"] == pytest.approx(len(never), abs=1)  # the last may still be on its way
        assert data["recovered"] == pytest.approx(len(again), abs=1)
    assert len(repaired) >= 4


async def test_sound_only_and_late_camera(janus: BareJanus, tmp_path: Path) -> None:
    """A participant with a microphone only is recorded, and has no picture in the state."""
    one = Publisher(janus.url(4), "ear", None, 800.0, feed_id=41)
    async with publishing(one), ingesting(janus.url(4), tmp_path) as ingest:
        await until(lambda: ingest.received().get(("41.camera", "audio"), 0) > 100)
    journal = Journal.open(tmp_path)
    (audio,) = journal.tracks.values()
    assert audio.kind == "audio"
    assert tone_hz(sound(journal, audio)[1]) == pytest.approx(800.0, abs=30)
    state = empty()
    for event in journal.events():
        state = apply(state, event.type, event.data)
    (ear,) = [p for p in state["participants"] if p["name"] == "ear"]
    assert ear["streams"][0]["video"] is None and ear["streams"][0]["audio"] is not None


async def test_what_is_wrong_with_an_address_is_told(janus: BareJanus) -> None:
    """Unknown room, wrong or no pin, nothing there, no address: each its own error, at once."""
    for unknown in (999, "team", "-6", 10**25):
        with pytest.raises(ConferenceUnknown):
            await join_bare(janus.url(unknown), "Mixer")
    with pytest.raises(ConferenceRefused, match="pin") as refused:
        await join_bare(janus.url(6), "Mixer")
    assert refused.value.exit_code == 12 and "MIXER_PIN" in str(refused.value)
    with pytest.raises(ConferenceRefused):
        await join_bare(janus.url(6), "Mixer", BareSettings(pin="wrong"))
    ann = Publisher(janus.url(6), "Ann", None, 800.0)
    with pytest.raises(ConferenceRefused, match="pin"):
        async with Line.open(ann) as line, line.send("camera", ann, None, Timing(ann)):
            pass
    session = await join_bare(janus.url(6), "Mixer", BareSettings(pin="1234"))
    assert session.participant_id
    await session.leave()
    with pytest.raises(ConferenceUnreachable):
        await join_bare("janus+ws://127.0.0.1:9/1", "Mixer")
    for bad in ("janus+ws://127.0.0.1:1", "ws://127.0.0.1:1/1", "janus+ws:///1"):
        with pytest.raises(UsageError):
            await join_bare(bad, "Mixer")


async def test_string_ids_and_an_api_secret(tmp_path: Path) -> None:
    """A Janus with string ids: rooms whose names are words or digits; a secret is asked for."""
    rooms = [Room("1234"), Room("team"), Room("closed", pin="1")]
    with BareJanus(rooms, string_ids=True, api_secret="s3cret") as strange:
        with pytest.raises(ConferenceRefused):
            await join_bare(strange.url("team"), "Mixer")
        settings = BareSettings(api_secret="s3cret")
        for room in ("team", "1234"):
            session = await join_bare(strange.url(room), "Mixer", settings)
            assert session.conference == room
            await session.leave()
            sender = publish.Sender("Ann")
            async with (
                publish.Line.open(strange.url(room), sender, settings) as line,
                line.publish("camera", [publish.Section("audio", "opus")]) as feed,
            ):
                assert not feed.ended.is_set()
        with pytest.raises(ConferenceRefused, match="pin"):
            await join_bare(strange.url("closed"), "Mixer", settings)
