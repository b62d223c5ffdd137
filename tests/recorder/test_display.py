"""A recording waits for nobody who looks on."""

from __future__ import annotations

import io
import json
import sys
import threading
from pathlib import Path

import pytest

from mixer.recorder import Recorder, RecordSettings, display


class Unread(io.StringIO):
    """A full pipe: whoever writes waits until somebody reads."""

    def __init__(self) -> None:
        super().__init__()
        self.read_by_somebody = threading.Event()

    def write(self, text: str) -> int:
        assert self.read_by_somebody.wait(60)
        return super().write(text)


def test_nobody_reads_what_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines are left out then, but the last, after those that are under way."""
    out = Unread()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(display, "JSON_EVERY_S", 0.0)
    recorder = Recorder(RecordSettings("", tmp_path))
    with display.display_for(as_json=True) as shown:
        for _ in range(10):
            shown.show(recorder)
        assert out.getvalue() == ""
        out.read_by_somebody.set()
        recorder.status.stage = "finished"
        shown.show(recorder)
    stages = [json.loads(line)["stage"] for line in out.getvalue().splitlines()]
    assert stages == ["joining", "finished"]
