"""The page pass: from a journal to a matte track, the same to the bit whatever is killed."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

from mixer.journal import Event, Journal, JournalWriter
from mixer.layout.contents import TrackNote
from mixer.layout.notebook import act_of
from mixer.layout.page import Page
from mixer.layout.page_pass import PagePass, PassSettings
from mixer.layout.serving import Site
from mixer.layout.track import MatteTrackReader, MatteTrackWriter
from tests.instruments.make_journal import make_journal
from tests.instruments.pattern import read_mark
from tests.layout.support import LOOPBACK, PAGES, added, journal, page_of, participant, speaking

pytestmark = pytest.mark.system
SIZE = (480, 270)
EVENTS = [added(0, 0), added(0, 1), speaking(0.5, 0), speaking(1.0, 0, False), speaking(1.2, 1)]
Told = list[tuple[str, dict[str, Any]]]
# A page that moves by rAF, timers, CSS and chance, so that anything left out would show.
RESTLESS = (
    "<video style='width:200px;height:120px'></video><p id=n></p>"
    "<div id=d style='width:20px;height:20px;background:red;position:absolute;left:0;top:200px;"
    "animation:m 1s linear infinite'></div>"
    "<style>@keyframes m { to { transform: translateX(300px) } } body { background: #345 }</style>"
    "<script>let k = 0; setInterval(() => { n.textContent = (k += 1) + ' ' + Date.now(); }, 200);"
    "addEventListener('load', () => { d.style.opacity = .5 + Math.random() / 2; });"
    "requestAnimationFrame(function f() { d.style.top = 150 + (k * 7) % 60 + 'px';"
    " requestAnimationFrame(f); });"
    "document.querySelector('video').srcObject = mixerLayout.mediaStream('p0.camera');"
    "mixerLayout.ready();</script>"
)


def settings(layout: str, **more: Any) -> PassSettings:
    given: dict[str, Any] = {"fps": 30, "start_ns": 0, "reach": LOOPBACK}
    return PassSettings(layout, *SIZE, **given | more)


async def passed(
    recording: Path, track: Path, wanted: PassSettings, heed: Callable[[str], None] | None = None
) -> Told:
    """Runs a pass to its end; what it told."""
    told: Told = []

    def tell(event: str, fields: dict[str, Any]) -> None:
        told.append((event, fields))
        if heed:
            heed(event)

    await PagePass(Journal.open(recording), track, wanted, tell).run()
    return told


def everything(track: Path) -> list[Any]:
    """All that a reader can learn from a track."""
    reader = MatteTrackReader.open(track)
    assert reader.finished
    found: list[Any] = [reader.frames, list(reader.notes)]
    for frame, id_ in reader.changes(0, reader.frames):
        matte = reader.at(frame)[1]
        tiles = [(t.stream, t.x, t.y, t.placement, t.coverage.tobytes()) for t in matte.tiles]
        found.append((frame, id_, [plane.tobytes() for plane in matte.base], tiles))
    return found


async def test_the_track_changes_where_the_conference_does(tmp_path: Path) -> None:
    """The default layout: a new matte at each event's frame and at no other; old ones come back."""
    recording = journal(tmp_path / "j", EVENTS, 2.0)
    told = await passed(recording, tmp_path / "m", settings("default"))
    reader = MatteTrackReader.open(tmp_path / "m")
    changes = reader.changes(0, reader.frames)
    assert reader.frames == 60 and reader.finished
    assert [frame for frame, _ in changes] == [0, 15, 30, 36]
    assert changes[2][1] == changes[0][1]
    assert {tile.stream for tile in reader.at(59)[1].tiles} == {"p0.camera", "p1.camera"}
    assert [event for event, _ in told if event != "progress"] == ["ready"]


