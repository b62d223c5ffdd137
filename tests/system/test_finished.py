"""A layout that has nothing more to show, in a live recording: its mix ends, nothing else does."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.layout.support import page_of
from tests.system.processes import process, publisher, room, until
from tests.system.test_parts import recorded_more
from tests.system.test_record import MIX, SMALL, check_file

pytestmark = [pytest.mark.system, pytest.mark.timeout(420)]
# A second of this is before the first frame.
PAGE = "<mixer-grid></mixer-grid><script>setTimeout(() => mixerLayout.finish(), 3000);</script>"


def test_a_mix_ends_with_its_layout(tmp_path: Path) -> None:
    """The other mix goes on; both files are there, and the result says why one is shorter."""
    out = tmp_path / "rec"
    short = f"id=short,size=320x180,preset=superfast,layout={page_of(tmp_path, PAGE)}"
    options = ("--out", str(out), "--mix", MIX, "--mix", short)
    made = out / "parts" / "short.1.json"
    with (
        room(tmp_path) as url,
        publisher(tmp_path, url, "Ada", *SMALL),
        process("mixer.cli", "record", url, *options, log=tmp_path / "r.log") as recorder,
    ):
        until(made.exists, "the mix has ended with its layout")
        recorded_more(out, 2)
        recorder.send_signal(signal.SIGTERM)
        assert recorder.wait() == 0
    frames = check_file(out / "mixes" / "short.mp4", 320, 180)
    assert 45 <= frames <= 75
    assert check_file(out / "mixes" / "default.mp4", 640, 360) > frames
    result = json.loads((out / "recording.json").read_text())
    (note,) = [one for one in result["irregularities"] if one["type"] == "page.finished"]
    assert note["mix"] == "short" and note["frame"] == frames
