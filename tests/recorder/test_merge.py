"""Parts of a mix become one file: pictures as they are, sound without a click, all in sync."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from mixer.clock import SECOND
from mixer.edit import EditList, edit_list, joined
from mixer.errors import UsageError
from mixer.journal import PAUSED, RESUMED, Journal, JournalWriter, Note
from mixer.recorder import MixPlan, Plan, RecordFolder
from mixer.recorder.offline import finish_plan
from mixer.recorder.remix import RenderOptions, remix
from mixer.render.job import Progress
from tests.instruments.analyser import analyse
from tests.instruments.make_journal import make_journal

PARTS_S = ((0.5, 2.5), (4.0, 6.0), (7.0, 9.6))
PAUSE_S = (8.0, 9.0)  # within the last part
FPS = 30
FRAMES = 60 + 60 + 48
CLIP = 300  # pictures, then numbers start again


def shown(name: str, progress: Progress, fps: int) -> None:
    """Nobody looks."""


def spans() -> list[tuple[int, int]]:
    return [(round(a * SECOND), round(b * SECOND)) for a, b in PARTS_S]


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordFolder]:
    """A recording that was stopped and started twice and paused once, finished."""
    folder = RecordFolder(tmp_path_factory.mktemp("record"))
    make_journal(folder.journal, participants=2, size=(320, 180), seconds=10.0, final=False)
    with JournalWriter.create(folder.journal, conference="made") as writer:
        for type_, at_s in zip((PAUSED, RESUMED), PAUSE_S, strict=True):
            writer.note(Note(round(at_s * SECOND), type_))
        writer.watermark(10 * SECOND)
        writer.close(final=True)
    mixes = tuple(
        MixPlan(width=640, height=360, preset="superfast", part=n, start_ns=start, stop_ns=stop)
        for n, (start, stop) in enumerate(spans(), 1)
    )
    folder.save(Plan("made", "made", mixes))
    assert asyncio.run(finish_plan(folder, shown)) == [folder.mix_file("default")]
    yield folder


def edits(journal: Journal) -> EditList:
    return joined([edit_list(start, stop, journal.pauses, FPS) for start, stop in spans()])


def test_every_frame_is_there_once(record: RecordFolder) -> None:
    """The file shows just the frames of its parts; at each seam the time between is skipped."""
    times = edits(Journal.open(record.journal))
    assert times.frames == FRAMES
    seen = analyse(record.mix_file("default"))
    assert seen.frames == FRAMES
    sights = seen.participants[0].sights
    assert [sight.frame for sight in sights] == list(range(FRAMES))
    expected = [times.frame_ns(n) * FPS // SECOND % CLIP for n in range(FRAMES)]
    assert [sight.number for sight in sights] == expected


def test_sound_stays_with_its_picture(record: RecordFolder) -> None:
    """Beeps after seams and a pause are as near to their flashes as before."""
    for one in analyse(record.mix_file("default")).participants.values():
        assert one.sync is not None
        assert len(one.sync.offsets) >= 5
        assert all(abs(offset) < 0.5 / FPS + 0.005 for _, offset in one.sync.offsets)


def test_seams_do_not_click(record: RecordFolder) -> None:
    """No step from sample to sample at a seam is larger than the sound's own."""
    sound = decoded(record.mix_file("default"))
    assert 0 <= len(sound) - FRAMES * 1600 < 1024
    steps = np.abs(np.diff(sound))
    usual = np.percentile(steps, 99.9)
    for seam in (60, 120, 150):
        at = seam * 1600
        assert steps[at - 48 : at + 48].max() <= usual


def test_each_part_has_a_file(record: RecordFolder) -> None:
    """What each stop gave is there; the parts' pictures are those of the whole."""
    whole = packets(record.mix_file("default"))
    parts = [packets(record.parts / f"default.{n}.mp4") for n in (1, 2, 3)]
    assert [packet for part in parts for packet in part] == whole


def test_a_remix_of_all_parts_is_the_merged_file(record: RecordFolder, tmp_path: Path) -> None:
    """The same settings give the same bytes, whether parts were joined or made anew."""
    out = tmp_path / "again.mp4"
    asyncio.run(remix(record, RenderOptions(out), shown))
    assert out.read_bytes() == record.mix_file("default").read_bytes()


def test_a_range_is_of_the_whole_file(record: RecordFolder, tmp_path: Path) -> None:
    """--from and --to count over seams: what is shown is what the whole file shows there."""
    out = tmp_path / "range.mp4"
    asyncio.run(remix(record, RenderOptions(out, from_s=1.5, to_s=3.0), shown))
    times = edits(Journal.open(record.journal))
    seen = analyse(out)
    assert seen.frames == 45
    expected = [times.frame_ns(n) * FPS // SECOND % CLIP for n in range(45, 90)]
    assert [sight.number for sight in seen.participants[0].sights] == expected
    with pytest.raises(UsageError, match=r"5\.600 s long"):
        asyncio.run(remix(record, RenderOptions(out, from_s=6.0), shown))


def test_nothing_is_made_twice(record: RecordFolder) -> None:
    """A finished recording is left as it is."""
    before = record.mix_file("default").stat().st_mtime_ns
    assert asyncio.run(finish_plan(record, shown)) == []
    assert record.mix_file("default").stat().st_mtime_ns == before


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def decoded(path: Path) -> NDArray[np.float32]:
    """The left channel."""
    with av.open(str(path)) as container:
        parts = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
    return np.concatenate(parts)
