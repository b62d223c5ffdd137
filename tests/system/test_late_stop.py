"""A stop that reaches the recorder late: its mix ends when it was asked for."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from pathlib import Path

import pytest

from mixer.recorder.control import ask
from tests.service.test_sessions_recording import seconds_of
from tests.system.processes import process, publisher, room, until
from tests.system.test_record import SMALL, recorded_s, status

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

MIXES = ("--mix", "id=a,size=320x240,fps=15", "--mix", "id=b,size=320x240,fps=15")


def test_what_was_rendered_after_the_stop_is_thrown_away(tmp_path: Path) -> None:
    """Four seconds late, when whole segments after it are made: the part ends there, sound too;
    the other mix goes on; a mix that was stopped before it had begun has a second."""
    out = tmp_path / "rec"
    with room(tmp_path) as url, publisher(tmp_path, url, "Ada", *SMALL):
        argv = ("mixer.cli", "record", url, "--out", str(out), *MIXES, "--format", "both")
        with process(*argv, log=tmp_path / "record.log") as recorder:
            until(lambda: recorded_s(out, 5), "five seconds were recorded")
            wanted_s = asyncio.run(ask(out / "control.sock", "status"))["recorded_s"]
            asked_ms = time.time() * 1000
            until(lambda: status(out)["mixes"]["a"]["frames"] > 15 * (wanted_s + 3), "more is made")
            told = asyncio.run(ask(out / "control.sock", "stop_mix", id="a", at_ms=asked_ms))
            assert told["stopped"]
            again = asyncio.run(ask(out / "control.sock", "stop_mix", id="a", at_ms=asked_ms))
            assert not again["stopped"]
            until((out / "parts" / "a.1.json").exists, "its file was made")
            asyncio.run(ask(out / "control.sock", "stop_mix", id="b", at_ms=asked_ms - 60_000))
            recorder.send_signal(signal.SIGTERM)
            assert recorder.wait(120) == 0
    result = json.loads((out / "recording.json").read_text())
    a, b = (seconds_of(out / mix["file"]) for mix in result["mixes"])
    (sound,) = (seconds_of(out / file["file"]) for file in result["audio"]["files"])
    assert abs(a - wanted_s) < 0.5
    assert abs(b - 1) < 0.1
    assert abs(sound - a) < 0.2