async def test_a_quiet_page_costs_no_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing happens for ten seconds: the page is stepped a few times, not 300."""
    from mixer.layout.page import Page

    steps = []
    step = Page.step

    async def counted(self: Page, *values: Any, **more: Any) -> bool:
        steps.append(values[0])
        return await step(self, *values, **more)

    monkeypatch.setattr(Page, "step", counted)
    recording = journal(tmp_path / "j", EVENTS[:2], 10.0)
    await passed(recording, tmp_path / "m", settings("default"))
    assert len([frame for frame in steps if frame >= 0]) < 30  # those before it load the page


@pytest.mark.parametrize(("when", "frames"), [("change", 15), ("", 1)])
async def test_a_page_that_finishes_ends_the_track(tmp_path: Path, when: str, frames: int) -> None:
    """`finish()` ends it before its frame, not before the first; a restarted pass tells that."""
    finish = "() => mixerLayout.finish()"
    said = f"mixerLayout.addEventListener('{when}', {finish})" if when else f"({finish})()"
    body = f"<script>mixerLayout.ready(); {said};</script>"
    recording, track = journal(tmp_path / "j", EVENTS[:4], 1.5), tmp_path / "m"
    wanted = settings(page_of(tmp_path, body))
    for _ in range(2):
        told = await passed(recording, track, wanted)
        notes = [fields for event, fields in told if event == "note"]
        assert [note["type"] for note in notes] == ["page.finished"]
        assert notes[0]["frame"] == (frames if when else 0)
        assert ("progress", {"frames": frames}) in told
    reader = MatteTrackReader.open(track)
    assert reader.finished and reader.frames == frames


def browsers() -> list[psutil.Process]:
    """Those that run: processes of one that was killed before may be vanishing just now."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            line = " ".join(process.cmdline())
            if "headless" in process.name() and line and "--type=" not in line:
                found.append(process)
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, list[Any]]:
    """A journal, the restless layout, and the track that an undisturbed pass makes of them."""
    folder = tmp_path_factory.mktemp("restless")
    recording = journal(folder / "j", EVENTS, 2.0)
    layout = page_of(folder, RESTLESS)
    asyncio.run(passed(recording, folder / "whole", settings(layout)))
    return recording, layout, everything(folder / "whole")


async def test_killed_browsers_leave_no_trace(
    tmp_path: Path, whole: tuple[Path, str, list[Any]]
) -> None:
    """kill -9 of Chromium in the middle, twice: the same track to the bit."""
    recording, layout, undisturbed = whole
    kills = iter((2, 6))
    due, progress = [next(kills)], [0]

    def kill(event: str) -> None:
        progress[0] += event == "progress"
        if due[0] and progress[0] == due[0]:
            due[0] = next(kills, 0)
            for browser in browsers():
                browser.kill()

    told = await passed(recording, tmp_path / "killed", settings(layout), kill)
    failures = [fields for _, fields in told if fields.get("type") == "page.failed"]
    assert len(failures) == 2
    assert everything(tmp_path / "killed") == undisturbed


