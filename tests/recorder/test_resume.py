"""A recorder that goes on where another died, and one that waited for its order."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mixer.engine.identity import Identity
from mixer.engine.launcher import LocalLauncher
from mixer.errors import MixerError, UsageError
from mixer.journal import Journal
from mixer.lock import locked
from mixer.recorder import MixPlan, Plan, Recorder, RecordFolder, RecordSettings
from mixer.recorder.control import ask
from mixer.recorder.settings import order_from
from mixer.render.audio_settings import AudioSettings
from tests.instruments.make_journal import make_journal
from tests.system.processes import mixer, process, publisher, room, until

SMALL = ("--size", "320x180", "--fps", "15", "--bitrate", "200000")
MIX = {"id": "default", "size": "400x390", "fps": 15, "preset": "ultrafast"}


def told(folder: Path, command: str, **fields: Any) -> dict[str, Any]:
    """What the recorder answers; nothing while none listens."""
    try:
        return asyncio.run(ask(folder / "control.sock", command, **fields))
    except MixerError:
        return {}


def given(child: subprocess.Popen[str], folder: Path, **order: Any) -> None:
    assert child.stdin
    order |= {"out": str(folder), "log": str(folder.with_suffix(".log")), "report": False}
    child.stdin.write(json.dumps(order) + "\n")
    child.stdin.close()


def frames(folder: Path, mix: str = "default") -> int:
    return int(told(folder, "status").get("mixes", {}).get(mix, {}).get("frames", 0))


@pytest.mark.system
@pytest.mark.timeout(300)
def test_a_killed_recorder_is_followed_by_another(tmp_path: Path) -> None:
    """A spare records; it is killed in the middle, one part running and one stopped but not
    finished; another goes on: the first is one part over the gap, the second gets its file. While
    a recorder lives, no other may go on in its folder, and old owners are not obeyed."""
    out = tmp_path / "rec"
    spare = "mixer.recorder.spare"
    with room(tmp_path) as url, publisher(tmp_path, url, "Ada", *SMALL):
        with process(spare, log=tmp_path / "1.log") as first:
            given(first, out, url=url, mixes=[MIX], fence=1)
            until(lambda: frames(out) > 30, "two seconds were rendered")
            refused = mixer("record", url, "--out", str(out), "--resume", check=False)
            assert refused.returncode == 2
            assert "being recorded already" in refused.stderr
            assert told(out, "start_mix", fence=2, **{**MIX, "id": "other"})["part"] == 1
            with pytest.raises(UsageError, match="another process"):
                asyncio.run(ask(out / "control.sock", "stop", fence=1))
            until(lambda: frames(out, "other") > 15, "the other mix is rendered")
            told(out, "stop_mix", id="other")
            os.killpg(first.pid, signal.SIGKILL)
            first.wait()
        until(lambda: not Journal.open(out / "journal").is_live(), "its ingest is gone")
        assert not Journal.open(out / "journal").finished  # nobody has said that it is over
        before = RecordFolder(out).load()
        assert not before.ended
        with process(spare, log=tmp_path / "2.log") as second:
            given(second, out, url="", resume=True, fence=3)
            until(lambda: told(out, "status").get("ingest"), "the second one records")
            seen = told(out, "status")["elapsed_s"]
            until(lambda: told(out, "status")["elapsed_s"] > seen + 2, "two more seconds")
            told(out, "stop", fence=3)
            assert second.wait(120) == 0
    result = json.loads((out / "recording.json").read_text())
    by_id = {mix["id"]: mix for mix in result["mixes"]}
    assert [len(mix["parts"]) for mix in by_id.values()] == [1, 1]
    assert not any(mix["error"] for mix in by_id.values())
    assert by_id["default"]["seconds"] > by_id["other"]["seconds"] > 0
    assert (out / "mixes" / "default.mp4").exists()
    plan = RecordFolder(out).load()
    assert (plan.merged, plan.ended, plan.fence) == (True, "stopped", 3)


@pytest.mark.system
@pytest.mark.timeout(300)
def test_a_recording_ends_with_its_media(tmp_path: Path) -> None:
    """The conference's server goes and does not come back: the files end where the media does, not
    where the recorder gave up waiting, also where that was rendered already."""
    out, seconds = tmp_path / "rec", 12
    with process("mixer.recorder.spare", log=tmp_path / "1.log") as recorder:
        with room(tmp_path) as url, publisher(tmp_path, url, "Ada", *SMALL):
            fields = {"unreachable_timeout_s": seconds, "format": "both"}
            given(recorder, out, url=url, mixes=[MIX], **fields)
            until(lambda: frames(out) > 60, "four seconds were rendered")
            until(lambda: told(out, "status").get("ingest", {}).get("connected"), "it receives")
            lost_ns = Journal.open(out / "journal").watermark_ns
        assert recorder.wait(200) == 0
    journal = Journal.open(out / "journal")
    (mix,) = RecordFolder(out).load().mixes
    assert RecordFolder(out).load().ended == "unreachable"
    assert mix.start_ns is not None and mix.stop_ns is not None
    assert lost_ns <= mix.stop_ns <= journal.watermark_ns - (seconds - 5) * 1_000_000_000
    result = json.loads((out / "recording.json").read_text())
    (video,) = result["mixes"]
    length = (mix.stop_ns - mix.start_ns) / 1e9
    assert abs(video["seconds"] - length) < 0.2
    (sound,) = result["audio"]["files"]
    assert abs(sound["seconds"] - length) < 0.2


@pytest.mark.system
@pytest.mark.timeout(300)
def test_one_that_hangs_is_killed(tmp_path: Path) -> None:
    """By whoever finds it in its folder, though it says nothing, not even who it is; nobody is
    killed who has its number afterwards, nor who only renders in the folder."""
    out, launcher = tmp_path / "rec", LocalLauncher(tmp_path / "log", spares=0)
    with room(tmp_path) as url, process("mixer.recorder.spare", log=tmp_path / "1.log") as recorder:
        given(recorder, out, url=url, mixes=[MIX])
        until(lambda: told(out, "status"), "it listens")
        recorder.send_signal(signal.SIGSTOP)
        found = launcher.adopt(out)
        assert found is not None
        killing = threading.Thread(target=lambda: asyncio.run(found.kill()))
        killing.start()
        assert recorder.wait(60) == -signal.SIGKILL
        killing.join(60)
    assert launcher.adopt(out) is None
    other = Identity.of(os.getpid())
    assert other is not None
    was_me = replace(other, started=other.started - 60)
    with locked(RecordFolder(out).lock, "held", was_me.to_json()):
        rendering = launcher.adopt(out)
        assert rendering is not None
        asyncio.run(rendering.kill())


async def test_a_stop_before_it_has_joined_anew(tmp_path: Path) -> None:
    """What an earlier recorder had recorded stays: the part ends now, not where it began."""
    folder = RecordFolder(tmp_path)
    make_journal(folder.journal, participants=1, size=(320, 180), seconds=1.0, final=False)
    folder.save(Plan("http://h/rooms/x", mixes=(MixPlan(start_ns=0),), live=False))
    recorder = Recorder(RecordSettings("", tmp_path, resume=True))
    recorder._parts.plan = folder.load()
    now_ns = Journal.open(folder.journal).now_ns()
    told = await recorder._answer("stop_mix", {"at_ms": time.time() * 1000})
    (mix,) = folder.load().mixes
    assert told["stopped"] and mix.stop_ns is not None and mix.stop_ns >= now_ns > 0


def test_a_spare_that_is_not_needed_goes() -> None:
    """End of file instead of an order ends it, and what it had started."""
    argv = [sys.executable, "-m", "mixer.recorder.spare"]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert done.returncode == 0


def test_an_order_that_makes_no_sense_is_refused() -> None:
    """With one line that says what is wrong, and its exit code."""
    argv = [sys.executable, "-m", "mixer.recorder.spare"]
    done = subprocess.run(argv, input=b'{"out": 1}\n', capture_output=True, check=False)
    assert done.returncode == 2
    assert b"mixer: the order is not understood" in done.stderr


def test_an_order_says_all_that_settings_do(tmp_path: Path) -> None:
    """What a service writes is read as the settings it stands for."""
    order = {
        "url": "http://h/rooms/x",
        "out": str(tmp_path),
        "mixes": [{"id": "b", "part": 2, "size": "390x844", "layout": "https://example.org/?a=1"}],
        "format": "both",
        "live": False,
        "audio": {"legs": True},
        "fence": 7,
        "unreachable_timeout_s": 900.0,
        "environment": {"MIXER_ROOM_TOKEN": "secret"},
    }
    assert order_from(json.loads(json.dumps(order))) == RecordSettings(
        "http://h/rooms/x",
        tmp_path,
        (MixPlan(id="b", part=2, width=390, height=844, layout="https://example.org/?a=1"),),
        format="both",
        live=False,
        audio=AudioSettings(legs=True),
        fence=7,
        unreachable_timeout_s=900.0,
        ingest_environment={"MIXER_ROOM_TOKEN": "secret"},
    )
