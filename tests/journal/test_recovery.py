"""What is done with a journal of which something is gone: made of what can be read, or refused."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mixer.clock import SECOND
from mixer.errors import JournalDamaged
from mixer.journal import Frame, Journal, JournalWriter, records, recover
from mixer.journal.inspect import inspect
from mixer.lock import locked
from tests.journal.test_journal import numbers, video_track, write_pictures

ANSWERS = (Journal.open, recover, lambda folder: JournalWriter.create(folder, conference="c"))


def abandoned(folder: Path, pictures: int = 60, age_s: int = 60) -> Path:
    """A journal of a run whose writer died, begun so long ago."""
    writer = JournalWriter.create(folder, conference="c")
    if pictures:
        write_pictures(writer, video_track(writer), pictures)
    writer.close(final=False)
    identity = json.loads((folder / "journal.json").read_text())
    identity["monotonic_ns"] -= age_s * SECOND
    identity["wall"] -= age_s
    (folder / "journal.json").write_text(json.dumps(identity))
    return folder


def empty_meta(folder: Path) -> None:
    os.truncate(folder / "run-0001.meta", 0)


def garbage_for_meta(folder: Path) -> None:
    (folder / "run-0001.meta").write_bytes(b"\xab garbage " * 400)


def no_meta(folder: Path) -> None:
    (folder / "run-0001.meta").unlink()


def no_media(folder: Path) -> None:
    (folder / "run-0001.media").unlink()


def without_header(folder: Path) -> None:
    """One byte of the run's header is another."""
    meta = folder / "run-0001.meta"
    content = bytearray(meta.read_bytes())
    content[records.HEADER_SIZE + 2] ^= 0xFF
    meta.write_bytes(content)


@pytest.mark.parametrize("damaged", [empty_meta, garbage_for_meta, no_meta, no_media])
def test_a_journal_that_nobody_can_read_is_refused(
    damaged: Callable[[Path], None], tmp_path: Path
) -> None:
    """It is not recovered as so much of nothing as has passed since it began."""
    folder = abandoned(tmp_path / "j")
    damaged(folder)
    files = sorted(path.name for path in folder.iterdir())
    for ask in (Journal.open, recover):
        with pytest.raises(JournalDamaged):
            ask(folder)
    with locked(folder / "recorder.lock", "held"), pytest.raises(JournalDamaged):
        recover(folder, besides="recorder.lock")  # as `mixer render` does
    assert sorted({path.name for path in folder.iterdir()} - {"recorder.lock"}) == files


def test_a_writer_that_has_said_nothing_yet_is_waited_for(tmp_path: Path) -> None:
    """Media are written before the meta that speaks of them: that alone is no damage."""
    folder = abandoned(tmp_path / "j")
    empty_meta(folder)
    with locked(folder / "ingest.lock", "held"):
        assert Journal.open(folder).watermark_ns == 0
        assert not recover(folder)


def test_what_a_run_says_of_its_tracks_is_enough(tmp_path: Path) -> None:
    """Only the run's header is damaged: everything is recovered, and the damage told."""
    folder = abandoned(tmp_path / "j")
    without_header(folder)
    assert recover(folder)
    journal = Journal.open(folder)
    [track] = journal.tracks.values()
    assert numbers(journal, track)[:59] == list(range(59))
    assert journal.watermark_ns < 3 * SECOND
    assert [damage.file for damage in journal.damage] == ["meta"]


def test_one_good_run_of_several_is_enough(tmp_path: Path) -> None:
    """The other's media are told as lost, and are not taken for a torn last write."""
    folder = abandoned(tmp_path / "j")
    empty_meta(folder)
    writer = JournalWriter.create(folder, conference="c")
    track = video_track(writer)
    write_pictures(writer, track, 3, first=30)
    writer.watermark(2 * SECOND)
    writer.close(final=False)
    assert recover(folder)
    journal = Journal.open(folder)
    assert journal.watermark_ns == 2 * SECOND
    assert numbers(journal, track) == [30, 31, 32]
    [damage] = inspect(journal)["damage"]
    size = (folder / "run-0001.media").stat().st_size
    assert damage == {"run": 1, "file": "media", "offset": 0, "bytes": size, "tornEnd": False}


def test_a_recorder_that_died_at_once_has_recorded_nothing(tmp_path: Path) -> None:
    """Not a byte was written: the recording is empty, however long ago that was."""
    folder = abandoned(tmp_path / "j", 0)
    empty_meta(folder)
    assert recover(folder)
    journal = Journal.open(folder)
    assert journal.finished
    assert journal.watermark_ns < SECOND


def test_media_that_was_cut_off_is_told(tmp_path: Path) -> None:
    """What .meta says was there is not: that is damage, and more than a torn last write."""
    folder = abandoned(tmp_path / "j")
    media = folder / "run-0001.media"
    length = media.stat().st_size
    record = len(records.pack_frame(Frame(1, 0, 0, b"picture 0" * 20)))
    os.truncate(media, 10 * record)
    assert recover(folder)
    found = inspect(Journal.open(folder))["damage"]
    assert sum(one["bytes"] for one in found) >= length - 12 * record
    assert not found[-1]["tornEnd"]


@pytest.mark.parametrize(
    "text", ['{"version":1}', "[]", '{"version":1,"conference":"c","boot_id":"b","wall":"x"}', "\0"]
)
def test_a_journal_json_that_lacks_something_is_damaged(text: str, tmp_path: Path) -> None:
    """Readers and writers say so, each in one line."""
    folder = abandoned(tmp_path / "j")
    (folder / "journal.json").write_text(text)
    for ask in ANSWERS:
        with pytest.raises(JournalDamaged, match=r"journal\.json is damaged"):
            ask(folder)