async def test_a_browser_killed_while_a_matte_is_made_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kill -9 right after a matte was told, before its frame was committed."""
    recording = journal(tmp_path / "j", EVENTS, 2.0)
    await passed(recording, tmp_path / "whole", settings("default"))
    refer, calls = MatteTrackWriter.refer, itertools.count(1)

    def referred(self: MatteTrackWriter, *values: Any) -> None:
        refer(self, *values)
        for browser in browsers() if next(calls) == 1 else ():
            browser.kill()

    monkeypatch.setattr(MatteTrackWriter, "refer", referred)
    told = await passed(recording, tmp_path / "killed", settings("default"))
    assert "page.failed" in [fields.get("type") for _, fields in told]
    assert everything(tmp_path / "killed") == everything(tmp_path / "whole")


async def child(recording: Path, track: Path, layout: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mixer.layout", str(recording), str(track),
        "--layout", layout, "--size", f"{SIZE[0]}x{SIZE[1]}", "--fps", "30",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip


async def events(process: asyncio.subprocess.Process) -> Any:
    assert process.stdout
    async for line in process.stdout:
        yield json.loads(line)


async def test_a_killed_page_pass_goes_on_where_it_was(
    tmp_path: Path, whole: tuple[Path, str, list[Any]]
) -> None:
    """kill -9 of the process in the middle; started again it tells at once what there is already,
    and makes the same track to the bit."""
    recording, layout, undisturbed = whole
    process = await child(recording, tmp_path / "killed", layout)
    async for event in events(process):
        if event["event"] == "progress" and event["frames"] > 20:
            os.kill(process.pid, signal.SIGKILL)
            break
    await process.wait()
    assert 20 < MatteTrackReader.open(tmp_path / "killed").frames < 60
    process = await child(recording, tmp_path / "killed", layout)
    told = [event async for event in events(process)]
    assert await process.wait() == 0
    assert told[0]["event"] == "progress" and 20 < told[0]["frames"] < 60
    assert [event["event"] for event in (told[1], told[-1])] == ["ready", "ended"]
    assert everything(tmp_path / "killed") == undisturbed


async def test_a_pass_follows_a_growing_journal_and_stops_when_told(tmp_path: Path) -> None:
    """Frames are final up to the watermark, no further; `stop_at` ends an open recording."""
    with JournalWriter.create(tmp_path / "j", conference="c") as writer:
        for event in EVENTS:
            writer.event(event)
        writer.watermark(1_000_000_000)
        process = await child(tmp_path / "j", tmp_path / "m", "default")
        assert process.stdin
        async for event in events(process):
            if event.get("frames") == 30:
                assert MatteTrackReader.open(tmp_path / "m").frames == 30
                writer.event(Event(1_500_000_000, "participant.removed", {"id": "p1"}))
                writer.watermark(2_000_000_000)
            if event.get("frames") == 60:
                process.stdin.write(b'{"command": "stop_at", "t_ns": 1900000000}\n')
            if event["event"] == "ended":
                assert event["frames"] == 57
        assert await process.wait() == 0
    reader = MatteTrackReader.open(tmp_path / "m")
    assert reader.finished and reader.frames == 57
    assert [tile.stream for tile in reader.at(50)[1].tiles] == ["p0.camera"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("<script>mixerLayout.parameters; throw new Error('broken');</script>", "broken"),
        ("<div id=root></div><script type='module'>import './gone.js';</script>", "a script"),
        (
            "<script>mixerLayout.ready();"
            "setTimeout(() => mixerLayout.fail('tired'), 1700);</script>",
            "tired",
        ),
    ],
)
async def test_a_page_that_fails_twice_is_replaced(tmp_path: Path, body: str, reason: str) -> None:
    """The default layout takes over at the frame of the failure; a restart does the same."""
    recording = journal(tmp_path / "j", EVENTS, 2.0)
    layout = page_of(tmp_path, body)
    await passed(recording, tmp_path / "m", settings(layout))
    first = everything(tmp_path / "m")
    (note,) = first[1]
    assert note.type == "page.replaced" and reason in note.data["reason"]
    reader = MatteTrackReader.open(tmp_path / "m")
    assert len(reader.at(reader.frames - 1)[1].tiles) == 2
    path = tmp_path / "m" / "matte.track"
    path.write_bytes(path.read_bytes()[:-40])  # as if killed near the end
    await passed(recording, tmp_path / "m", settings(layout))
    assert everything(tmp_path / "m") == first


async def test_a_page_that_was_replaced_is_tried_again(tmp_path: Path) -> None:
    """Some seconds later it is shown as it would be had it begun there, if it does not fail again;
    else ever later. A restart in the middle does the same."""
    body = (
        "<p style='font-size: 90px'>mine</p><script>mixerLayout.ready();"
        "if (mixerLayout.participants.length < 2) mixerLayout.fail('too few');</script>"
    )
    recording = journal(tmp_path / "j", [added(0, 0), speaking(5, 0), added(20, 1)], 45)
    wanted, track = settings(page_of(tmp_path, body), fps=2), tmp_path / "m"
    await passed(recording, track, wanted)
    first = everything(track)
    assert [(note.type, note.frame) for note in first[1]] == [
        ("page.replaced", 0),
        ("page.tried", 20),
        ("page.replaced", 20),
        ("page.tried", 80),
    ]
    reader = MatteTrackReader.open(track)
    assert reader.at(79)[1].tiles and not reader.at(80)[1].tiles
    path = track / "matte.track"
    whole = path.read_bytes()
    for kept in (len(whole) // 3, len(whole) - 40):
        path.write_bytes(whole[:kept])
        await passed(recording, track, wanted)
        assert everything(track) == first


def test_tries_have_their_distances() -> None:
    """Each is farther from the last; after a page was shown for long they begin anew; at last it is
    given up."""
    notes = [TrackNote(0, "page.replaced", {})]
    waits = []
    while (act := act_of("mine", 2, notes)).until is not None:
        waits.append((act.until - act.first) // 2)
        notes.append(TrackNote(act.until, "page.tried", {}))
        notes.append(TrackNote(act.until + 1, "page.replaced", {}))
    assert waits == [10, 30, 90, 270, 810]
    assert act_of("mine", 2, notes).layout == "default"
    late = TrackNote(notes[-2].frame + 1200, "page.replaced", {})
    assert act_of("mine", 2, [*notes[:-1], late]).until == late.frame + 20


async def test_a_filtered_video_is_rendered_by_pixels_and_mattes_come_back(tmp_path: Path) -> None:
    """Under `contrast` every frame is painted by the browser, with the picture that is due in both
    videos; once the filter is gone (p1 speaks at 0.8 s) mattes are used again."""
    recording = tmp_path / "j"
    make_journal(
        recording, participants=2, size=(640, 360), seconds=2, loop_seconds=2, sound=False,
        final=False,
    )  # fmt: skip
    with JournalWriter.create(recording, conference="made", writer="room") as writer:
        writer.event(speaking(0.8, 1))
        writer.watermark(2_000_000_000)
        writer.close(final=True)
    layout = f"{PAGES / 'styled.html'}?large=filter: contrast(1.1)"
    wanted = PassSettings(layout, 960, 540, 30, 0, stop_ns=1_400_000_000)
    await passed(recording, tmp_path / "m", wanted)
    reader = MatteTrackReader.open(tmp_path / "m")
    kinds = [(note.type, note.frame) for note in reader.notes]
    assert kinds[0] == ("page.pixels", 0) and kinds[1][0] == "page.mattes"
    assert "filter: contrast(1.1)" in reader.notes[0].data["reason"]
    back = kinds[1][1]
    assert 24 <= back <= 31
    assert {tile.stream for tile in reader.at(back)[1].tiles} == {"p0.camera", "p1.camera"}
    for frame in range(1, back):
        matte = reader.at(frame)[1]
        assert matte.tiles == ()
        marks = [read_mark(np.ascontiguousarray(matte.base[0]), box)
                 for box in ((40, 30, 480, 270), (560, 340, 320, 180))]  # fmt: skip
        for mark in marks:
            assert mark is not None and mark.number == frame
        assert {mark.place for mark in marks if mark} == {0, 1}


async def test_a_state_of_a_built_in_layout_that_comes_back_needs_no_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its document tells what it looks like: the track is the same as with a still of each."""
    turns = [speaking(0.5 + turn / 4, 0, turn % 2 == 0) for turn in range(12)]
    recording = journal(tmp_path / "j", [added(0, 0), added(0, 1), *turns], 4.0)
    stills: list[int] = []
    take = Page.screenshot

    async def counted(page: Page) -> bytes:
        stills[-1] += 1
        return await take(page)

    monkeypatch.setattr(Page, "screenshot", counted)
    for name, built_in in (("known", True), ("stills", False)):
        stills.append(0)
        monkeypatch.setattr(Site, "is_built_in", built_in)
        await passed(recording, tmp_path / name, settings("default"))
    assert everything(tmp_path / "known") == everything(tmp_path / "stills")
    assert stills[1] - stills[0] == 11  # of 13 states two were new


