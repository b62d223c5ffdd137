"""The report of a journal says what is in it, and reads well in a terminal."""

from __future__ import annotations

import copy
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from mixer.clock import SECOND
from mixer.journal import Alignment, Frame, FrameFlag, Journal, JournalWriter, media_time_ns
from mixer.journal.inspect import _along, inspect, render_text
from tests.journal.small import SECONDS, Written, write_small

STATES = ("finished", "live", "abandoned")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return write_small(tmp_path_factory.mktemp("small") / "journal")


@pytest.fixture(scope="module")
def report(written: Written) -> dict[str, Any]:
    return inspect(Journal.open(written.directory))


def track_of(report: dict[str, Any], id_: int) -> dict[str, Any]:
    return next(track for track in report["tracks"] if track["id"] == id_)


def text_of(report: dict[str, Any], width: int = 100) -> str:
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=False).print(render_text(report))
    return out.getvalue()


def test_the_report_is_json_and_complete(report: dict[str, Any], written: Written) -> None:
    """It survives JSON, and speaks of the whole journal: state, length, every track."""
    assert json.loads(json.dumps(report)) == report
    assert report["state"] == "finished"
    assert report["durationSeconds"] == SECONDS
    assert [track["id"] for track in report["tracks"]] == sorted(written.packets)
    assert report["events"] == {
        "total": 3,
        "byType": {"participant.added": 2, "participant.speaking": 1},
    }
    assert report["notes"][0]["type"] == "queue-full"
    assert report["damage"] == []
    assert [run["end"] for run in report["runs"]] == ["final"]


def test_frames_bytes_and_times_are_counted(report: dict[str, Any], written: Written) -> None:
    """Numbers of frames and bytes are those that were written; times are media times."""
    for id_, packets in written.packets.items():
        track = track_of(report, id_)
        unusable = track["late"] + track["broken"]
        assert track["frames"] == len(packets) + unusable
        assert track["bytes"] == sum(len(d) for _, d in packets) + len(b"unusable") * unusable
        assert track["first"] == 0
        assert track["last"] == pytest.approx(packets[-1][0] / SECOND, abs=0.001)
        assert track["frameRate"] == pytest.approx(30 if track["kind"] == "video" else 50, abs=0.1)


def test_irregularities_of_a_track_are_told(report: dict[str, Any], written: Written) -> None:
    """Late and broken frames, gaps, sizes, key pictures and alignment have their numbers."""
    track = track_of(report, written.tracks["a video"].id)
    assert (track["late"], track["broken"]) == (1, 2)
    assert track["gaps"] == {
        "count": 1,
        "seconds": 0.5,
        "longestSeconds": 0.5,
        "byReason": {"loss": 1},
    }
    assert track["sizes"] == [
        {"t": 0.0, "width": 160, "height": 120},
        {"t": 2.0, "width": 96, "height": 64},
    ]
    assert track["keyPictures"] == {"count": 4, "meanSeconds": 1.0, "longestSeconds": 1.0}
    assert track["alignment"]["method"] == "arrival"
    assert track["alignment"]["qualityMs"] == 6.0
    assert track["alignment"]["records"] == 2


@given(
    st.integers(-(2**40), 2**40),
    st.integers(-(2**40), 2**40),
    st.floats(-500, 500),
    st.sampled_from([48_000, 90_000]),
)
def test_many_times_at_once_are_the_readers_times(
    start: int, rtp: int, ppm: float, clock_rate: int
) -> None:
    """The report's arithmetic gives the media times of Journal.media_ns, to the nanosecond."""
    alignment = Alignment(1, start, 123_456_789, ppm, "arrival", 0)
    expected = media_time_ns(alignment, clock_rate, rtp)
    got = int(_along(alignment, clock_rate, np.array([rtp], np.int64))[0])
    assert got == pytest.approx(expected, abs=max(1.0, abs(expected) * 1e-15))


