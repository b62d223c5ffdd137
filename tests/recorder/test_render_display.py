"""What a program is told while `mixer render` works."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mixer.recorder.render_display import Pace, _json_lines
from mixer.render.job import Progress


def test_speed_and_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    """Of each file apart, from when it was begun; what an earlier render had made is not speed,
    and where the end is not known, nobody knows how long it takes."""
    now = [100.0]
    show = _json_lines(Pace(lambda: now[0]))

    def told(mix: str, frames: int, total: int | None) -> dict[str, Any]:
        show(mix, Progress(frames=frames, total=total, stage="rendering"), 30)
        line = json.loads(capsys.readouterr().out)
        assert (line["event"], line["mix"], line["frames"]) == ("progress", mix, frames)
        return {key: line[key] for key in ("seconds", "speed", "etaSeconds")}

    assert told("a", 900, 9000) == {"seconds": 30.0, "speed": None, "etaSeconds": None}
    now[0] += 10
    assert told("a", 1500, 9000) == {"seconds": 50.0, "speed": 2.0, "etaSeconds": 125.0}
    assert told("b", 0, None)["speed"] is None
    now[0] += 10
    assert told("b", 150, None) == {"seconds": 5.0, "speed": 0.5, "etaSeconds": None}
    assert told("b", 300, 300) == {"seconds": 10.0, "speed": 1.0, "etaSeconds": 0.0}
