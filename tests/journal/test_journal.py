"""The journal keeps what it was given, whatever happens to the file or to the process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mixer.clock import SECOND
from mixer.errors import JournalDamaged, JournalMissing, JournalTooNew, StorageError
from mixer.journal import (
    Alignment,
    Event,
    Frame,
    FrameFlag,
    Gap,
    Journal,
    JournalWriter,
    Note,
    Track,
    records,
    recover,
)
from tests.fuzz import examples


def video_track(writer: JournalWriter, stream: str = "a.camera") -> Track:
    return writer.track(
        participant="a", stream=stream, source="Camera", kind="video", codec="vp8", clock_rate=90000
    )


def write_pictures(
    writer: JournalWriter, track: Track, count: int, *, first: int = 0, key_every: int = 30
) -> None:
    """`count` pictures at 30 fps; picture n has media time n/30 s and its number as content."""
    writer.align(Alignment(track.id, first * 3000, first * SECOND // 30, 0.0, "arrival", 1000))
    for number in range(first, first + count):
        key = number % key_every == 0
        writer.frame(
            Frame(
                track.id,
                number * 3000,
                number * SECOND // 30 + 5_000_000,
                f"picture {number}".encode() * 20,
                FrameFlag.KEY if key else FrameFlag(0),
                width=640 if key else 0,
                height=360 if key else 0,
            )
        )
        writer.watermark(number * SECOND // 30)


def numbers(journal: Journal, track: Track, from_ns: int = 0, to_ns: int = 10**15) -> list[int]:
    return [frame.rtp // 3000 for _, frame in journal.frames([track.id], from_ns, to_ns)]


def test_everything_written_is_read_back(tmp_path: Path) -> None:
    """A closed journal gives every frame, event, gap and note as it was written."""
    writer = JournalWriter.create(tmp_path / "j", conference="c")
    track = video_track(writer)
    write_pictures(writer, track, 100)
    writer.event(Event(SECOND, "participant.added", {"participant": {"name": "Zoë 🦊"}}))
    writer.gap(Gap(track.id, 5, 6, "loss"))
    writer.note(Note(7, "reconnect", {"tries": 2}))
    writer.watermark(4 * SECOND)
    writer.close(final=True)
    journal = Journal.open(tmp_path / "j")
    assert journal.finished
    assert journal.conference == "c"
    assert numbers(journal, track) == list(range(100))
    assert journal.events()[0].data["participant"]["name"] == "Zoë 🦊"
    assert journal.gaps == [Gap(track.id, 5, 6, "loss")]
    assert journal.notes == [Note(7, "reconnect", {"tries": 2})]
    assert journal.tracks == {track.id: track}
    assert [p.rtp // 3000 for p in journal.pictures(track.id)] == [0, 30, 60, 90]
    assert journal.key_before(track.id, 2 * SECOND - 1) == SECOND


def test_nothing_at_or_after_the_watermark_is_seen(tmp_path: Path) -> None:
    """A reader of a growing journal sees frames and events only before the watermark."""
    writer = JournalWriter.create(tmp_path / "j", conference="c")
    track = video_track(writer)
    writer.event(Event(SECOND + 1, "later"))
    write_pictures(writer, track, 31)  # the last watermark is at picture 30
    writer.close(final=False)
    journal = Journal.open(tmp_path / "j")
    assert journal.watermark_ns == SECOND
    assert not journal.finished
    assert numbers(journal, track) == list(range(30))
    assert journal.events() == []


def test_a_reader_of_an_hour_needs_little_memory(tmp_path: Path) -> None:
    """Watermarks come every 40 ms for hours; recorder, page pass and workers all read them."""
    writer = JournalWriter.create(tmp_path / "j", conference="c")
    for number in range(3600 * 25):
        writer.watermark(number * SECOND // 25)
    writer.close(final=True)
    tracemalloc.start()
    journal = Journal.open(tmp_path / "j")
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert journal.watermark_ns == 3600 * SECOND - SECOND // 25
    assert kept < 4_000_000


def test_any_range_gives_just_its_frames(tmp_path: Path) -> None:
    """Seeking by the watermark's offsets gives the same frames as filtering all of them."""
    writer = JournalWriter.create(tmp_path / "j", conference="c")
    track = video_track(writer)
    write_pictures(writer, track, 600)
    writer.watermark(21 * SECOND)
    writer.close(final=True)
    journal = Journal.open(tmp_path / "j")
    for start in range(0, 20 * SECOND, 700_000_000):
        end = start + 1_300_000_000
        assert numbers(journal, track, start, end) == [
            n for n in range(600) if start <= n * SECOND // 30 < end
        ]


