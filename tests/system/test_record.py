"""Recordings from joining to finished files, with everything real: Janus, Chromium, processes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import av
import psutil
import pytest

from mixer.journal import Journal
from tests.instruments.analyser import analyse
from tests.instruments.clips import beep_hz
from tests.system.processes import mixer, process, publisher, room, until

pytestmark = [pytest.mark.system, pytest.mark.timeout(420)]

SMALL = ("--size", "640x360", "--fps", "30", "--bitrate", "500000")
MIX = "id=default,size=640x360,preset=superfast"


def status(folder: Path) -> dict[str, Any]:
    """What the running recorder says, or nothing while it does not listen yet."""
    done = mixer("ctl", str(folder), "status", "--json", check=False)
    return json.loads(done.stdout) if done.returncode == 0 else {}


def recorded_s(folder: Path, seconds: float) -> bool:
    return bool(status(folder).get("elapsed_s", 0) >= seconds)


def probe(path: Path) -> dict[str, Any]:
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-show_streams", "-show_format", "-of", "json", str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert not done.stderr
    probed: dict[str, Any] = json.loads(done.stdout)
    return probed


def check_file(path: Path, width: int, height: int) -> int:
    """The promises that hold for every MP4; returns the number of its frames."""
    probed = probe(path)
    video, sound = probed["streams"]
    assert (video["codec_name"], video["profile"], video["pix_fmt"]) == ("h264", "High", "yuv420p")
    assert (video["width"], video["height"]) == (width, height)
    assert video["avg_frame_rate"] == "30/1"
    assert video["color_space"] == video["color_primaries"] == video["color_transfer"] == "bt709"
    assert float(video["start_time"]) == float(sound["start_time"]) == 0.0
    assert (sound["codec_name"], sound["sample_rate"], sound["channels"]) == ("aac", "48000", 2)
    frames = int(video["nb_frames"])
    assert abs(float(sound["duration"]) - frames / 30) < 0.05
    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == frames
    return frames


def test_a_conference_becomes_files(tmp_path: Path) -> None:
    """Two mixes, one of them started and stopped by `mixer ctl`; SIGTERM finishes everything."""
    out = tmp_path / "rec"
    with room(tmp_path) as url, publisher(tmp_path, url, "Ada", *SMALL):
        argv = ("mixer.cli", "record", url, "--out", str(out), "--mix", MIX, "--json")
        with process(*argv, log=tmp_path / "record.log") as recorder:
            until(lambda: recorded_s(out, 3), "three seconds were recorded")
            assert "tall" not in status(out)["mixes"]
            mixer("ctl", str(out), "start-mix", "--mix", "id=tall,size=360x640,preset=superfast")
            refused = mixer("ctl", str(out), "start-mix", "--mix", "id=tall", check=False)
            assert refused.returncode == 2
            assert "started already" in refused.stderr
            until(lambda: recorded_s(out, 7), "seven seconds were recorded")
            mixer("ctl", str(out), "stop-mix", "--mix", "tall")
            until(lambda: recorded_s(out, 9), "nine seconds were recorded")
            recorder.send_signal(signal.SIGTERM)
            assert recorder.stdout
            lines = [json.loads(line) for line in recorder.stdout]
            assert recorder.wait() == 0
    assert lines[-1]["event"] == "result"
    frames = check_file(out / "mixes" / "default.mp4", 640, 360)
    fewer = check_file(out / "mixes" / "tall.mp4", 360, 640)
    assert 0 < fewer < frames
    result = json.loads((out / "recording.json").read_text())
    assert result["reason"] == "stopped"
    assert [person["name"] for person in result["participants"]] == ["Ada"]
    mix = result["mixes"][0]
    assert abs((mix["stop"] - mix["start"]) * 30 - frames) <= 1
    assert 0 <= mix["start"] - result["participants"][0]["joined"] <= 0.301
    assert not (out / "work").exists()
    assert not (out / "control.sock").exists()


def test_the_recording_ends_when_everybody_has_gone(tmp_path: Path) -> None:
    """When everybody has left and --empty-timeout has passed, the files are finished."""
    out = tmp_path / "rec"
    options = ("--out", str(out), "--mix", MIX, "--empty-timeout", "2")
    with (
        room(tmp_path) as url,
        publisher(tmp_path, url, "Ada", *SMALL),
        process("mixer.cli", "record", url, *options, log=tmp_path / "r.log") as recorder,
    ):
        until(lambda: recorded_s(out, 3), "three seconds were recorded")
        os.kill(_publisher_pid(), signal.SIGKILL)
        assert recorder.wait(120) == 0
    assert json.loads((out / "recording.json").read_text())["reason"] == "empty-timeout"
    check_file(out / "mixes" / "default.mp4", 640, 360)


def _publisher_pid() -> int:
    mine = psutil.Process().children(recursive=True)
    return next(int(p.pid) for p in mine if "tests.instruments.publisher" in p.cmdline())


def test_everything_is_killed_and_the_video_is_made(tmp_path: Path) -> None:
    """kill -9 of the recorder and all its children; `mixer render` makes the MP4, twice the same,
    and sound and picture are in sync in it."""
    out = tmp_path / "rec"
    tone = ("--tone", str(beep_hz(0)), "--flash-place", "0")
    with room(tmp_path) as url, publisher(tmp_path, url, "Ada", *SMALL, *tone):
        argv = ("mixer.cli", "record", url, "--out", str(out), "--mix", MIX)
        with process(*argv, log=tmp_path / "record.log") as recorder:
            until(lambda: recorded_s(out, 8), "eight seconds were recorded")
            family = psutil.Process(recorder.pid).children(recursive=True)
            recorder.kill()
            for child in family:
                with contextlib.suppress(psutil.NoSuchProcess):  # may have gone with its parent
                    child.kill()
            psutil.wait_procs(family, 10)
    assert mixer("inspect", str(out), "--json").returncode == 0
    mixer("render", str(out))
    frames = check_file(out / "mixes" / "default.mp4", 640, 360)
    assert frames >= 7 * 30
    mixer("render", str(out), "--out", str(tmp_path / "again.mp4"), "--workers", "2")
    first = (out / "mixes" / "default.mp4").read_bytes()
    assert (tmp_path / "again.mp4").read_bytes() == first
    ada = analyse(out / "mixes" / "default.mp4", tones={0: float(beep_hz(0))}).participants[0]
    assert ada.sync is not None
    assert len(ada.sync.offsets) >= 4
    assert abs(ada.sync.bias_ms) < 20
    assert not ada.backwards


def test_ingest_is_killed_and_the_recording_goes_on(tmp_path: Path) -> None:
    """A new ingest process goes on in the same journal; the gap is noted; the file is whole. One
    that somebody tells to stop, who is not its recorder, is no end either."""
    out = tmp_path / "rec"
    with room(tmp_path) as url, publisher(tmp_path, url, "Ada", *SMALL):
        argv = ("mixer.cli", "record", url, "--out", str(out), "--mix", MIX)
        with process(*argv, log=tmp_path / "record.log") as recorder:
            until(lambda: recorded_s(out, 4), "four seconds were recorded")
            _ingest_of(recorder.pid).terminate()
            until(lambda: status(out).get("ingest_restarts") == 1, "ingest was started again")
            until(lambda: len(Journal.open(out / "journal").tracks) >= 4, "media came again")
            _ingest_of(recorder.pid).kill()
            until(lambda: status(out).get("ingest_restarts") == 2, "and again")
            until(lambda: len(Journal.open(out / "journal").tracks) >= 6, "and media, too")
            seconds = status(out)["elapsed_s"]
            until(lambda: recorded_s(out, seconds + 3), "three more seconds were recorded")
            recorder.send_signal(signal.SIGINT)
            assert recorder.wait(200) == 0
    result = json.loads((out / "recording.json").read_text())
    assert (result["ingestRestarts"], result["reason"]) == (2, "stopped")
    gaps = [i for i in result["irregularities"] if i["type"] == "gap"]
    assert {gap["kind"] for gap in gaps} == {"audio", "video"}
    check_file(out / "mixes" / "default.mp4", 640, 360)


def _ingest_of(recorder_pid: int) -> psutil.Process:
    family = psutil.Process(recorder_pid).children()
    return next(p for p in family if "mixer.ingest" in p.cmdline())


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("record", "http://127.0.0.1:1/rooms/x", "--out", "OUT"), 10, "127.0.0.1:1"),
        (("record", "janus+ws://127.0.0.1:1/1", "--out", "OUT"), 10, "127.0.0.1:1"),
        (("record", "ftp://x/y", "--out", "OUT"), 2, "rooms/NAME"),
        (("record", "http://h/rooms/x", "--out", "/proc/x"), 30, "/proc/x"),
        (("record", "http://h/rooms/x", "--out", "OUT", "--mix", "size=1x1"), 2, "between"),
        (("record", "http://h/rooms/x", "--out", "OUT", "--min-free", "99999999"), 30, "MB"),
        (("render", "OUT"), 2, "no recording"),
        (("inspect", "OUT"), 40, "no journal"),
        (("ctl", "OUT", "status"), 2, "no recorder"),
    ],
)
def test_bad_input_ends_with_one_line(
    arguments: tuple[str, ...], code: int, says: str, tmp_path: Path
) -> None:
    """Each kind of wrong input has one clear line and the exit code of the documentation."""
    out = str(tmp_path / "out")
    done = mixer(*(out if part == "OUT" else part for part in arguments), check=False)
    assert done.returncode == code, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("mixer: ")]
    assert len(lines) == 1
    assert says in lines[0]
    assert "Traceback" not in done.stderr


def test_a_layout_that_is_not_there_is_replaced_and_noted(tmp_path: Path) -> None:
    """A layout that fails does not cost the recording: the default layout takes over, noted."""
    out = tmp_path / "rec"
    with room(tmp_path) as url, publisher(tmp_path, url, "Ada", *SMALL):
        broken = f"{MIX},layout=http://127.0.0.1:1/none.html"
        mixer("record", url, "--out", str(out), "--mix", broken, "--duration", "3")
    check_file(out / "mixes" / "default.mp4", 640, 360)
    noted = json.loads((out / "recording.json").read_text())["irregularities"]
    assert any(entry["type"] == "page.replaced" for entry in noted), noted
