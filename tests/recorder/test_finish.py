"""What the end of a recording leaves behind: each file, with what belongs beside it."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest

from mixer.clock import SECOND
from mixer.recorder import MixPlan, Plan, RecordFolder
from mixer.recorder.offline import finish_plan
from mixer.render.audio_settings import AudioSettings
from tests.instruments.make_journal import make_journal

LEGS = AudioSettings(legs=True, cut_silence=True)


@pytest.mark.parametrize("parts_s", [((0.0, 2.0),), ((0.0, 0.9), (1.1, 2.0))])
def test_a_cue_sheet_lies_beside_its_sound(
    parts_s: tuple[tuple[float, float], ...], tmp_path: Path
) -> None:
    """Also where the only part of the sound is all of it, whose files are only moved."""
    folder = RecordFolder(tmp_path)
    make_journal(folder.journal, participants=2, size=(160, 90), seconds=2.0, loop_seconds=1)
    parts = tuple(
        MixPlan(part=number, start_ns=round(start * SECOND), stop_ns=round(stop * SECOND))
        for number, (start, stop) in enumerate(parts_s, 1)
    )
    folder.save(Plan("made", "made", parts, "mp3", audio=LEGS))
    asyncio.run(finish_plan(folder, lambda name, progress, fps: None))
    legs = {path.stem for path in folder.audio.glob("*_conn_*.mp3")}
    sheets = sorted(folder.audio.glob("*.cue"))
    assert {sheet.stem for sheet in sheets} == legs and len(legs) == 2
    for sheet in (*sheets, *folder.parts.glob("*.cue")):
        [named] = re.findall('FILE "(.*)" MP3', sheet.read_text())
        assert (sheet.parent / named).exists()
    assert folder.parts.exists() == (len(parts_s) > 1)


def test_a_recording_tells_what_is_lost_of_its_journal(tmp_path: Path) -> None:
    """Its files are as long as ever: recording.json says what they lack, and from when."""
    folder = RecordFolder(tmp_path)
    make_journal(folder.journal, participants=2, size=(160, 90), seconds=4.0, loop_seconds=1)
    media = folder.journal / "run-0001.media"
    content = bytearray(media.read_bytes())
    half = len(content) // 2
    content[half : half + 1000] = bytes(1000)
    media.write_bytes(content)
    folder.save(Plan("made", "made", (MixPlan(start_ns=0),), "mp3"))
    asyncio.run(finish_plan(folder, lambda name, progress, fps: None))
    told = json.loads(folder.result.read_text())["irregularities"]
    [entry] = [entry for entry in told if entry["type"] == "damage"]
    assert (entry["file"], entry["run"]) == ("media", 1)
    assert entry["bytes"] >= 1000 and 1 < entry["t"] < 3
