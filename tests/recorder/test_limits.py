"""A recording ends by itself when its limits are reached, also when its server is gone for good."""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from mixer.errors import MixerError
from mixer.recorder import Recorder, RecordFolder, RecordSettings
from mixer.recorder.limits import limit_reached
from mixer.recorder.restarts import EARLY_MOST
from mixer.recorder.settings import MIN_FREE_BYTES, Status
from tests.recorder.test_resume import MIX, SMALL, frames, given
from tests.system.processes import process, publisher, room, until


@pytest.mark.parametrize(
    ("alone_s", "away_s", "reason"),
    [(1, 1, None), (1, 5, "unreachable"), (9, 1, "empty-timeout"), (None, 1, None)],
)
def test_limits(tmp_path: Path, alone_s: float | None, away_s: float, reason: str | None) -> None:
    """Which limit is reached, if any."""
    settings = RecordSettings("", tmp_path, empty_timeout_s=9, unreachable_timeout_s=5)
    status = Status(free_bytes=MIN_FREE_BYTES)
    reached = limit_reached(
        settings, status, paused=False, user_seen=True, alone_s=alone_s, away_s=away_s
    )
    assert (reached[0] if reached else None) == reason


@pytest.mark.system
@pytest.mark.timeout(300)
def test_a_server_that_never_comes_back(tmp_path: Path) -> None:
    """The recorder ends with the files of what it has, though nobody tells it to."""
    out = tmp_path / "rec"
    with ExitStack() as server, process("mixer.recorder.spare", log=tmp_path / "1.log") as spare:
        url = server.enter_context(room(tmp_path))
        server.enter_context(publisher(tmp_path, url, "Ada", *SMALL))
        given(spare, out, url=url, mixes=[MIX], unreachable_timeout_s=2)
        until(lambda: frames(out) > 30, "two seconds were rendered")
        server.close()
        assert spare.wait(120) == 0
    plan = RecordFolder(out).load()
    assert (plan.ended, plan.merged) == ("unreachable", True)
    assert json.loads((out / "recording.json").read_text())["reason"] == "unreachable"
    assert (out / "mixes" / "default.mp4").exists()


def test_ingest_that_never_joins(tmp_path: Path) -> None:
    """A receiving process that dies each time before it has joined is not started for a minute."""
    settings = RecordSettings(
        "http://127.0.0.1:1/rooms/a",
        tmp_path / "rec",
        format="mp3",
        ingest_environment={"PYTHONHOME": str(tmp_path / "nowhere")},  # no Python runs so
    )
    recorder = Recorder(settings)
    with pytest.raises(MixerError, match=r"ingest\.log"):
        asyncio.run(recorder.run())
    assert recorder.status.ingest_restarts == EARLY_MOST
