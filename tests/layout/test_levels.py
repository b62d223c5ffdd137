"""Pages that ask hear how loud people are: at a bounded rate, the same every time."""

from __future__ import annotations

from pathlib import Path

import pytest

from mixer.clock import MILLISECOND, SECOND
from mixer.journal import Alignment, Frame, Journal, JournalWriter
from mixer.layout.levels import Levels
from mixer.layout.track import MatteTrackReader
from tests.layout.support import added, page_of, speaking
from tests.layout.test_page_pass import everything, passed, settings

PACKET_MS, RATE = 20, 48_000
# -dBov from each second on: silence, low, loud, then by turns.
LEVELS = {0: 127, 1: 40, 2: 10, 3: 30}
SECONDS = 4
FPS = 30


def spoken(directory: Path) -> Journal:
    """p0 speaks from 1 s on, with the levels above; what is in the packets is nobody's concern."""
    with JournalWriter.create(directory, conference="c") as writer:
        track = writer.track(
            participant="p0",
            stream="p0.camera",
            source="Camera",
            kind="audio",
            codec="opus",
            clock_rate=RATE,
        )
        writer.align(Alignment(track.id, 0, 0, 0.0, "sender-report", MILLISECOND))
        events = [added(0, 0), speaking(1, 0)]
        for number in range(SECONDS * 1000 // PACKET_MS):
            t_ns = number * PACKET_MS * MILLISECOND
            while events and events[0].t_ns <= t_ns:
                writer.event(events.pop(0))
            level = LEVELS[t_ns // SECOND]
            rtp = number * PACKET_MS * RATE // 1000
            writer.frame(Frame(track.id, rtp, t_ns, b"\xfc\xff\xfe", level=level))
        writer.watermark(SECONDS * SECOND)
        writer.close(final=True)
    return Journal.open(directory)


def test_levels_are_told_when_they_change(tmp_path: Path) -> None:
    """In steps from 0 to 5, on a grid five times a second, as of the fifth before."""
    with_sound = spoken(tmp_path / "j")
    levels = Levels(with_sound, FPS)
    told = {}
    for frame in range(SECONDS * FPS):
        new = levels.new_at(frame, frame * SECOND // FPS)
        if new is not None:
            told[frame] = dict(new)
    assert told == {6: {"p0": 0}, 36: {"p0": 2}, 66: {"p0": 5}, 96: {"p0": 3}}
    assert [levels.next_after(frame) for frame in (-1, 0, 5, 6)] == [0, 6, 6, 12]


async def test_the_audio_layout_shows_them(tmp_path: Path) -> None:
    """It changes with them, no oftener; a restart in the middle does the same."""
    spoken(tmp_path / "j").close()
    wanted, track = settings("audio"), tmp_path / "m"
    await passed(tmp_path / "j", track, wanted)
    first = everything(track)
    reader = MatteTrackReader.open(track)
    assert [frame for frame, _ in reader.changes(0, reader.frames)] == [0, 30, 60, 96]
    path = track / "matte.track"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    await passed(tmp_path / "j", track, wanted)
    assert everything(track) == first


@pytest.mark.parametrize(("asks", "steps"), [("", 0), ("layout.level(layout.participants[0]);", 3)])
async def test_only_who_asks_is_woken(tmp_path: Path, asks: str, steps: int) -> None:
    """Who speaks is at least at 1; others hear nothing of levels."""
    spoken(tmp_path / "j").close()
    script = (
        "const layout = mixerLayout; let heard = 0; const n = document.querySelector('#n');"
        f"{asks} layout.addEventListener('change', ({{detail}}) => {{"
        " if (!detail.events.length) n.textContent = `${heard += 1}`; }); layout.ready();"
    )
    layout = page_of(tmp_path, f"<p id=n style='font-size: 90px'></p><script>{script}</script>")
    await passed(tmp_path / "j", tmp_path / "m", settings(layout))
    reader = MatteTrackReader.open(tmp_path / "m")
    assert len(reader.changes(0, reader.frames)) == 1 + steps
