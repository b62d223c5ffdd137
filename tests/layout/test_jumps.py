"""Pages over jumps of their clock: pauses of the recording, and steps that are far apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mixer.clock import SECOND
from mixer.edit import EditList, edit_list
from mixer.journal import Journal, JournalWriter, Note
from mixer.journal.model import PAUSED, RESUMED
from mixer.layout.track import MatteTrackReader
from tests.instruments.make_journal import make_journal
from tests.instruments.pattern import read_mark
from tests.layout.support import added, page_of
from tests.layout.test_page_pass import browsers, everything, passed, settings

pytestmark = pytest.mark.system
BITS, BIT_PX = 20, 24
# Shows Date, in ms since a second before the recording, by an interval: a square for each bit.
CLOCK = (
    "<style>body { margin: 0; background: #345 } i { position: absolute; top: 0;"
    f"width: {BIT_PX}px; height: 99px; background: #fff }}</style><p id=row></p>"
    "<script>const began = mixerLayout.parameters.began; function draw() {"
    " row.replaceChildren();"
    f" for (let bit = 0; bit < {BITS}; bit += 1) if ((Date.now() - began) >> bit & 1) {{"
    " const i = document.createElement('i'); row.append(i);"
    f" i.style.left = {BIT_PX} * bit + 'px'; }} }} setInterval(draw, 100); draw();"
    "mixerLayout.ready();</script>"
)
CANVAS = (
    "<style>body { margin: 0 } video { position: absolute; width: 32px; height: 18px; left: 0;"
    " top: 252px }</style><canvas id=c width=480 height=252></canvas><video></video><script>"
    "const video = document.querySelector('video');"
    "video.srcObject = mixerLayout.mediaStream('p0.camera');"
    "const draw = () => c.getContext('2d').drawImage(video, 0, 0, 480, 252);"
    "WHEN; mixerLayout.ready();</script>"
)


def paused(folder: Path, pauses: list[tuple[float, float]], seconds: float) -> Path:
    """Ends a journal in which the recording pauses."""
    with JournalWriter.create(folder, conference="made") as writer:
        for start_s, stop_s in pauses:
            writer.note(Note(round(start_s * SECOND), PAUSED))
            writer.note(Note(round(stop_s * SECOND), RESUMED))
        writer.watermark(round(seconds * SECOND))
        writer.close(final=True)
    return folder


def edits_of(recording: Path, seconds: float) -> EditList:
    return edit_list(0, round(seconds * SECOND), Journal.open(recording).pauses, 30)


def dates_ms(track: Path) -> list[int]:
    """What each frame of the CLOCK page shows, in ms since the recording's start."""
    reader = MatteTrackReader.open(track)
    found = []
    for frame in range(reader.frames):
        row = reader.at(frame)[1].base[0][50, BIT_PX // 2 :: BIT_PX][:BITS]
        found.append(sum(1 << bit for bit, level in enumerate(row) if level > 128) - 1000)
    return found


async def test_a_page_lives_through_pauses(tmp_path: Path) -> None:
    """Behind a pause of 12 s (longer than what is run at once) and a short one the page's Date is
    the journal's time on the wall, from the first frame on, though nothing happens there; a
    browser killed behind them leaves no trace."""
    pauses = [(1.04, 13.1), (14.07, 14.4)]
    with JournalWriter.create(tmp_path / "j", conference="made") as writer:
        writer.event(added(0, 0))
    recording = paused(tmp_path / "j", pauses, 15.0)
    layout = page_of(tmp_path, CLOCK)
    layout += f"?began={round(Journal.open(recording).started_wall * 1000) - 1000}"
    await passed(recording, tmp_path / "m", settings(layout))
    edits, shown = edits_of(recording, 15.0), dates_ms(tmp_path / "m")
    assert len(shown) == edits.frames == 31 + 29 + 18
    firsts = [edits.first_frame_showing(round(stop * SECOND)) for _, stop in pauses]
    for frame, date_ms in enumerate(shown):
        now_ms = edits.frame_ns(frame) / 1e6
        late_ms = 100 if frame % 3 == 0 or frame in firsts else 200  # its interval, and stills'
        assert now_ms - late_ms <= date_ms <= now_ms + 1000 / 30 + 2
    kills = iter((True,))

    def kill(event: str) -> None:
        if event == "progress" and MatteTrackReader.open(tmp_path / "killed").frames > 62:
            for browser in browsers() if next(kills, False) else ():
                browser.kill()

    await passed(recording, tmp_path / "killed", settings(layout), kill)
    assert next(kills, None) is None
    assert everything(tmp_path / "killed") == everything(tmp_path / "m")


@pytest.mark.parametrize("when", ["setInterval(draw, 500)", "setTimeout(draw, 2000)"])
async def test_canvases_get_the_pictures_of_their_time(tmp_path: Path, when: str) -> None:
    """A canvas never shows a test card, nor a picture of another time than that of its drawing,
    which lies over a pause, or long after the step before; nor after the browser was killed."""
    make_journal(
        tmp_path / "j", participants=1, size=(640, 360), seconds=4.6, sound=False, final=False
    )
    recording = paused(tmp_path / "j", [(1.2, 3.9)], 4.6)
    layout = page_of(tmp_path, CANVAS.replace("WHEN", when))
    await passed(recording, tmp_path / "m", settings(layout))
    reader, edits = MatteTrackReader.open(tmp_path / "m"), edits_of(recording, 4.6)
    assert reader.frames == edits.frames == 36 + 21
    due = [edits.frame_ns(frame) * 30 // SECOND for frame in range(reader.frames)]
    for frame in range(31, reader.frames):
        mark = read_mark(np.ascontiguousarray(reader.at(frame)[1].base[0]), (0, 0, 480, 252))
        assert mark is not None, frame
        if "Timeout" in when:  # drawn once, a second after the first frame
            assert mark.number in (29, 30)
        else:
            assert due[max(36 if frame >= 36 else 0, frame - 15)] <= mark.number <= due[frame]
    kills = iter((True,))

    def kill(event: str) -> None:
        if event == "progress" and MatteTrackReader.open(tmp_path / "killed").frames > 35:
            for browser in browsers() if next(kills, False) else ():
                browser.kill()

    await passed(recording, tmp_path / "killed", settings(layout), kill)
    assert next(kills, None) is None
    assert everything(tmp_path / "killed") == everything(tmp_path / "m")
