"""A layout that has nothing more to show ends its file there, whatever was asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mixer.journal import Journal
from mixer.recorder.outputs import video_edits
from mixer.recorder.plan import MixPlan
from mixer.render.job import RenderJob
from tests.layout.support import page_of
from tests.render.comparing import difference
from tests.render.renders import SETTINGS, START_NS, journal, render

PAGE = (
    "<mixer-grid></mixer-grid><script>mixerLayout.ready();"
    "setTimeout(() => {{ {then} }}, 2500);</script>"  # a second of that before the first frame
)


def test_the_file_ends_where_the_layout_does(tmp_path: Path) -> None:
    """It is the file of a render that was to end there, with its sound, also where the end was
    not known when the layout said so."""
    recording = journal(tmp_path / "j", seconds=4)
    ended, going = tmp_path / "ended", tmp_path / "going"
    ended.mkdir()
    going.mkdir()
    ends = replace(SETTINGS, layout=page_of(ended, PAGE.format(then="mixerLayout.finish()")))
    found = []

    async def look(job: RenderJob) -> None:
        found.append(job.progress)

    out = render(recording, tmp_path / "1.mp4", settings=ends, seconds=3, disturb=look)
    (frame,) = [n["frame"] for n in found[0].notes if n["type"] == "page.finished"]
    assert 15 < frame < 30
    goes_on = replace(SETTINGS, layout=page_of(going, PAGE.format(then="")))
    seconds = frame / SETTINGS.fps
    assert not difference(
        out, render(recording, tmp_path / "2.mp4", settings=goes_on, seconds=seconds)
    )
    assert not difference(out, render(recording, tmp_path / "3.mp4", settings=ends))


def test_a_mix_is_as_long_as_its_layout(tmp_path: Path) -> None:
    """A part whose layout ended before it was stopped has that many frames among the others."""
    source = Journal.open(journal(tmp_path / "j", seconds=4))
    mix = MixPlan(fps=15, start_ns=START_NS, stop_ns=START_NS + 3 * 10**9)
    assert video_edits(mix, source).frames == 45
    assert video_edits(replace(mix, ends_ns=START_NS + 10**9), source).frames == 15
