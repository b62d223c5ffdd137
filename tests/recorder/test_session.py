"""How a recording ends that had hardly begun, had ended before, or was not asked to."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import cast

import pytest

from mixer.clock import SECOND
from mixer.engine import Child
from mixer.recorder import MixPlan, Plan, Recorder, RecordFolder, RecordSettings
from mixer.recorder.receiving import SILENT_LOOKS
from tests.instruments.make_journal import make_journal
from tests.system.processes import room


def test_an_end_that_nobody_asked_for(tmp_path: Path) -> None:
    """Ingest was told to stop, by a signal, say: the recording goes on, as after a crash. Where its
    recorder has stopped, or the conference, it is the end."""
    recorder = Recorder(RecordSettings("", tmp_path))
    assert not recorder._receiving.heard({"event": "ended", "reason": "stopped"})
    assert recorder.status.reason == ""
    assert recorder._receiving.heard({"event": "ended", "reason": "conference-ended"})
    assert recorder.status.reason == "conference-ended"
    assert recorder._receiving.heard({"event": "ended", "reason": "stopped"})


def test_an_ingest_that_is_silent_is_killed(tmp_path: Path) -> None:
    """One that is in the conference and tells nothing hangs; another one takes its place."""
    killed = []

    class Hanging:
        def kill(self) -> None:
            killed.append(self)

    recorder = Recorder(RecordSettings("", tmp_path))
    recorder._receiving._child = cast("Child", Hanging())
    status = {"event": "status", "users": 1, "connected": True, "watermark_ns": 0}

    def look(times: int) -> int:
        for _ in range(times):
            recorder._receiving.look()
        return len(killed)

    assert look(2 * SILENT_LOOKS) == 0  # it is joining
    recorder._receiving.heard({"event": "joined", "t_ns": 0})
    assert look(SILENT_LOOKS) == 0
    recorder._receiving.heard(dict(status))
    assert look(SILENT_LOOKS) == 0
    assert look(1) == 1


@pytest.mark.system
def test_a_stop_while_it_joins(tmp_path: Path) -> None:
    """There may be nothing to see yet; what became of it is told nevertheless."""
    with room(tmp_path) as url:
        recorder = Recorder(RecordSettings(url, tmp_path / "rec", format="mp3"))
        recorder.stop()
        asyncio.run(recorder.run())
    result = json.loads((tmp_path / "rec" / "recording.json").read_text())
    assert result["reason"] == "stopped" and result["mixes"][0]["file"] is None
    assert RecordFolder(tmp_path / "rec").load().ended == "stopped"


def test_a_recording_that_is_finished_already(tmp_path: Path) -> None:
    """To go on with it makes nothing anew, though its only part has no file of its own."""
    folder = RecordFolder(tmp_path)
    make_journal(folder.journal, participants=1, size=(160, 90), seconds=1.0, loop_seconds=1)
    mix = MixPlan(start_ns=0, stop_ns=SECOND, finished=True)
    folder.save(Plan("made", "made", (mix,), merged=True, ended="stopped"))
    film = folder.mix_file("default")
    film.parent.mkdir()
    film.write_bytes(b"a film")
    recorder = Recorder(RecordSettings("", tmp_path, resume=True))
    assert asyncio.run(recorder.run()).reason == "stopped"
    assert recorder.files == [film] and film.read_bytes() == b"a film"
    assert not folder.parts.exists() and not (tmp_path / "work").exists()
