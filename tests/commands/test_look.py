"""`mixer export` as people and programs meet it; what it writes is journal/test_export.py's."""

from __future__ import annotations

import json
from pathlib import Path

from tests.journal.small import write_small
from tests.test_cli import said


def test_a_program_is_told_how_far_it_is(tmp_path: Path) -> None:
    """Lines of progress that grow to 1, the files at last; without --json just the files."""
    journal = write_small(tmp_path / "journal").directory
    out = tmp_path / "out"
    text = said("export", str(journal), "--out", str(out), "--json")
    lines = [json.loads(line) for line in text.splitlines()]
    assert {line["event"] for line in lines[:-1]} == {"progress"}
    shares = [line["share"] for line in lines[:-1]]
    assert shares == sorted(set(shares)) and shares[-1] == 1.0
    files = [str(path) for path in sorted(out.glob("*.mkv"))]
    assert lines[-1]["event"] == "result" and sorted(lines[-1]["files"]) == files
    assert len(files) == 4
    plain = said("export", str(journal), "--out", str(out)).splitlines()
    assert sorted(plain) == files


def test_a_failure_is_told_to_programs_too(tmp_path: Path) -> None:
    """As by every command."""
    text = said("export", str(tmp_path), "--out", str(tmp_path), "--json", code=40)
    [line] = [line for line in text.splitlines() if line.startswith("{")]
    assert json.loads(line)["code"] == 40
