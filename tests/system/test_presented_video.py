"""A video that is presented at the join page by its address is seen and heard in the recording, in
step, paused and sought; and in a remix, when there is no room and no server of the video any more.
"""

from __future__ import annotations

import json
import signal
from itertools import pairwise
from pathlib import Path

import pytest

from mixer.conference.presentation import OBJECTS
from mixer.journal import Journal
from mixer.journal.played import stretches
from mixer.journal.presented import object_files
from tests.instruments.beeps import read_sound
from tests.instruments.film import beeps, flashes, make_film, served, sightings
from tests.system.processes import mixer, process, room, until
from tests.system.test_presented import PATIENCE_MS, at_the_join_page
from tests.system.test_record import recorded_s

pytestmark = [pytest.mark.system, pytest.mark.timeout(420)]

MIX = "id=default,size=640x360,preset=superfast"
FILM_S = 30
FRAME_S = 1 / 30
SOUGHT_S = 20


def offsets(video: Path) -> list[float]:
    """By how many seconds each beep of the film comes after its flash."""
    flashed = flashes(sightings(video))
    heard = beeps(read_sound(video), FILM_S)
    found = []
    for second, t in flashed:
        near = [at - t for other, at in heard if other == second and abs(at - t) < 0.4]
        assert near, f"the beep of second {second} at {t:.3f}"
        found.append(near[0])
    return found


def test_a_video_in_the_recording(tmp_path: Path) -> None:
    out = tmp_path / "rec"
    (tmp_path / "films").mkdir()
    make_film(tmp_path / "films" / "film.mp4", FILM_S)
    with (
        room(tmp_path) as url,
        served(tmp_path / "films") as films,
        at_the_join_page(url) as page,
    ):
        argv: tuple[str, ...] = ("mixer.cli", "record", url, "--out", str(out), "--mix", MIX)
        argv += ("--layout-allow", "127.0.0.1", "--format", "both")
        with process(*argv, log=tmp_path / "record.log") as recorder:
            until(lambda: recorded_s(out, 2), "two seconds were recorded")
            page.locator("#video").click()
            page.locator("#video-url").fill(f"{films}/film.mp4")
            page.locator("#video-dialog .primary").click()
            page.locator("#player").wait_for(timeout=PATIENCE_MS)
            until(lambda: list((out / "journal" / OBJECTS).glob("*.mp4")), "it was loaded")
            position = "conference.screening.position"
            until(lambda: page.evaluate(position) > 6000, "it has played")
            page.screenshot(path=tmp_path / "page.png")
            page.locator('[data-player="play"]').click()
            until(lambda: not page.evaluate("conference.screening.current.playing"), "it stands")
            stood = page.evaluate(position) / 1000
            page.wait_for_timeout(1500)
            page.evaluate(f"conference.screening.seek({SOUGHT_S * 1000 - 500})")
            page.evaluate("conference.screening.play()")
            until(lambda: page.evaluate(position) > SOUGHT_S * 1000 + 3500, "it goes on")
            page.locator("#video").click()
            until(lambda: page.evaluate("conference.screening.current === null"), "it was stopped")
            page.wait_for_timeout(1500)
            recorder.send_signal(signal.SIGTERM)
            assert recorder.wait(180) == 0
    check(out / "mixes" / "default.mp4", stood)
    journal = Journal.open(out / "journal")
    assert {path.name for path in (out / "journal" / OBJECTS).iterdir()} == object_files(journal)
    assert [stretch.playing for stretch in stretches(journal)][-1]
    assert not [note for note in journal.notes if note.type == "presentation-missing"]
    [mp3] = (out / "mixes").parent.rglob("*.mp3")
    assert SOUGHT_S in [second for second, _ in beeps(read_sound(mp3), FILM_S)]

    again = tmp_path / "again.mp4"  # there is no room any more, and nobody has the film
    mixer("render", str(out), "--layout", "default", "--size", "640x360", "--out", str(again))
    check(again, stood)
    told = json.loads(mixer("inspect", str(out), "--json").stdout)["presentations"]
    assert [(one["kind"], one["name"], one["fetched"]) for one in told] == [
        ("video", "film.mp4", 1)
    ]
    mixer("export", str(out), "--out", str(tmp_path / "tracks"))
    [copy] = (tmp_path / "tracks").glob("*film.mp4-1.mp4")
    assert copy.read_bytes() == (tmp_path / "films" / "film.mp4").read_bytes()
    alone = tmp_path / "alone.mp4"
    mixer("render", str(out), "--without", "Ada", "--size", "640x360", "--out", str(alone))
    assert sightings(alone) == []


def check(video: Path, stood_s: float) -> None:
    """Seconds in order, none twice; sound with the picture; it stands where it was paused."""
    seen = sightings(video)
    order = [second for second, _ in flashes(seen)]
    before = [second for second in order if second < SOUGHT_S]
    after = [second for second in order if second >= SOUGHT_S]
    assert before == list(range(before[0], before[-1] + 1)) and len(before) >= 3
    assert after == list(range(SOUGHT_S, SOUGHT_S + len(after))) and len(after) >= 3
    assert abs(before[-1] - int(stood_s)) <= 1
    still = [one for one in seen if one.second == before[-1]]
    assert still[-1].t - still[0].t > 1.4
    assert all(abs(offset) < 1.5 * FRAME_S for offset in offsets(video))
    times = [t for _, t in flashes(seen)]
    for a, b in pairwise(times[: len(before)]):
        assert abs(b - a - 1) < 1.5 * FRAME_S
