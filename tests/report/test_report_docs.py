"""docs/report.md names every key of what is written, and none that is not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mixer.clock import SECOND
from mixer.edit import edit_list
from mixer.journal import Journal
from mixer.report import OutputFile, make_report
from tests.report.scenes import film, flat, moving, switched
from tests.report.test_report import journal_in

DOCS = Path(__file__).parents[2] / "docs" / "report.md"
ELSEWHERE = {"tracks", "irregularities"}  # described in journal.md and recording.md


def keys(value: Any) -> Iterator[str]:
    """All keys of a JSON value, but of what is described elsewhere."""
    if isinstance(value, list):
        for item in value:
            yield from keys(item)
    elif isinstance(value, dict):
        for key, inside in value.items():
            yield key
            if key not in ELSEWHERE:
                yield from keys(inside)


def test_every_key_is_documented(tmp_path: Path) -> None:
    """Both ways: what the tables' first columns name is written, too."""
    journal_in(tmp_path / "journal").close()
    journal = Journal.open(tmp_path / "journal")
    edits = edit_list(0, 20 * SECOND, journal.pauses, 10)
    picture = switched([(8, moving), (99, lambda t: flat(16))])
    path = film(tmp_path / "mixes" / "a.mp4", picture, seconds=16, fps=10)
    make_report(journal, [OutputFile(path, "video", "a", edits)], {}, tmp_path / "report")
    journal.close()
    written: set[str] = set()
    for name in ("report.json", "timeline.json"):
        written |= set(keys(json.loads((tmp_path / "report" / name).read_text())))
    text = DOCS.read_text()
    told = set(re.findall(r"`([\w-]+)(?:\[\])?`", text))
    assert written - told == set()
    first = {
        name
        for row in re.findall(r"^\| (`.*?) \|", text, re.M)
        for name in re.findall(r"`([\w-]+)(?:\[\])?`", row)
    }
    assert first - written == set()
