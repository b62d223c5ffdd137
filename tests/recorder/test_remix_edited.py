"""A remix whose page was edited before it went on shows the edited page from its first frame on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import av

from mixer.clock import SECOND
from mixer.recorder import MixPlan, Plan, RecordFolder
from mixer.recorder.remix import RenderOptions, remix
from tests.recorder.test_remix_ends import shown
from tests.render.renders import journal

PAGE = "<link rel=stylesheet href=style.css><script>mixerLayout.ready()</script>"


def test_work_of_another_page_is_not_used(tmp_path: Path) -> None:
    """What is left of an earlier render is used as long as the page is the same, and not after."""
    folder = RecordFolder(tmp_path / "record")
    journal(folder.journal, seconds=0.5, participants=1, sound=False)
    how = {"width": 160, "height": 90, "fps": 15, "preset": "ultrafast"}
    mix = MixPlan(**how, start_ns=0, stop_ns=SECOND // 2)  # type: ignore[arg-type]
    folder.save(Plan("made", "made", (mix,)))
    page = tmp_path / "page.html"
    page.write_text(PAGE)
    out = tmp_path / "out.mp4"
    wish = RenderOptions(out, layout=str(page), keep_work=True)
    made = []
    for colour, folders in (("white", 1), ("white", 1), ("black", 2)):
        (tmp_path / "style.css").write_text(f"body {{ background: {colour} }}")
        asyncio.run(remix(folder, wish, shown))
        made.append(brightness(out))
        assert len(list((folder.directory / "work").glob("*-0"))) == folders
    assert made[0] == made[1] > 200
    assert made[2] < 20


def brightness(path: Path) -> float:
    """Of a file's first picture."""
    with av.open(str(path)) as container:
        return float(next(container.decode(video=0)).to_ndarray(format="gray").mean())