def test_a_growing_journal_is_live_and_told_up_to_its_watermark(tmp_path: Path) -> None:
    """While a writer lives, only what is final is counted."""
    with JournalWriter.create(tmp_path / "j", conference="c") as writer:
        track = writer.track(
            participant="p", stream="s", source="Camera", kind="audio", codec="opus",
            clock_rate=48_000,
        )  # fmt: skip
        writer.align(Alignment(track.id, 0, 0, 0.0, "arrival", 0))
        for number in range(100):
            writer.frame(Frame(track.id, number * 960, number * 20_000_000, b"x"))
            if number == 50:
                writer.watermark(SECOND)
        report = None
        while report is None or not report["tracks"] or not report["tracks"][0]["frames"]:
            report = inspect(Journal.open(tmp_path / "j"))  # the writer's thread is writing
        assert report["state"] == "live"
        assert report["durationSeconds"] == 1.0
        assert report["tracks"][0]["frames"] == 51


def test_an_abandoned_journal_is_told_to_its_last_whole_frame(tmp_path: Path) -> None:
    """After a crash: frames past the watermark count, a torn last write is no loss."""
    with JournalWriter.create(tmp_path / "j", conference="c") as writer:
        track = writer.track(
            participant="p", stream="s", source="Camera", kind="video", codec="vp8",
            clock_rate=90_000,
        )  # fmt: skip
        writer.watermark(1)
        for number in range(60):  # never aligned: placed by arrival
            arrival_ns = number * SECOND // 30 + 7_000_000
            flag = FrameFlag.KEY if number == 0 else FrameFlag(0)
            writer.frame(Frame(track.id, number * 3000, arrival_ns, b"x" * 100, flag))
    media = tmp_path / "j" / "run-0001.media"
    media.write_bytes(media.read_bytes()[:-10])
    report = inspect(Journal.open(tmp_path / "j"))
    assert report["state"] == "abandoned"
    assert report["tracks"][0]["frames"] == 59
    assert report["tracks"][0]["alignment"] is None
    assert report["durationSeconds"] == pytest.approx(58 / 30, abs=0.01)
    assert [entry["tornEnd"] for entry in report["damage"]] == [True]


def test_damage_in_the_middle_is_told_as_loss(tmp_path: Path) -> None:
    """A flipped byte costs its frame, and the report says where."""
    written = write_small(tmp_path / "j")
    media = tmp_path / "j" / "run-0001.media"
    content = bytearray(media.read_bytes())
    content[1000] ^= 0xFF
    media.write_bytes(content)
    report = inspect(Journal.open(written.directory))
    (damage,) = report["damage"]
    assert damage["file"] == "media"
    assert damage["offset"] <= 1000 < damage["offset"] + damage["bytes"]
    assert not damage["tornEnd"]
    assert "lost" in text_of(report)


def test_an_empty_journal_has_a_report(tmp_path: Path) -> None:
    """Nothing recorded is no error."""
    JournalWriter.create(tmp_path / "j", conference="c").close(final=True)
    report = inspect(Journal.open(tmp_path / "j"))
    assert report["tracks"] == []
    assert "0 tracks" in text_of(report)


@pytest.mark.parametrize("state", STATES)
def test_the_text_fits_into_100_columns(report: dict[str, Any], state: str) -> None:
    """Long names, large sizes, hours and drifts make no line longer, and hide no number."""
    wide = copy.deepcopy(report)
    wide["state"] = state
    for track in wide["tracks"]:
        track["participantName"] = "Wolfeschlegelsteinhausenbergerdorff [bold] the 3rd"
        track["source"] = "ScreenShare"
        track["stream"] = "0123456789abcdef0123456789abcdef.screen"
        track["frames"], track["bitRate"] = 1_296_000, 12_345_678
        track["first"], track["last"] = 3600.123, 12 * 3600.0
        track["alignment"]["method"] = "sender-report"
        track["alignment"]["driftPpm"] = [-101.2, 102.3]
        if track["kind"] == "video":
            track["sizes"] = [{"t": 1.0, "width": 1920, "height": 1080}] * 30
    text = text_of(wide)
    assert max(len(line) for line in text.splitlines()) <= 100
    assert "1296000" in text
    assert "12:00:00.0" in text
    assert "sender-report ± 5.0  -101…+102" in text
    assert "1920x1080 +29" in text


def test_inspecting_needs_no_codecs() -> None:
    """mixer inspect works, and quickly, where PyAV is not even importable."""
    code = "import sys; sys.modules['av'] = None; import mixer.journal.inspect"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
