"""What a timeline writes: tracks, late and broken frames, gaps, jumps of the RTP clock."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from mixer.conference.media import Publication
from mixer.ingest.audio import AudioReceiver
from mixer.ingest.rtp import RtpPacket
from mixer.ingest.timeline import Identity, Timeline, TrackEnd, Unit
from mixer.ingest.video import VideoReceiver
from mixer.journal import Frame, FrameFlag, Journal, JournalWriter
from mixer.journal.model import NO_LEVEL

MS = 1_000_000
SECOND = 1_000_000_000
VIDEO = Publication("a", "1", "a", "a.camera", "Camera", "video", "vp8")
AUDIO = Publication("a", "0", "a", "a.camera", "Camera", "audio", "opus")
# One VP8 packet each: descriptor (RFC 7741), then the header of a key picture of 16x16, or not one.
KEY = bytes.fromhex("10") + bytes.fromhex("5000009d012a1000100000")
DELTA = bytes.fromhex("10") + bytes.fromhex("5100000000")


def picture(number: int, arrival_ns: int, key: bool = False) -> Unit:
    flags = FrameFlag.KEY if key else FrameFlag(0)
    size = (320, 180) if key else (0, 0)
    return Unit(number * 3000, arrival_ns, b"x", flags, NO_LEVEL, *size, 3000)


def packet(number: int, arrival_ns: int, shift: int = 0) -> Unit:
    return Unit(number * 960 + shift, arrival_ns, b"o", FrameFlag(0), 30, 0, 0, 960)


def play(timeline: Timeline, unit: Unit) -> None:
    timeline.packet(unit.rtp, unit.arrival_ns)
    timeline.write(unit)
    timeline.tick(unit.arrival_ns)


def frames(journal: Journal) -> list[Frame]:
    (run,) = journal.runs
    return list(run.media(0, run.media_length, set(run.tracks)))


def test_what_refers_to_a_late_picture_is_broken(tmp_path: Path) -> None:
    """A picture that comes after the watermark is in no render; so is what builds on it, up to
    the next key picture."""
    with JournalWriter.create(tmp_path, conference="c") as writer:
        timeline = Timeline(writer, Identity(VIDEO, "vp8", 90000, 1, ""), None)
        for number in range(120):
            arrival_ns = number * SECOND // 30
            late = number == 60
            unit = picture(number, arrival_ns + (3 * SECOND if late else 0), number in (0, 90))
            if late:
                writer.watermark(arrival_ns + SECOND)
                timeline.write(unit)
                writer.watermark(arrival_ns + SECOND)
            else:
                play(timeline, unit)
        writer.watermark(10 * SECOND)
        writer.close(final=True)
    flags = {frame.rtp // 3000: frame.flags for frame in frames(Journal.open(tmp_path))}
    assert flags[60] & FrameFlag.LATE
    assert all(not flags[n] for n in range(1, 60))
    assert all(flags[n] & (FrameFlag.BROKEN | FrameFlag.LATE) for n in range(61, 90))
    assert flags[90] == FrameFlag.KEY
    assert all(not flags[n] for n in range(91, 120))


@pytest.mark.parametrize("shift_s", [-50, 50])
def test_a_jump_of_the_rtp_clock_begins_a_new_track(tmp_path: Path, shift_s: int) -> None:
    """Timestamps jump while packets go on coming: both tracks lie at their arrival, nothing is
    lost, nothing overlaps."""
    with JournalWriter.create(tmp_path, conference="c") as writer:
        timeline = Timeline(writer, Identity(AUDIO, "opus", 48000, 1, ""), None)
        for number in range(500):
            shift = shift_s * 48000 if number >= 250 else 0
            play(timeline, packet(number + 10_000, number * 20 * MS, shift))
        timeline.tick(20 * SECOND)
        writer.watermark(20 * SECOND)
        writer.close(final=True)
    journal = Journal.open(tmp_path)
    assert len(journal.tracks) == 2
    found = list(journal.frames(journal.tracks, 0, 20 * SECOND))
    assert len(found) == 500
    assert all(abs(at - index * 20 * MS) < MS for index, (at, _) in enumerate(found))
    assert not journal.gaps


def test_what_comes_early_is_in_its_place(tmp_path: Path) -> None:
    """A path that is congested while a track begins: later on media lie at most as late as they
    came, and a reader finds every frame."""
    delays = random.Random(3)
    with JournalWriter.create(tmp_path, conference="c") as writer:
        timeline = Timeline(writer, Identity(AUDIO, "opus", 48000, 1, ""), None)
        for number in range(500):
            late_ns = 700 * MS if number < 50 else delays.randrange(0, 120) * MS
            play(timeline, packet(number, number * 20 * MS + late_ns))
            writer.watermark(number * 20 * MS - SECOND)
        timeline.tick(20 * SECOND)
        writer.watermark(20 * SECOND)
        writer.close(final=True)
    journal = Journal.open(tmp_path)
    found = [
        (at, frame)
        for begin_s in range(20)
        for at, frame in journal.frames(journal.tracks, begin_s * SECOND, (begin_s + 1) * SECOND)
    ]
    assert len(found) == 500
    assert all(at <= frame.arrival_ns + 30 * MS for at, frame in found)
    assert all(at - frame.rtp // 960 * 20 * MS < 60 * MS for at, frame in found[150:])


@pytest.mark.parametrize("lost", [90, 100], ids=["a picture lost before", "nothing lost"])
def test_after_a_jump_a_key_picture_comes_first(tmp_path: Path, lost: int) -> None:
    """It is asked for, and what refers to earlier pictures is broken until it is there. A gap that
    was open then is none of the new clock's."""
    asked: list[bytes] = []
    asked_at: list[int] = []
    with JournalWriter.create(tmp_path, conference="c") as writer:
        timeline = Timeline(writer, Identity(VIDEO, "vp8", 90000, 1, ""), None)
        receiver = VideoReceiver(
            "vp8", 1, 2, timeline, lambda _, data: asked.append(data), lambda *_: None
        )
        for number in range(210):
            at = number * SECOND // 30
            if 90 <= number == lost < 100:
                timeline.lacks_reference = True  # that picture is
            ticks = number * 3000 + (50 * 90000 if number >= 100 else 0)
            payload = KEY if number in (0, 150) else DELTA
            receiver.packet(RtpPacket(96, True, number, ticks, 1, payload, b""), at)
            asked.clear()
            receiver.tick(at)
            if asked:
                asked_at.append(number)
        writer.watermark(20 * SECOND)
        writer.close(final=True)
    journal = Journal.open(tmp_path)
    _, new = sorted(journal.tracks)
    assert any(110 <= number < 125 for number in asked_at)
    usable = list(journal.frames([new], 0, 20 * SECOND))
    assert usable[0][1].flags == FrameFlag.KEY
    assert len(usable) == 60
    (gap,) = journal.gaps
    assert gap.from_ns == pytest.approx(lost * SECOND // 30, abs=40 * MS)
    assert gap.to_ns == pytest.approx(5 * SECOND, abs=40 * MS)


def test_what_is_lost_over_a_jump_is_no_gap_of_its_length(tmp_path: Path) -> None:
    """Sound: from the last packet by the old clock to the first by the new one, no further."""
    with JournalWriter.create(tmp_path, conference="c") as writer:
        timeline = Timeline(writer, Identity(AUDIO, "opus", 48000, 1, ""), None)
        receiver = AudioReceiver(1, 2, None, True, timeline, lambda *_: None, lambda *_: None)
        for number in range(300):
            if not 100 <= number < 105:
                ticks = number * 960 + (50 * 48000 if number >= 105 else 0)
                header = RtpPacket(96, True, number, ticks, 1, b"\xf8o", b"")
                receiver.packet(header, number * 20 * MS)
            receiver.tick(number * 20 * MS)
        writer.watermark(20 * SECOND)
        writer.close(final=True)
    (gap,) = Journal.open(tmp_path).gaps
    assert gap.to_ns - gap.from_ns == pytest.approx(100 * MS, abs=2 * MS)


def test_a_track_that_jumps_before_it_is_aligned_has_a_time(tmp_path: Path) -> None:
    """Readers of a run that goes on have it too, not only those of one that has ended."""
    with JournalWriter.create(tmp_path, conference="c") as writer:
        timeline = Timeline(writer, Identity(AUDIO, "opus", 48000, 1, ""), None)
        for number in range(100):
            play(timeline, packet(number, number * 20 * MS, 50 * 48000 if number >= 10 else 0))
        writer.watermark(20 * SECOND)
        writer.close(final=True)
    journal = Journal.open(tmp_path)
    assert sorted(journal.alignments) == sorted(journal.tracks)
    assert len(list(journal.frames(journal.tracks, 0, 20 * SECOND))) == 100
    assert not journal.gaps


def test_a_track_whose_first_picture_takes_long_has_a_time(tmp_path: Path) -> None:
    """Longer than a first alignment does: that is written with the track."""
    with JournalWriter.create(tmp_path, conference="c") as writer:
        timeline = Timeline(writer, Identity(VIDEO, "vp8", 90000, 1, ""), None)
        for number in range(60):
            unit = picture(number, number * SECOND // 30, number == 30)
            timeline.packet(unit.rtp, unit.arrival_ns)
            if number >= 30:
                timeline.write(unit)
            timeline.tick(unit.arrival_ns)
        writer.watermark(3 * SECOND)
        writer.close(final=True)
    journal = Journal.open(tmp_path)
    assert journal.alignments
    found = [at for at, _ in journal.frames(journal.tracks, 0, 3 * SECOND)]
    assert found == pytest.approx([number * SECOND // 30 for number in range(30, 60)], abs=MS)


def test_a_gap_between_two_runs_of_a_stream(tmp_path: Path) -> None:
    """From where the earlier track ended to the first usable frame of the new one."""
    with JournalWriter.create(tmp_path, conference="c") as writer:
        before = TrackEnd(1 * SECOND, "reconnect")
        timeline = Timeline(writer, Identity(AUDIO, "opus", 48000, 1, ""), before)
        for number in range(100):
            play(timeline, packet(number, 3 * SECOND + number * 20 * MS))
        writer.watermark(10 * SECOND)
        writer.close(final=True)
    (gap,) = Journal.open(tmp_path).gaps
    assert (gap.from_ns, gap.to_ns, gap.reason) == (1 * SECOND, 3 * SECOND, "reconnect")


def test_each_gap_is_its_tracks_where_that_is_aligned_anew(tmp_path: Path) -> None:
    """Also one that was noted since the last tick: it is the old track's."""
    with JournalWriter.create(tmp_path, conference="c") as writer:
        timeline = Timeline(writer, Identity(AUDIO, "opus", 48000, 1, ""), None)
        for number in range(150):
            late_ns = 250 * MS if number < 50 else 0
            unit = packet(number, number * 20 * MS + late_ns)
            timeline.packet(unit.rtp, unit.arrival_ns)
            timeline.write(unit)
            timeline.tick(unit.arrival_ns)
            timeline.gap(unit.rtp + 480, unit.rtp + 960, "loss")
        timeline.tick(20 * SECOND)
        writer.watermark(20 * SECOND)
        writer.close(final=True)
    journal = Journal.open(tmp_path)
    assert len(journal.tracks) == 2
    assert Counter(gap.track for gap in journal.gaps) == Counter(f.track for f in frames(journal))
