"""What `mixer render` refuses before it begins, each in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from mixer.clock import SECOND
from mixer.recorder import MixPlan, Plan, RecordFolder
from tests.instruments.make_journal import make_journal
from tests.test_cli import said


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of a second."""
    folder = RecordFolder(tmp_path_factory.mktemp("record"))
    make_journal(folder.journal, participants=1, size=(160, 90), seconds=1.0, loop_seconds=1)
    folder.save(Plan("made", "made", (MixPlan(start_ns=0, stop_ns=SECOND),)))
    return folder.directory


@pytest.mark.parametrize("more", ["", "deeper"])
@pytest.mark.parametrize("format_", ["mp4", "mp3", "both"])
def test_a_file_is_no_folder(record: Path, tmp_path: Path, format_: str, more: str) -> None:
    """--out below a file is a mistake like another, and told as one."""
    file = tmp_path / "file"
    file.touch()
    out = file / more / ("film.mp4" if format_ == "mp4" else "films")
    text = said("render", str(record), "--out", str(out), "--format", format_, code=2)
    assert text == f"mixer: --out {out} lies in {file}, which is a file; give another\n"
