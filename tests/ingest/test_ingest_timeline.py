"""What a timeline writes: tracks, late and broken frames, gaps, jumps of the RTP clock."""

from __future__ import annotations

from pathlib import Path

import pytest

from mixer.conference.media import Publication
from mixer.ingest.timeline import Identity, Timeline, TrackEnd, Unit
from mixer.journal import Frame, FrameFlag, Journal, JournalWriter
from mixer.journal.model import NO_LEVEL

MS = 1_000_000
SECOND = 1_000_000_000
VIDEO = Publication("a", "1", "a", "a.camera", "Camera", "video", "vp8")
AUDIO = Publication("a", "0", "a", "a.camera", "Camera", "audio", "opus")


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
