"""A video that took longer to load than a live mix can wait: late there, and in time in a remix."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mixer.clock import SECOND
from mixer.recorder import MixPlan, Plan, RecordFolder
from mixer.recorder.offline import finish_plan
from mixer.recorder.remix import RenderOptions, remix
from tests.instruments.beeps import read_sound
from tests.instruments.film import beeps, flashes, make_film, presented, sightings
from tests.layout.support import page_of
from tests.recorder.test_remix_ends import shown

PLAYS = [(1.0, True, 0.0), (5.0, True, 0.0)]
LOADED_S = 3.5
PAGE = (
    "<style>body { margin: 0; background: #fff } "
    "video { position: fixed; inset: 0; width: 100vw; height: 100vh; object-fit: fill }</style>"
    "<video data-participant=share></video>"
)


def test_late_live_and_in_time_in_a_remix(tmp_path: Path) -> None:
    """The mix that was made live shows and plays the film from when it was there, the remix from
    its first picture; both in step with the conference."""
    folder = RecordFolder(tmp_path / "record")
    presented(folder.journal, make_film(tmp_path / "film.mp4", 6), PLAYS, 8, loaded_s=LOADED_S)
    how = {"layout": page_of(tmp_path, PAGE), "width": 320, "height": 180, "preset": "superfast"}
    mix = MixPlan(**how, start_ns=SECOND // 2, stop_ns=15 * SECOND // 2)  # type: ignore[arg-type]
    folder.save(Plan("made", "made", (mix,)))
    asyncio.run(finish_plan(folder, shown))
    out = tmp_path / "remix.mp4"
    asyncio.run(remix(folder, RenderOptions(out), shown))
    live_s, remix_s = LOADED_S - 0.5, 0.5
    for path, from_s in ((folder.mix_file("default"), live_s), (out, remix_s)):
        seen = sightings(path)
        assert seen[0].t == pytest.approx(from_s, abs=0.07)
        due = [(second, 0.5 + second) for second in range(1, 4)]
        due = [*((n, t) for n, t in due if t > from_s), (0, 4.5), (1, 5.5), (2, 6.5)]
        told = [one for one in flashes(seen) if one[1] > from_s + 0.1]
        assert [second for second, _ in told] == [second for second, _ in due]
        for (_, t), (_, wanted) in zip(told, due, strict=True):
            assert t == pytest.approx(wanted, abs=0.04)
        heard = [t for second, t in beeps(read_sound(path), 6) if second == 1]
        assert heard == [
            pytest.approx(t, abs=0.01) for t in ((1.5, 5.5) if path == out else (5.5,))
        ]
