"""Pages that are never still: smooth where videos move, and the same whatever happens."""

from __future__ import annotations

from pathlib import Path

import pytest

from mixer.journal import Journal
from mixer.layout.page_pass import PagePass, PassSettings
from mixer.layout.track import FILE, MatteTrackReader
from tests.layout.support import added, journal, speaking

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]


def page(folder: Path) -> str:
    """Tiles take half a second to their new places when p1 speaks; a clock and a ring go on."""
    path = folder / "moving.html"
    path.write_text(
        "<!doctype html><style>html { background: #234; height: 100% } body { margin: 0 } "
        "video { position: absolute; left: 20px; top: 20px; width: 160px; height: 90px; "
        "transition: left .5s linear } .go video { left: 120px } </style><video></video>"
        "<script>{ const video = document.querySelector('video'); const draw = () => {"
        " const { participants } = mixerLayout.state;"
        " const stream = mixerLayout.mediaStream('p0.camera');"
        " if (video.srcObject !== stream) video.srcObject = stream;"
        " document.body.classList.toggle('go', participants[0].speaking); };"
        " mixerLayout.addEventListener('change', draw); draw(); mixerLayout.ready();"
        " let n = 0; setInterval(() => { n += 1;"
        " video.style.boxShadow = `0 0 0 ${n % 9}px #0f8`; }, 100); }</script>"
    )
    return str(path)


async def run(source: Path, work: Path, layout: str, *stops: int) -> Path:
    """A pass to the end, broken off at these frames and gone on with."""
    for stop in stops:
        await part(source, work, layout, stop)
    await part(source, work, layout, None)
    return work / FILE


async def part(source: Path, work: Path, layout: str, stop: int | None) -> None:
    def tell(event: str, fields: dict[str, object]) -> None:
        if stop is not None and event == "progress" and int(str(fields["frames"])) >= stop:
            going.stop()

    settings = PassSettings(layout, 320, 180, 30, 0)
    going = PagePass(Journal.open(source), work, settings, tell)
    await going.run()


async def test_a_transition_is_smooth_and_survives_breaks(tmp_path: Path) -> None:
    """Half a second has twelve positions or more; the track is the same when it was broken off in
    the middle."""
    source = journal(tmp_path / "journal", [added(0, 0), speaking(0.5, 0)], 1.4)
    whole = await run(source, tmp_path / "whole", page(tmp_path))
    reader = MatteTrackReader.open(tmp_path / "whole")
    places = {reader.at(frame)[1].tiles[0].placement for frame in range(15, 31)}
    assert len(places) >= 12
    broken = await run(source, tmp_path / "broken", page(tmp_path), 8, 21)
    assert broken.read_bytes() == whole.read_bytes()
