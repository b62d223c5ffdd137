"""What a remix tells of a recording of which something is lost: it is as long as ever."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from mixer.clock import SECOND
from mixer.edit import Span
from mixer.journal import Event, Journal, JournalWriter, recover
from mixer.recorder import MixPlan, Plan, RecordFolder
from mixer.recorder.irregularities import damage_notes
from mixer.recorder.remix import RenderOptions, remix
from tests.instruments.make_journal import make_journal
from tests.recorder.test_remix_ends import shown

SECONDS = 6
ALL = (Span(0, SECONDS * SECOND),)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("made") / "journal"
    return make_journal(directory, participants=2, size=(160, 90), seconds=SECONDS, loop_seconds=2)


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> RecordFolder:
    folder = RecordFolder(tmp_path / "record")
    shutil.copytree(made, folder.journal)
    folder.save(Plan("made", "made", (MixPlan(start_ns=0),)))
    return folder


def notes(folder: RecordFolder, *spans: Span) -> list[dict[str, Any]]:
    return damage_notes(Journal.open(folder.journal), spans or ALL)


def overwritten(folder: RecordFolder, name: str, start: float, end: float) -> int:
    """Bytes that are zeros now, between two shares of the file's length."""
    path = folder.journal / name
    content = bytearray(path.read_bytes())
    at, until = round(start * len(content)), round(end * len(content))
    content[at:until] = bytes(until - at)
    path.write_bytes(content)
    return until - at


def test_a_whole_journal_has_nothing_to_tell(folder: RecordFolder) -> None:
    """Nor has one whose writer was killed while it wrote."""
    assert notes(folder) == []
    with (folder.journal / "run-0001.media").open("ab") as file:
        file.write(b"\xabMXR\x02torn")
    assert notes(folder) == []


@pytest.mark.parametrize("format_", ["mp3", "mp4"])
def test_media_that_is_cut_off(folder: RecordFolder, tmp_path: Path, format_: Any) -> None:
    """Half of it is gone: the remix is as long as before, and says what it lacks, and from when."""
    media = folder.journal / "run-0001.media"
    size = media.stat().st_size
    os.truncate(media, size // 2)
    out = tmp_path / ("out.mp4" if format_ == "mp4" else "out")
    wish = RenderOptions(out, format=format_, size="160x90", preset="superfast", encoder="null")
    told = asyncio.run(remix(folder, wish, shown)).notes
    [note] = [note for note in told if note["type"] == "damage"]
    assert (note["file"], note["run"]) == ("media", 1)
    assert size * 0.45 < note["bytes"] <= size - size // 2
    assert 1 < note["t"] < 5


def test_damage_is_told_where_it_lies(folder: RecordFolder) -> None:
    """A remix of what lies before or behind it lacks nothing."""
    size = overwritten(folder, "run-0001.media", 0.4, 0.6)
    [note] = notes(folder)
    assert 1.5 * SECOND < note["t_ns"] < 3 * SECOND
    assert size <= note["bytes"] < size * 1.2
    assert notes(folder, Span(0, SECOND)) == notes(folder, Span(5 * SECOND)) == []
    assert notes(folder, Span(0, 3 * SECOND), Span(2 * SECOND, 4 * SECOND)) == [note]


def test_many_small_damages_are_few_notes(folder: RecordFolder) -> None:
    """A disk that has lost a sector here and there."""
    for n in range(40):
        overwritten(folder, "run-0001.media", n / 40, n / 40 + 0.001)
    found = notes(folder)
    assert len(found) <= 3
    assert found[0]["t_ns"] < SECOND


def test_damage_of_meta(folder: RecordFolder) -> None:
    """What it said may have been of any time: it is told whatever the range."""
    size = overwritten(folder, "run-0001.meta", 0.1, 0.3)
    [note] = notes(folder, Span(5 * SECOND))
    assert (note["file"], note["t_ns"]) == ("meta", None)
    assert note["bytes"] >= size


def test_a_run_that_nobody_can_read(folder: RecordFolder) -> None:
    """The run after it can be: what the first one held is told as lost."""
    size = (folder.journal / "run-0001.media").stat().st_size
    overwritten(folder, "run-0001.meta", 0, 1)
    with JournalWriter.create(folder.journal, conference="made") as writer:
        writer.event(Event(7 * SECOND, "participant.added", {"participant": {"id": "x"}}))
        writer.watermark(8 * SECOND)
    recover(folder.journal)
    [note] = notes(folder, Span(0, 8 * SECOND))
    assert note == {"t_ns": 0, "type": "damage", "file": "media", "run": 1, "bytes": size}
