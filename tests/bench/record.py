"""Recordings for measurements: a record's folder with a generated journal and a plan."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from mixer.recorder import MixPlan, Plan, RecordFolder
from tests.instruments.make_journal import make_journal

START_NS = 200_000_000


def make_record(directory: Path, *, mix: MixPlan | None = None, **journal: Any) -> RecordFolder:
    """A recording as `mixer record` leaves it when its renders were killed at once."""
    folder = RecordFolder(directory)
    directory.mkdir(parents=True, exist_ok=True)
    make_journal(folder.journal, start_ns=START_NS, **journal)
    planned = mix or MixPlan()
    folder.save(Plan("made", "made", (with_start(planned),)))
    return folder


def with_start(mix: MixPlan) -> MixPlan:
    return replace(mix, start_ns=START_NS)
