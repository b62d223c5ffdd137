"""What recording.json tells of frames that came in vain."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from mixer.clock import MILLISECOND, SECOND
from mixer.journal import Frame, FrameFlag, Journal, JournalWriter, UnusedFrames
from mixer.journal.writer import media_path
from mixer.recorder.irregularities import MAX_STRETCHES, MERGE_NS, irregularities, stretches
from tests.journal.small import write_small

HOURS = 4


def test_late_and_broken_frames_are_told_with_their_owner(tmp_path: Path) -> None:
    """One late picture and the two that refer to it are an entry each, at their media times."""
    journal = Journal.open(write_small(tmp_path / "j").directory)
    found = [e for e in irregularities(journal, {}) if e["type"] in ("late", "broken")]
    whose = {"participantId": "a", "stream": "a.camera", "kind": "video"}
    assert found == [
        {"t": 2.533, "type": "late", "seconds": 0.0, "frames": 1, **whose},
        {"t": 2.567, "type": "broken", "seconds": 0.033, "frames": 2, **whose},
    ]


def test_a_late_packet_a_second_for_hours_is_a_few_entries(tmp_path: Path) -> None:
    """However often packets come late, a track has at most MAX_STRETCHES entries, none lost."""
    with JournalWriter.create(tmp_path, conference="c") as writer:
        track = writer.track(
            participant="a",
            stream="a.camera",
            source="Camera",
            kind="audio",
            codec="opus",
            clock_rate=48_000,
        )
        for number in range(HOURS * 1200):
            rtp = number * 3 * 48_000
            writer.frame(Frame(track.id, rtp, number * 3 * SECOND, b"x", FrameFlag.LATE))
        writer.watermark(HOURS * 3600 * SECOND)
        writer.close(final=True)
    found = irregularities(Journal.open(tmp_path), {})
    assert 1 <= len(found) <= MAX_STRETCHES
    assert sum(entry["frames"] for entry in found) == HOURS * 1200


def test_a_journal_that_grows_is_looked_through_once(tmp_path: Path) -> None:
    """However it was cut when somebody looked; what was seen is not read again."""
    whole = write_small(tmp_path / "whole").directory
    directory = write_small(tmp_path / "growing").directory
    path = media_path(directory, 1)
    content = path.read_bytes()
    unused = UnusedFrames()
    for end in range(0, len(content), 37):
        path.write_bytes(content[:end])
        unused.look(Journal.open(directory))
    looked = unused._looked[1]
    assert looked > len(content) - 1000
    path.write_bytes(bytes(looked) + content[looked:])
    seen = list(unused.told(Journal.open(directory)))
    assert seen == list(UnusedFrames().told(Journal.open(whole))) and seen


def test_damage_hides_only_what_it_covers(tmp_path: Path) -> None:
    """A frame whose bytes were overwritten is not counted; those after it are."""
    directory = write_small(tmp_path / "j").directory
    whole = list(UnusedFrames().told(Journal.open(directory)))
    path = media_path(directory, 1)
    content = bytearray(path.read_bytes())
    at = content.find(b"unusable")
    content[at] ^= 0xFF  # in a late frame's media
    content[100:200] = bytes(100)  # in the first frame of all
    path.write_bytes(content)
    assert list(UnusedFrames().told(Journal.open(directory))) == whole[1:]


@given(st.lists(st.integers(0, 100 * SECOND), min_size=1, max_size=60), st.integers(1, 8))
def test_stretches_keep_every_frame_and_their_number_is_bounded(
    times: list[int], most: int
) -> None:
    """Stretches hold all frames in order, at most `most`, cut only where there is a distance."""
    found = stretches(sorted(times), most)
    assert [t for stretch in found for t in stretch] == sorted(times)
    assert len(found) <= most
    for before, after in pairwise(found):
        assert after[0] - before[-1] >= MERGE_NS
    if len(found) < most:
        for stretch in found:
            steps = (b - a for a, b in pairwise(stretch))
            assert all(step < MERGE_NS for step in steps)
    assert MERGE_NS > 20 * MILLISECOND  # packets in a row are one stretch
