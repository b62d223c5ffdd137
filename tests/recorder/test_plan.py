"""What is asked for is understood, or refused with a line that names what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mixer.edit import Span
from mixer.errors import UsageError
from mixer.recorder import MixPlan, Plan, RecordFolder, parse_mix
from mixer.render.settings import RenderSettings


def test_mix_takes_the_rest_as_layout() -> None:
    """layout= comes last and may hold commas and equal signs of its own."""
    mix = parse_mix("id=a,size=1280x720,fps=25,layout=https://x.test/?a=1,2&size=3")
    assert (mix.id, mix.width, mix.height, mix.fps) == ("a", 1280, 720, 25)
    assert mix.layout == "https://x.test/?a=1,2&size=3"
    assert parse_mix("") == MixPlan()


def test_a_mix_has_a_language(tmp_path: Path) -> None:
    """Of its page; a plan without one is of the time when all were English, and renders as then."""
    mix = parse_mix("id=a,language=pt-BR,layout=page.html?language=x")
    assert (mix.language, mix.layout) == ("pt-BR", "page.html?language=x")
    assert mix.settings(0).language == "pt-BR"
    folder = RecordFolder(tmp_path)
    folder.save(Plan("http://h/rooms/x", mixes=(mix, MixPlan())))
    assert folder.load().mixes[0] == mix
    plan = json.loads(folder.plan.read_text())
    del plan["mixes"][1]["language"]
    folder.plan.write_text(json.dumps(plan))
    assert folder.load().mixes[1].settings(0) == RenderSettings(0, crf=MixPlan().crf)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("size=1920", "WIDTHxHEIGHT"),
        ("size=1921x1080", "odd"),
        ("size=1920x99999", "between"),
        ("size=0x0", "between"),
        ("fps=0", "fps 0"),
        ("fps=thirty", "whole number"),
        ("crf=99", "crf 99"),
        ("preset=quick", "veryfast"),
        ("id=a b", "mix id"),
        ("id=../x", "mix id"),
        ("colour=red", "colour=red"),
        ("language=", "language ''"),
        ("language=Arabic language", "such as ar"),
        ("layout=", "layout= is empty"),
    ],
)
def test_nonsense_is_refused(text: str, says: str) -> None:
    """Every bad value is named in one line."""
    with pytest.raises(UsageError, match=says) as caught:
        parse_mix(text)
    assert "\n" not in str(caught.value)


def test_a_plan_survives_the_disk(tmp_path: Path) -> None:
    """What is saved is what is loaded."""
    folder = RecordFolder(tmp_path)
    plan = Plan("http://h/rooms/x", "x", (MixPlan(start_ns=5), MixPlan(id="b", crf=30)))
    folder.save(plan)
    assert folder.load() == plan
    assert folder.load().with_mix(MixPlan(id="b", stop_ns=9)).parts("b")[-1].stop_ns == 9


def test_parts_of_one_kind_are_one_file() -> None:
    """What has the same id, layout, size and rate is joined; another size is a file of its own."""
    small: dict[str, Any] = {"width": 640, "height": 360}
    arabic = MixPlan(part=4, language="ar")
    mixes = (MixPlan(), MixPlan(part=2, **small), MixPlan(part=3), MixPlan(id="b"), arabic)
    groups = Plan("", mixes=mixes).groups()
    assert {name: [mix.part for mix in parts] for name, parts in groups.items()} == {
        "default": [1, 3],
        "default@2": [2],
        "b": [1],
        "default@3": [4],
    }


def test_sound_lasts_as_long_as_any_mix_runs() -> None:
    """Two mixes that overlap are one part of the sound; what comes after a break is another."""
    mixes = (
        MixPlan(start_ns=10, stop_ns=20),
        MixPlan(id="b", start_ns=15, stop_ns=30),
        MixPlan(part=2, start_ns=40),
    )
    plan = Plan("", mixes=mixes, format="both").with_audio_parts()
    assert [part.span for part in plan.audio_parts] == [Span(10, 30), Span(40, None)]
    assert not Plan("", mixes=mixes).with_audio_parts().audio_parts


def test_a_plan_of_version_1_is_understood(tmp_path: Path) -> None:
    """It had mixes of one part, and videos only."""
    mix = {"id": "a", "layout": "default", "width": 640, "height": 360, "fps": 30}
    mix |= {"preset": "veryfast", "crf": 23, "start_ns": 5, "stop_ns": 9, "finished": True}
    value = {"url": "u", "conference": "c", "mixes": [mix], "version": 1}
    (tmp_path / "plan.json").write_text(json.dumps(value))
    plan = RecordFolder(tmp_path).load()
    assert plan.parts("a")[0].part == 1
    assert (plan.version, plan.format, plan.live) == (4, "mp4", True)


def test_a_folder_without_a_plan_is_refused(tmp_path: Path) -> None:
    """A folder that is no recording, or one with a damaged plan, is said to be so."""
    with pytest.raises(UsageError, match="no recording"):
        RecordFolder(tmp_path).load()
    (tmp_path / "plan.json").write_text('{"version": 1}')
    with pytest.raises(UsageError, match="damaged"):
        RecordFolder(tmp_path).load()
    (tmp_path / "plan.json").write_text('{"version": 9}')
    with pytest.raises(UsageError, match="newer"):
        RecordFolder(tmp_path).load()
