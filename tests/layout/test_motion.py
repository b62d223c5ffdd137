"""Pages that are never still: smooth where videos move, and the same whatever happens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mixer.journal import Journal
from mixer.layout.cards import BLACK
from mixer.layout.page import Page
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


def drawn_page(folder: Path) -> str:
    """Moved by its script in every frame for a second: a clock, and a ring around a round video."""
    path = folder / "drawn.html"
    path.write_text(
        "<!doctype html><style>html { background: #234; height: 100% } body { margin: 0 } "
        "video { position: absolute; left: 40px; top: 40px; width: 160px; height: 90px; "
        "overflow: clip; border-radius: 12px } p { margin: 0; color: #fff }</style>"
        "<p></p><video></video><script>{ const video = document.querySelector('video');"
        " const clock = document.querySelector('p'); video.srcObject ="
        " mixerLayout.mediaStream('p0.camera'); mixerLayout.ready(); const began = Date.now();"
        " const move = () => { const ms = Date.now() - began;"
        " clock.textContent = Math.floor(ms / 100);"
        " video.style.boxShadow = `0 0 0 ${Math.floor(ms / 100) % 4}px #0f8`;"
        " if (ms < 2500) requestAnimationFrame(move); }; requestAnimationFrame(move); }</script>"
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


async def test_a_page_drawn_by_its_script_takes_one_still_a_state_and_few_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looks of a video's box that were seen before need no black still; between stills nothing is
    drawn; the track is the same when it was broken off after some were learnt."""
    cards: list[str] = []
    frames: list[bool] = []
    shot, frame = Page.shot, Page.frame

    async def counted_shot(self: Page, otherwise: str, *values: Any) -> bytes:
        cards.append(otherwise)
        return await shot(self, otherwise, *values)

    async def counted_frame(self: Page, *, drawn: bool = True) -> bool:
        frames.append(drawn)
        return await frame(self, drawn=drawn)

    monkeypatch.setattr(Page, "shot", counted_shot)
    monkeypatch.setattr(Page, "frame", counted_frame)
    source = journal(tmp_path / "journal", [added(0, 0)], 2.5)
    layout = drawn_page(tmp_path)
    whole = await run(source, tmp_path / "whole", layout)
    assert cards.count(BLACK) <= 7  # verification and four looks; 15 states and more
    assert frames.count(False) >= 15 and len(frames) < 75 + 50  # frames of the track, and of stills
    reader = MatteTrackReader.open(tmp_path / "whole")
    assert len({reader.matte_id(frame) for frame in range(reader.frames)}) >= 15
    broken = await run(source, tmp_path / "broken", layout, 10, 25, 40)
    assert broken.read_bytes() == whole.read_bytes()


async def test_a_page_moves_once_in_every_frame_also_in_those_that_no_still_is_taken_of(
    tmp_path: Path,
) -> None:
    """A bar that its script makes a pixel longer each time, and another one of the frame's time."""
    path = tmp_path / "bar.html"
    path.write_text(
        "<!doctype html><style>html, body { margin: 0; background: #000; height: 100% } "
        "div { height: 40px; background: #fff; width: 0 }</style><div></div><div></div>"
        "<script>{ const [count, time] = document.querySelectorAll('div'); let n = 0, first, last;"
        " mixerLayout.ready(); const move = (now) => { n += 1; first ??= now;"
        " count.style.width = `${n}px`; if (now - (last ?? 0) < 32 || now > performance.now())"
        " mixerLayout.fail(`${now - last} ms`); last = now;"
        " time.style.width = `${(now - first) * 30 / 1000 + 1}px`; requestAnimationFrame(move); };"
        " requestAnimationFrame(move); }</script>"
    )
    source = journal(tmp_path / "journal", [speaking(0.5, 0), speaking(0.533, 0)], 2.0)
    await run(source, tmp_path / "work", str(path))
    reader = MatteTrackReader.open(tmp_path / "work")
    seen = []
    for frame, _ in reader.changes(0, reader.frames):
        y = reader.at(frame)[1].base[0]
        seen.append((frame, int((y[20] > 128).sum()), int((y[60] > 128).sum())))
    before = seen[0][1] - seen[0][0]  # frames in which it was loaded
    assert len(seen) >= 18 and [count for _, count, _ in seen] == [f + before for f, *_ in seen]
    assert all(abs(time - count) <= 1 for _, count, time in seen)
