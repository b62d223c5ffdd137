"""What each format yields, live and later, with everything real."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.system.processes import mixer, process, publisher, room, until
from tests.system.test_record import MIX, SMALL, check_file, recorded_s

pytestmark = [pytest.mark.system, pytest.mark.timeout(420)]


def record(tmp_path: Path, *options: str, seconds: float = 4) -> tuple[Path, set[str]]:
    """A recording of one person with camera and microphone, stopped by SIGTERM; and the names of
    the programs that ran for it."""
    out = tmp_path / "rec"
    programs: set[str] = set()
    with room(tmp_path) as url, publisher(tmp_path, url, "Ada", *SMALL):
        argv = ("mixer.cli", "record", url, "--out", str(out), "--mix", MIX, *options)
        with process(*argv, log=tmp_path / "record.log") as recorder:

            def enough() -> bool:
                for child in psutil.Process(recorder.pid).children(recursive=True):
                    programs.update(_words(child))
                return recorded_s(out, seconds)

            until(enough, "some seconds were recorded")
            recorder.send_signal(signal.SIGTERM)
            assert recorder.wait(120) == 0
    return out, programs


def _words(child: psutil.Process) -> list[str]:
    try:
        return list(child.cmdline())
    except psutil.Error:
        return []


def samples(path: Path) -> int:
    """The length of an MP3 as it is played: what the encoder added at both ends is taken away."""
    argv = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "s16le", "-ac", "1", "-"]
    return len(subprocess.run(argv, capture_output=True, check=True).stdout) // 2


def test_both_yields_everything(tmp_path: Path) -> None:
    """The video, the audio mix and the participant's audio, named as promised, equally long; and
    the result names no file that is not there."""
    out, _ = record(tmp_path, "--format", "both", "--participant-audio")
    frames = check_file(out / "mixes" / "default.mp4", 640, 360)
    names = sorted(path.name for path in (out / "audio").iterdir())
    assert len(names) == 2
    assert re.fullmatch(r"record_\d{13}_conf_[0-9a-f]{32}\.mp3", names[0])
    assert re.fullmatch(r"record_\d{13}_conn_\w+_\d{13}\.mp3", names[1])
    named = re.findall(r'"file": "(.+)"', (out / "recording.json").read_text())
    assert sorted(named) == ["audio/" + names[0], "audio/" + names[1], "mixes/default.mp4"]
    assert {samples(out / "audio" / name) for name in names} == {frames * 1600}
    result = json.loads((out / "recording.json").read_text())
    files = result["audio"]["files"]
    assert [one["kind"] for one in files] == ["mix", "participant"]
    assert {one["file"] for one in files} == {f"audio/{name}" for name in names}
    assert files[1]["participantId"] == result["participants"][0]["id"]
    assert not (out / "work").exists()


def test_mp3_starts_no_browser(tmp_path: Path) -> None:
    """Audio only: no page pass and no browser ever run, and there is no video."""
    out, programs = record(tmp_path, "--format", "mp3")
    assert "mixer.ingest" in programs
    assert not [word for word in programs if "chrom" in word or word == "mixer.layout"]
    assert not (out / "mixes").exists()
    assert len(list((out / "audio").glob("record_*_conf_*.mp3"))) == 1


def test_without_live_only_the_journal_is_made(tmp_path: Path) -> None:
    """--no-live records, nothing else; `mixer render` makes the files, and any other later."""
    out, programs = record(tmp_path, "--no-live", "--format", "both")
    assert "mixer.render.worker" not in programs
    assert not (out / "mixes").exists() and not (out / "audio").exists()
    mixer("render", str(out))
    frames = check_file(out / "mixes" / "default.mp4", 640, 360)
    made = list((out / "audio").glob("*.mp3"))
    assert [samples(path) for path in made] == [frames * 1600]
    again = mixer("render", str(out))
    assert "nothing was missing" in again.stdout
    other = tmp_path / "other"
    mixer("render", str(out), "--format", "mp3", "--participant-audio", "--out", str(other))
    assert len(list(other.glob("*.mp3"))) == 2
