"""What lies in a recording's folder: the parts and the whole are of one time."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mixer.recorder.outputs import Output, remember
from mixer.recorder.plan import AudioPart, MixPlan, Plan, RecordFolder
from mixer.records.models import Mix
from mixer.service.sessions.found import Look

WALLS_S = [1_700_000_000.0009, 1_700_000_000.9996, 1_763_884_800.1234567, 1_763_884_800.0015]


@pytest.mark.parametrize("wall_s", WALLS_S)
def test_a_part_begins_when_the_whole_does(tmp_path: Path, wall_s: float) -> None:
    """To the millisecond, as files are named by it: only then the whole is called `_merged`."""
    start_ns = 2_500_600_001
    folder, mix = RecordFolder(tmp_path), MixPlan("b", start_ns=start_ns, stop_ns=9 * 10**9)
    folder.journal.mkdir()
    (folder.journal / "journal.json").write_text(json.dumps({"wall": wall_s}))
    sound = AudioPart(start_ns, 9 * 10**9, True)
    mix = MixPlan("b", start_ns=start_ns, stop_ns=9 * 10**9, finished=True)
    plan = Plan(url="", mixes=(mix,), format="both", audio_parts=(sound,))
    for path in (folder.part_file(mix), folder.mix_file("b"), folder.audio / "a.mp3"):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    notes = ({"type": "page.failed", "reason": "x"}, {"type": "page.replaced", "reason": "why"})
    remember(folder.part_facts(mix), [Output("parts/b.1.mp4", "video", 1, 6.4, notes=notes)])
    leg = Output("audio/a.mp3", "participant", 1, 6.4, participant="p", stay_ns=start_ns + 700_001)
    remember(folder.audio_facts(0), [Output("audio/a.mp3", "mix", 1, 6.4), leg])
    told = {"file": "mixes/b.mp4", "startedAt": _iso(wall_s, start_ns), "seconds": 6.4}
    file = {"file": "audio/a.mp3", "kind": "mix", "seconds": 6.4}
    stay = {**file, "kind": "participant", "stayStartedAt": _iso(wall_s, start_ns + 700_001)}
    folder.result.write_text(json.dumps({"mixes": [told], "audio": {"files": [file, stay]}}))
    row = Mix(mix_id="b", part=1, stopped_at=1)
    look = Look(folder, plan, [row])
    parts = {(one.kind, one.media_type): one.start_time for one in look.parts()}
    wholes = {(one.kind, one.media_type): one.start_time for one in look.whole()}
    assert len(parts) == 3 and parts == wholes
    found = [*look.parts(), *look.whole()]
    assert {one.details.get("layoutReplaced") for one in found} == {None, "why"}
    videos = [one for one in found if one.media_type == "video/mp4"]
    assert all(one.details["layoutReplaced"] == "why" for one in videos)
    stays = {one.details["stayStartedAt"] for one in found if one.kind == "participant"}
    assert stays == {wholes["participant", "audio/mpeg"]}


def _iso(wall_s: float, t_ns: int) -> str:
    """As recording.json says it (mixer/recorder/result.py)."""
    at = datetime.fromtimestamp(wall_s + t_ns / 10**9, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
