"""The generated journals that other tests and the bench stand on."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mixer.clock import MILLISECOND, SECOND
from mixer.conference import state
from mixer.journal import Journal
from mixer.layout.matte import Matte
from mixer.sound import mix_segment
from tests.instruments import beeps, clips
from tests.instruments.make_journal import make_journal
from tests.instruments.pattern import read_mark
from tests.picture import journals, scenes
from tests.picture.test_fidelity import tile

SIZE = (320, 180)
BOXES = [(4, 6, *SIZE), (330, 6, *SIZE)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Journal:
    directory = make_journal(
        tmp_path_factory.mktemp("made"),
        participants=2,
        size=SIZE,
        seconds=5,
        loop_seconds=2,
        microphones=1,
        screen=(1, 3),
    )
    return Journal.open(directory)


def two() -> Matte:
    tiles = [tile(f"p{k}.camera", BOXES[k], scenes.fit(BOXES[k], SIZE)) for k in (0, 1)]
    return scenes.page(660, 200, tuple(tiles))


def test_every_picture_carries_the_number_of_its_time(made: Journal) -> None:
    """Composed frame n shows picture n modulo the clip of both, flashing as the second begins."""
    for number, (y, _, _) in enumerate(journals.composed(journals.composer(made, two()), 0, 150)):
        for place, (x, top, width, height) in enumerate(BOXES):
            mark = read_mark(y[top : top + height, x : x + width])
            assert mark == (number % 60, place, number % 30 < 3)


def test_beeps_are_heard_when_flashes_are_seen(made: Journal) -> None:
    """Each participant's beeps start with its pictures 0, 30, 60, …, within a few milliseconds."""
    sound = mix_segment(made, 0, 4 * clips.RATE).mean(axis=1)
    for place in range(3):
        heard = beeps.onsets(np.asarray(sound), clips.beep_hz(place))
        assert [round(at) for at in heard][-3:] == [1, 2, 3]
        assert all(abs(at - round(at) - 0.002 * place) < 0.008 for at in heard)


def test_the_journal_tells_who_is_there(made: Journal) -> None:
    """Events are of the conference's schema; streams carry the size of their video."""
    now = state.empty()
    for event in made.events(0, 2 * SECOND):
        now = state.apply(now, event.type, event.data)
    assert [someone["id"] for someone in now["participants"]] == ["p0", "p1", "p2"]
    streams = {s["id"]: s["video"] for p in now["participants"] for s in p["streams"]}
    assert streams.keys() == {"p0.camera", "p0.screen", "p1.camera", "p2.camera"}
    assert streams["p2.camera"] is None
    seen = streams["p1.camera"]
    assert seen is not None and (seen["width"], seen["height"]) == SIZE
    for event in made.events(2 * SECOND):
        now = state.apply(now, event.type, event.data)
    assert "p0.screen" not in {s["id"] for p in now["participants"] for s in p["streams"]}
    assert made.finished and made.watermark_ns == 5 * SECOND


def test_timestamps_go_on_over_the_clip_s_end(tmp_path: Path) -> None:
    """Any rate: pictures are evenly spaced, with a key picture at each start of the clip."""
    rate = Fraction(30_000, 1001)
    directory = make_journal(
        tmp_path, participants=1, size=(160, 90), fps=rate, seconds=3, loop_seconds=1, codec="h264"
    )
    journal = Journal.open(directory)
    (video,) = (track.id for track in journal.tracks.values() if track.kind == "video")
    times, keys = [], []
    for media_ns, frame in journal.frames([video], 0, 3 * SECOND):
        times.append(media_ns)
        keys.append(frame.key)
    assert (
        np.abs(np.array(times) - np.arange(len(times)) * SECOND / float(rate)).max()
        < MILLISECOND / 50
    )
    assert [number for number, key in enumerate(keys) if key] == [0, 30, 60]
