"""A part's file is there when it is made: nothing else is waited for."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from mixer.clock import SECOND
from mixer.journal import Journal
from mixer.recorder import MixPlan, Plan, RecordFolder, parts
from mixer.recorder.parts import Parts
from mixer.render.job import Progress, RenderResult
from mixer.render.settings import Workspace
from tests.instruments.make_journal import make_journal

MIX = MixPlan(start_ns=0, stop_ns=SECOND)


class Made:
    """A render that has nothing to do."""

    progress = Progress()

    def __init__(self, out: Path) -> None:
        self.out = out

    async def run(self) -> RenderResult:
        return RenderResult(self.out, 30, 1000, ())

    async def stop_at(self, t_ns: int) -> None:
        """It has ended."""


async def test_no_file_waits_for_its_work_to_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hours of it take a while to remove; it is gone before the recorder is. What the recorder is
    to keep free of the disk, its renders know."""
    folder, may_go = RecordFolder(tmp_path), threading.Event()
    gone: list[Workspace] = []
    asked: dict[str, Any] = {}

    def job(folder: RecordFolder, journal: Journal, mix: MixPlan, **more: Any) -> Made:
        asked.update(more)
        return Made(folder.part_file(mix))

    def clean(work: Workspace) -> None:
        may_go.wait(60)
        gone.append(work)

    monkeypatch.setattr(parts, "video_job", job)
    monkeypatch.setattr(parts, "clean", clean)
    make_journal(folder.journal, participants=1, size=(160, 90), seconds=1.0, loop_seconds=1)
    folder.parts.mkdir()
    running = Parts(folder, Plan("", mixes=(MIX,)), lambda: None, keep_free=7)
    running.go_on(Journal.open(folder.journal))
    await running.done()
    assert folder.load().mixes[0].finished and not gone
    may_go.set()
    await running.cleaned()
    assert gone == [folder.mix_work(MIX)] and asked["keep_free"] == 7