def test_media_ahead_of_its_arrival_is_found(tmp_path: Path) -> None:
    """By up to a second, as docs/journal.md has it."""
    with JournalWriter.create(tmp_path / "j", conference="c") as writer:
        track = video_track(writer)
        writer.align(Alignment(track.id, 0, 950_000_000, 0.0, "arrival", 1000))
        for number in range(300):
            arrival_ns = number * SECOND // 30
            writer.frame(Frame(track.id, number * 3000, arrival_ns, b"x", FrameFlag.KEY))
            writer.watermark(arrival_ns)
        writer.watermark(20 * SECOND)
        writer.close(final=True)
    journal = Journal.open(tmp_path / "j")
    assert numbers(journal, track, 5 * SECOND, 6 * SECOND) == list(range(122, 152))


def test_late_and_broken_frames_are_used_by_nobody(tmp_path: Path) -> None:
    """Frames flagged LATE or BROKEN stay in the file but are not given to a render."""
    writer = JournalWriter.create(tmp_path / "j", conference="c")
    track = video_track(writer)
    write_pictures(writer, track, 3)
    writer.frame(Frame(track.id, 9000, 0, b"x", FrameFlag.LATE))
    writer.frame(Frame(track.id, 12000, 0, b"x", FrameFlag.BROKEN))
    writer.watermark(SECOND)
    writer.close(final=True)
    assert numbers(Journal.open(tmp_path / "j"), track) == [0, 1, 2]


def test_a_drifting_alignment_stretches_time(tmp_path: Path) -> None:
    """ppm > 0 means that the sender is slow: its ticks are longer on our clock."""
    writer = JournalWriter.create(tmp_path / "j", conference="c")
    track = video_track(writer)
    writer.align(Alignment(track.id, 0, 1000, 100.0, "arrival", 0))
    writer.frame(Frame(track.id, 90000 * 100, 101 * SECOND, b"x"))
    writer.watermark(200 * SECOND)
    writer.close(final=True)
    [(media_ns, _)] = Journal.open(tmp_path / "j").frames([track.id], 0, 10**15)
    assert media_ns == 1000 + 100 * SECOND + 10_000_000


