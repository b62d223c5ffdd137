"""A remix of a recording of several parts, whose layout ends the mix in each of them, or in one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import av
import pytest

from mixer.clock import SECOND
from mixer.journal import Journal
from mixer.recorder import MixPlan, Plan, RecordFolder
from mixer.recorder.remix import RenderOptions, remix
from mixer.render.job import Progress
from tests.instruments.analyser import analyse
from tests.instruments.make_journal import make_journal
from tests.layout.support import page_of

PARTS_S = ((0.5, 2.5), (3.7, 5.7), (7.2, 9.2))  # no beep is where two meet
FPS = 30
BODY = (
    "<style>body {{ margin: 0 }} video {{ width: 100vw; height: 100vh; object-fit: fill }}</style>"
    "<video data-participant=p0></video><script>mixerLayout.ready(); {then}</script>"
)
AFTER_MS = 2200  # of which one second is before the first frame
SOME = (  # only where the second part is: its wall clock tells
    "const begins = Date.now() - {wall} + 1000; if (3000 < begins && begins < 6500) {finish}"
)


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> RecordFolder:
    """A recording that was stopped and started twice."""
    folder = RecordFolder(tmp_path_factory.mktemp("record"))
    make_journal(folder.journal, participants=1, size=(320, 180), seconds=9.7)
    spans = [(round(a * SECOND), round(b * SECOND)) for a, b in PARTS_S]
    mixes = tuple(
        MixPlan(width=320, height=180, preset="superfast", part=n, start_ns=start, stop_ns=stop)
        for n, (start, stop) in enumerate(spans, 1)
    )
    folder.save(Plan("made", "made", mixes))
    return folder


def in_the_second(record: RecordFolder, finish: str) -> str:
    journal = Journal.open(record.journal)
    journal.close()
    return SOME.format(wall=round(journal.started_wall * 1000), finish=finish)


def remixed(record: RecordFolder, out: Path, layout: str, **options: object) -> list[float]:
    """Makes `out`; at which seconds of the recording the layout ended a part."""
    wish = RenderOptions(out, layout=layout, **options)  # type: ignore[arg-type]
    notes = asyncio.run(remix(record, wish, shown)).notes
    return [note["t"] for note in notes if note["type"] == "page.finished"]


def shown(name: str, progress: Progress, fps: int) -> None:
    """Nobody looks."""


def lengths(path: Path) -> tuple[int, float]:
    """Frames of the picture, seconds of the sound."""
    with av.open(str(path)) as container:
        frames = sum(1 for _ in container.decode(video=0))
        sound = container.streams.audio[0]
        assert sound.duration is not None and sound.time_base is not None
        return frames, float(sound.duration * sound.time_base)


def frames_until(ends: Sequence[float]) -> list[int]:
    """How much of each part that is, in frames."""
    return [round((end - start) * FPS) for end, (start, _) in zip(ends, PARTS_S, strict=True)]


def test_each_part_ends_with_its_layout(record: RecordFolder, tmp_path: Path) -> None:
    """The file has of each part what the layout showed, picture and sound alike and in sync; the
    notes say where."""
    finish = f"setTimeout(() => mixerLayout.finish(), {AFTER_MS})"
    page = page_of(tmp_path, BODY.format(then=finish))
    ends = remixed(record, out := tmp_path / "1.mp4", page)
    parts = frames_until(ends)
    assert len(parts) == 3 and all(30 <= one <= 42 for one in parts)
    frames, seconds = lengths(out)
    assert frames == sum(parts)
    assert seconds == pytest.approx(frames / FPS, abs=0.03)
    [seen] = analyse(out, boxes={0: (0, 0, 320, 180)}).participants.values()
    assert seen.sync is not None and len(seen.sync.offsets) >= 3
    assert all(abs(offset) < 0.5 / FPS + 0.005 for _, offset in seen.sync.offsets)


def test_one_part_of_several(record: RecordFolder, tmp_path: Path) -> None:
    """The others are whole. Who goes on with what was made before tells of it all the same."""
    finish = f"setTimeout(() => mixerLayout.finish(), {AFTER_MS});"
    page = page_of(tmp_path, BODY.format(then=in_the_second(record, finish)))
    ends = remixed(record, out := tmp_path / "1.mp4", page, keep_work=True)
    assert remixed(record, tmp_path / "2.mp4", page) == ends
    assert (tmp_path / "2.mp4").read_bytes() == out.read_bytes()
    assert len(ends) == 1 and PARTS_S[1][0] < ends[0] < PARTS_S[1][1]
    frames, seconds = lengths(out)
    assert frames == 60 + round((ends[0] - PARTS_S[1][0]) * FPS) + 60
    assert seconds == pytest.approx(frames / FPS, abs=0.03)


def test_a_part_that_ends_at_once(record: RecordFolder, tmp_path: Path) -> None:
    """One frame of it is in the file, as of a file that would be empty otherwise."""
    page = page_of(tmp_path, BODY.format(then=in_the_second(record, "mixerLayout.finish()")))
    [end] = remixed(record, out := tmp_path / "1.mp4", page)
    frames, seconds = lengths(out)
    assert end == pytest.approx(PARTS_S[1][0], abs=1 / FPS) and frames == 121
    assert seconds == pytest.approx(frames / FPS, abs=0.03)
