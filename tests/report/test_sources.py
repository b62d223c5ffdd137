"""From a plan to the files that a report is about: parts, pauses, sound."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mixer.clock import SECOND
from mixer.recorder.plan import AudioPart, MixPlan, Plan, RecordFolder
from mixer.report import make_report
from mixer.report.sources import facts_of, outputs_of
from tests.report.scenes import film, moving, tone
from tests.report.test_report import journal_in


def part(number: int, start: int, stop: int, mix_id: str = "default") -> MixPlan:
    return MixPlan(
        mix_id,
        fps=10,
        part=number,
        start_ns=start * SECOND,
        stop_ns=stop * SECOND,
        finished=True,
        layout_name="The stage",
    )


def test_a_video_that_its_layout_ended(tmp_path: Path) -> None:
    """The report is of what the file shows, not of all until the stop."""
    journal = journal_in(tmp_path / "journal")
    folder = RecordFolder(tmp_path)
    film(folder.mix_file("default"), moving, seconds=6, fps=10)
    mix = replace(part(1, 1, 9), ends_ns=7 * SECOND)
    [output] = outputs_of(folder, Plan("http://x", mixes=(mix,)), journal)
    assert output.seconds == 6.0


def test_what_was_noted_of_the_sound(tmp_path: Path) -> None:
    """Is told of the sound of all, whose file has another name, and of nothing else."""
    journal = journal_in(tmp_path / "journal")
    plan = Plan("http://x", mixes=(part(1, 1, 5),), format="both", audio_parts=(AudioPart(SECOND),))
    folder = RecordFolder(tmp_path)
    film(folder.mix_file("default"), moving, seconds=4, fps=10)
    tone(folder.audio / "record_1_conf_x.mp3", seconds=4)
    noted = {"t": 1.0, "type": "loudness-missed", "mix": "sound", "lufs": -31.5}
    outputs = outputs_of(folder, plan, journal)
    report = make_report(journal, outputs, {"irregularities": [noted]}, tmp_path / "report")
    video, sound = report.document["files"]
    assert [entry["type"] for entry in sound["irregularities"]] == ["loudness-missed"]
    assert any("could not be reached" in finding["text"] for finding in sound["findings"])
    assert video["irregularities"] == []


def test_merged_parts_and_sound_are_found_with_what_they_show(tmp_path: Path) -> None:
    """Two parts of a mix with a pause in the second, the sound of all, a leg that is shorter
    because its silence was cut out; a mix without a file is not spoken of."""
    journal = journal_in(tmp_path / "journal")  # paused from 12 s to 16 s
    mixes = (part(1, 1, 5), part(2, 10, 20), part(1, 2, 4, "other"))
    spans = (AudioPart(SECOND, 5 * SECOND, True), AudioPart(10 * SECOND, 20 * SECOND, True))
    plan = Plan("http://x", mixes=mixes, format="both", audio_parts=spans)
    folder = RecordFolder(tmp_path)
    film(folder.mix_file("default"), moving, seconds=10, fps=10)
    tone(folder.audio / "record_1_conf_x.mp3", seconds=10)
    tone(folder.audio / "record_1_conn_record_2_conf_3.mp3", seconds=2)
    outputs = outputs_of(folder, plan, journal)
    assert [(o.kind, o.label, o.seconds) for o in outputs] == [
        ("video", "default", 10.0),
        ("audio", "record_1_conf_x", 10.0),
        ("leg", "record_1_conn_record_2_conf_3", 10.0),
    ]
    assert facts_of(folder) == {}
    report = make_report(journal, outputs, {}, tmp_path / "report")
    video, sound, leg = report.document["files"]
    assert (video["layoutName"], "layoutName" in sound) == ("The stage", False)
    assert "The stage" in (tmp_path / "report" / "report.html").read_text()
    assert video["losses"][0]["seconds"] == 10.0
    assert {loss["kind"] for loss in sound["losses"]} == {"audio"}
    assert sound["loudness"]["integratedLufs"] == pytest.approx(-20, abs=0.6)
    assert leg["durationSeconds"] == pytest.approx(2.0, abs=0.1)
    cues = (tmp_path / "report" / "default.chapters.vtt").read_text()
    assert "00:00:06.000 -->" in cues  # 4 s of the first part, 2 s of the second up to the pause
    assert cues == (tmp_path / "report" / "record_1_conf_x.chapters.vtt").read_text()
