"""A recording that is paused, stopped and started again, with everything real."""

from __future__ import annotations

import json
import signal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from mixer.conference.shown import LIMIT_NS
from mixer.journal import FrameFlag, Journal
from tests.instruments.analyser import Participant, analyse
from tests.instruments.pattern import PERIOD
from tests.system.processes import mixer, process, publisher, room, until
from tests.system.test_record import MIX, SMALL, check_file, recorded_s, status

pytestmark = [pytest.mark.system, pytest.mark.timeout(420)]


def ctl(folder: Path, *arguments: str) -> dict[str, Any]:
    """What the recorder answers."""
    done = mixer("ctl", str(folder), *arguments, "--json")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def recorded_more(folder: Path, seconds: float) -> None:
    """Waits until so much more is in the mixes."""
    before = status(folder)["recorded_s"]
    until(lambda: status(folder)["recorded_s"] >= before + seconds, "it went on recording")


def elapsed_more(folder: Path, seconds: float) -> None:
    """Waits until so much more time has passed, recorded or not."""
    before = status(folder)["elapsed_s"]
    until(lambda: status(folder)["elapsed_s"] >= before + seconds, "time went by")


def journalled(folder: Path) -> int:
    return int(status(folder)["ingest"]["journal_bytes"])


def test_paused_stopped_and_started_again(tmp_path: Path) -> None:
    """Nothing is journalled in a pause or between stop and start; each stop gives a file, and in
    the end there is one of everything, without the time between, in sync."""
    out = tmp_path / "rec"
    with room(tmp_path) as url, publisher(tmp_path, url, "Ada", *SMALL):
        argv = ("mixer.cli", "record", url, "--out", str(out), "--mix", MIX)
        with process(*argv, log=tmp_path / "record.log") as recorder:
            until(lambda: recorded_s(out, 3), "three seconds were recorded")
            assert ctl(out, "pause") == {"paused": True}
            elapsed_more(out, 2)
            assert ctl(out, "resume") == {"paused": False}
            recorded_more(out, 2.5)
            assert ctl(out, "stop-mix") == {"id": "default", "stopped": True}
            until((out / "parts" / "default.1.mp4").exists, "the first part was finished")
            elapsed_more(out, 1.5)
            before = journalled(out)
            elapsed_more(out, 1.5)
            assert journalled(out) == before
            # Nothing is said of its size: it goes on as it was.
            assert ctl(out, "start-mix", "--mix", "default") == {"id": "default", "part": 2}
            recorded_more(out, 2.5)
            recorder.send_signal(signal.SIGTERM)
            assert recorder.wait(120) == 0
    frames = check_file(out / "mixes" / "default.mp4", 640, 360)
    parts = [check_file(out / "parts" / f"default.{n}.mp4", 640, 360) for n in (1, 2)]
    assert frames == sum(parts)
    check_result(json.loads((out / "recording.json").read_text()), frames)
    check_nothing_in_pauses(Journal.open(out / "journal"))
    check_seen(analyse(out / "mixes" / "default.mp4").participants[0], frames)


def check_result(result: dict[str, Any], frames: int) -> None:
    """recording.json tells of the pause (one: the time between parts is none) and of both parts."""
    mix = result["mixes"][0]
    assert mix["frames"] == frames
    assert [part["part"] for part in mix["parts"]] == [1, 2]
    assert len(result["pauses"]) == 1
    pause = result["pauses"][0]
    assert mix["parts"][0]["start"] < pause["from"] < pause["to"] < mix["parts"][0]["stop"]
    assert abs(result["recordedSeconds"] - frames / 30) < 0.1


def check_nothing_in_pauses(journal: Journal) -> None:
    """But for the pictures that lead to what is seen when it goes on, all from after the command
    (mixer/ingest/pause.py); mostly there are none, or one whose alignment was refined since."""
    pauses = [pause for pause in journal.pauses if pause.stop_ns is not None]
    assert len(pauses) == 2
    for pause in pauses:
        assert pause.stop_ns is not None
        within = list(journal.frames(list(journal.tracks), pause.start_ns, pause.stop_ns - 1))
        assert all(journal.tracks[frame.track].kind == "video" for _, frame in within)
        assert all(t_ns > pause.stop_ns - LIMIT_NS for t_ns, _ in within)
        first = {frame.track: frame for _, frame in reversed(within)}
        assert all(frame.flags == FrameFlag.KEY for frame in first.values())
        assert not journal.events(pause.start_ns + 1, pause.stop_ns)


def check_seen(person: Participant, frames: int) -> None:
    """The picture is there, but where the publisher takes its time for a key picture (at the
    start, and after each interruption), and in sync after every seam."""
    assert frames - len(person.sights) <= 60
    breaks = [
        now.frame / 30
        for before, now in pairwise(person.sights)
        if (now.number - before.number - now.frame + before.frame) % PERIOD
    ]
    assert len(breaks) == 2  # the seams: everything else goes on picture by picture
    assert person.sync is not None
    whole = [o for at, o in person.sync.offsets if all(abs(at - seam) > 0.5 for seam in breaks)]
    assert len(whole) >= 3  # a seam may part a flash from its beep
    assert all(abs(offset) < 0.06 for offset in whole)