@settings(max_examples=examples(60), suppress_health_check=list(HealthCheck))
@given(cut=st.integers(0, 20_000))
def test_a_torn_end_costs_only_the_torn_record(
    cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """However much is missing at the end of the media, all whole frames before it are there."""
    directory = tmp_path_factory.mktemp("torn") / "j"
    writer = JournalWriter.create(directory, conference="c")
    track = video_track(writer)
    write_pictures(writer, track, 100)
    writer.close(final=False)
    media = directory / "run-0001.media"
    length = media.stat().st_size
    os.truncate(media, max(0, length - cut))
    seen = numbers(Journal.open(directory), track)
    assert seen == list(range(len(seen)))
    assert len(seen) >= min(99, int((length - cut) / (length / 100)) - 1)


@settings(max_examples=examples(60), suppress_health_check=list(HealthCheck))
@given(at=st.floats(0, 0.99), junk=st.binary(min_size=1, max_size=300), where=st.booleans())
def test_damage_in_the_middle_costs_only_what_it_touches(
    at: float, junk: bytes, where: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Overwritten bytes lose the records they lie in; the reader finds its feet again."""
    directory = tmp_path_factory.mktemp("damage") / "j"
    writer = JournalWriter.create(directory, conference="c")
    track = video_track(writer)
    write_pictures(writer, track, 100)
    writer.close(final=False)
    media = directory / "run-0001.media"
    content = bytearray(media.read_bytes())
    start = int(at * (len(content) - len(junk)))
    content[start : start + len(junk)] = junk
    media.write_bytes(content)
    record = len(content) // 100
    seen = numbers(Journal.open(directory), track)
    assert seen == sorted(set(seen))
    assert len(seen) >= 99 - (len(junk) // record + 2)


def test_damaged_meta_loses_only_the_damaged_record(tmp_path: Path) -> None:
    """A damaged event is passed over and reported; the events after it are read."""
    writer = JournalWriter.create(tmp_path / "j", conference="c")
    for number in range(10):
        writer.event(Event(number, f"event-{number}"))
    writer.watermark(SECOND)
    writer.close(final=True)
    meta = tmp_path / "j" / "run-0001.meta"
    content = meta.read_bytes().replace(b"event-5", b"event-X")
    meta.write_bytes(content)
    journal = Journal.open(tmp_path / "j")
    assert [e.type for e in journal.events()] == [f"event-{n}" for n in range(10) if n != 5]
    assert [d.file for d in journal.damage] == ["meta"]


_KILLED = """
import sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.journal.test_journal import *
writer = JournalWriter.create(Path({directory!r}), conference="c")
track = video_track(writer)
number = 0
while True:
    write_pictures(writer, track, 1, first=number)
    number += 1
    print(time.monotonic(), number, flush=True)
    time.sleep(0.002)
"""


@pytest.mark.system
def test_kill_loses_at_most_the_last_quarter_second(tmp_path: Path) -> None:
    """What was journalled more than 250 ms before kill -9 is read; the next run goes on."""
    directory = tmp_path / "j"
    root = str(Path(__file__).parents[2])
    child = subprocess.Popen(
        [sys.executable, "-c", _KILLED.format(root=root, directory=str(directory))],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout
    said = [child.stdout.readline().split() for _ in range(400)]
    child.send_signal(signal.SIGKILL)
    child.wait()
    said += [line.split() for line in child.stdout.read().splitlines()]
    last = float(said[-1][0])
    safe = max(int(number) for at, number in said if float(at) < last - 0.25)
    assert recover(directory)
    journal = Journal.open(directory)
    assert journal.finished
    track = next(iter(journal.tracks.values()))
    seen = numbers(journal, track)
    assert seen == list(range(len(seen)))
    assert len(seen) >= safe
    assert not recover(directory)


def test_runs_join_into_one_recording(tmp_path: Path) -> None:
    """A second run goes on where the first died; the first's unaligned frames are placed too."""
    directory = tmp_path / "j"
    first = JournalWriter.create(directory, conference="c")
    track = video_track(first)
    first.frame(Frame(track.id, 0, 10_000_000, b"unaligned", FrameFlag.KEY, width=2, height=2))
    first.close(final=False)
    second = JournalWriter.create(directory, conference="c")
    again = video_track(second)
    assert second.run == 2
    assert again.id != track.id
    write_pictures(second, again, 3, first=30)
    second.watermark(2 * SECOND)
    second.close(final=True)
    journal = Journal.open(directory)
    frames = list(journal.frames([track.id, again.id], 0, 10**15))
    assert [frame.track for _, frame in frames] == [track.id, again.id, again.id, again.id]
    assert frames[0][0] == 10_000_000


def test_the_slowest_of_several_writers_holds_the_watermark(tmp_path: Path) -> None:
    """Nothing is final before every living writer has said so; its earlier runs count for it."""
    directory = tmp_path / "j"
    first = JournalWriter.create(directory, conference="c", writer="a")
    first.watermark(10 * SECOND)
    second = JournalWriter.create(directory, conference="c", writer="b")
    second.watermark(8 * SECOND)
    second.close(final=False)
    first.close(final=True)
    journal = Journal.open(directory)
    assert journal.watermark_ns == 8 * SECOND
    assert not journal.finished
    again = JournalWriter.create(directory, conference="c", writer="b")
    again.close(final=False)
    journal.refresh()
    assert journal.watermark_ns == 8 * SECOND


def test_records_of_an_unknown_type_are_passed_over(tmp_path: Path) -> None:
    """A record that this version does not know does not hide those after it."""
    writer = JournalWriter.create(tmp_path / "j", conference="c")
    writer._append_meta(records.pack_json(200, {"of": "the future"}))  # type: ignore[arg-type]
    writer.event(Event(1, "known"))
    writer.watermark(SECOND)
    writer.close(final=True)
    assert [event.type for event in Journal.open(tmp_path / "j").events()] == ["known"]


def test_a_second_recorder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two writers of one name cannot be alive at once: one clear line."""
    monkeypatch.setattr("mixer.journal.writer.LOCK_TIMEOUT_S", 0.05)
    writer = JournalWriter.create(tmp_path / "j", conference="c")
    with pytest.raises(StorageError, match="another recorder"):
        JournalWriter.create(tmp_path / "j", conference="c")
    assert not recover(tmp_path / "j")
    writer.close(final=True)


def test_newer_damaged_and_missing_journals_are_told_apart(tmp_path: Path) -> None:
    """Each has its own error class, thus its own exit code."""
    with pytest.raises(JournalMissing):
        Journal.open(tmp_path)
    (tmp_path / "journal.json").write_text(json.dumps({"version": 99}))
    with pytest.raises(JournalTooNew):
        Journal.open(tmp_path)
    with pytest.raises(JournalTooNew):
        JournalWriter.create(tmp_path, conference="c")
    (tmp_path / "journal.json").write_text("{")
    with pytest.raises(JournalDamaged):
        Journal.open(tmp_path)


_FULL_DISK = """
import sys, time, signal, resource
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.journal.test_journal import *
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))
writer = JournalWriter.create(Path({directory!r}), conference="c")
track = video_track(writer)
try:
    for number in range(100000):
        write_pictures(writer, track, 1, first=number)
        time.sleep(0.001)
except StorageError as error:
    print("refused:", error)
    sys.exit(error.exit_code)
"""


def test_a_disk_that_refuses_is_told_and_loses_nothing_written(tmp_path: Path) -> None:
    """When writes fail the writer raises StorageError; what was written before can be read."""
    directory = tmp_path / "j"
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", _FULL_DISK.format(root=root, directory=str(directory))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == StorageError.exit_code, done.stderr
    assert "refused: cannot write to" in done.stdout
    recover(directory)
    journal = Journal.open(directory)
    seen = numbers(journal, next(iter(journal.tracks.values())))
    assert seen == list(range(len(seen)))
    assert len(seen) > 30