async def test_pictures_that_move_by_themselves_end_the_trust_in_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An avatar that blinks: what is to be seen is what stills show."""
    on, off = (Image.new("RGB", (64, 64), colour) for colour in ("#ff0000", "#0000ff"))
    data = BytesIO()
    on.save(data, "gif", save_all=True, append_images=[off], duration=500, loop=0)
    someone = participant(0) | {"streams": []}
    someone["avatarUrl"] = f"data:image/gif;base64,{base64.b64encode(data.getvalue()).decode()}"
    join = Event(0, "participant.added", {"participant": someone})
    turns = [speaking(1.1 + turn / 2, 0, turn % 2 == 0) for turn in range(4)]
    recording = journal(tmp_path / "j", [join, *turns], 4.0)
    for name, built_in in (("known", True), ("stills", False)):
        monkeypatch.setattr(Site, "is_built_in", built_in)
        await passed(recording, tmp_path / name, settings("default"))
    seen = [mattes(tmp_path / name) for name in ("known", "stills")]
    assert len({matte for _, matte in seen[0]}) >= 4  # both colours, with the ring and without
    assert seen[0] == seen[1]


def mattes(track: Path) -> list[tuple[int, bytes]]:
    """The frames at which the page changed, and what it looked like then."""
    reader = MatteTrackReader.open(track)
    return [
        (frame, b"".join(plane.tobytes() for plane in reader.at(frame)[1].base))
        for frame, _ in reader.changes(0, reader.frames)
    ]
