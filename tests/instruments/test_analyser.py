"""The analyser is right about recordings that are made with known faults."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.instruments import beeps, pattern
from tests.instruments.analyser import Analysis, analyse
from tests.instruments.clips import beep_hz
from tests.instruments.finder import find_marks

FPS = 30
WIDTH, HEIGHT = 640, 360
RATE = 48_000
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Shown:
    """A publisher in the file: where, since when, how fast, and how late its sound is (seconds)."""

    place: int
    box: Box
    starts: float = 0.0
    fps: float = FPS
    sound_late: float = 0.0
    number_of: Callable[[int], int] | None = None  # output frame → picture; default: by the rule
    until: int = 1 << 30  # frames: after that its box is `then`
    then: Box = (0, 0, 0, 0)

    def number(self, frame: int) -> int:
        if self.number_of is not None:
            return self.number_of(frame)
        return math.floor(((frame + 0.5) / FPS - self.starts) * self.fps)


def picture(shown: Sequence[Shown], frame: int) -> NDArray[np.uint8]:
    luma = np.full((HEIGHT, WIDTH), 40, np.uint8)
    luma += (np.indices(luma.shape).sum(0) % 23).astype(np.uint8)
    for one in shown:
        x, y, width, height = one.box if frame < one.until else one.then
        number = one.number(frame)
        whole = np.full((height, width), 120, np.uint8)
        flash = pattern.flash_on(number, one.fps)
        pattern.draw(whole, number % pattern.PERIOD, flash, one.place)
        x0, x1, y0, y1 = max(x, 0), min(x + width, WIDTH), max(y, 0), min(y + height, HEIGHT)
        luma[y0:y1, x0:x1] = whole[y0 - y : y1 - y, x0 - x : x1 - x]
    return luma


def sound(shown: Sequence[Shown], seconds: int) -> NDArray[np.float32]:
    at = np.arange(seconds * RATE) / RATE
    noise = np.random.default_rng(1).normal(0, 0.003, len(at))
    for one in shown:
        interval = round(one.fps) / one.fps
        since = np.mod(at - one.starts - one.sound_late, interval)
        on = since < pattern.BEEP_SECONDS
        noise += 0.15 * on * np.sin(2 * np.pi * beep_hz(one.place) * at)
    return noise.astype(np.float32)


def make_file(path: Path, shown: Sequence[Shown], seconds: int) -> Path:
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", FPS, options={"preset": "ultrafast", "crf": "26"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        audio = container.add_stream("aac", RATE, layout="mono")
        for number in range(seconds * FPS):
            frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
            for plane, level in zip(frame.planes, (0, 128, 128), strict=True):
                plane.update(bytes([level]) * plane.buffer_size)
            rows = np.frombuffer(memoryview(frame.planes[0]), np.uint8).reshape(HEIGHT, -1)
            rows[:, :WIDTH] = picture(shown, number)
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(video.encode(frame))
        samples = sound(shown, seconds)
        for first in range(0, len(samples), 1024):
            part = av.AudioFrame.from_ndarray(samples[None, first : first + 1024], "fltp", "mono")
            part.sample_rate, part.pts, part.time_base = RATE, first, Fraction(1, RATE)
            container.mux(audio.encode(part))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))
    return path


LEFT_TILE = (0, 80, 320, 180)
RIGHT_TILE = (330, 90, 300, 168)


@pytest.fixture(scope="module")
def offsets(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    shown = [
        Shown(0, (4, 4, 310, 174), starts=0.1, sound_late=-0.040),
        Shown(1, (324, 4, 310, 174), starts=0.2),
        Shown(2, (4, 182, 310, 174), starts=0.3, sound_late=0.025),
        Shown(3, (324, 182, 310, 174), starts=0.4137, fps=29.9, sound_late=0.010),
    ]
    return analyse(make_file(tmp_path_factory.mktemp("offsets") / "a.mp4", shown, 20))


def test_known_offsets(offsets: Analysis) -> None:
    """−40, 0 and +25 ms are found to within 1 ms where flashes fall onto frame times, and without
    drift."""
    for place, expected in ((0, -40), (1, 0), (2, 25)):
        sync = offsets.participants[place].sync
        assert sync is not None
        assert len(sync.offsets) >= 19
        assert sync.bias_ms == pytest.approx(expected, abs=1)
        assert sync.p99_ms == pytest.approx(abs(expected), abs=1.5)
        assert abs(sync.drift_ppm) < 50


def test_offset_between_frames(offsets: Analysis) -> None:
    """A source that glides over the frame grid is off by up to half a frame, by nothing in mean."""
    sync = offsets.participants[3].sync
    assert sync is not None
    assert max(abs(late - 0.010) for _, late in sync.offsets) <= 0.5 / FPS + 0.001
    assert sync.bias_ms == pytest.approx(10, abs=4)


def test_rates(offsets: Analysis) -> None:
    """A source of the same rate has neither repeats nor skips; one of 29.9 repeats each 10 s."""
    for place in range(3):
        assert offsets.participants[place].steps == []
        assert offsets.participants[place].unread == 0
    assert len(offsets.participants[3].repeats) == len(offsets.participants[3].steps) == 2


def test_known_steps(tmp_path: Path) -> None:
    """Repeats, skips and backward steps are found at their frames, also where numbers wrap."""
    faults = {30: 0, 31: 2, 50: 3, 70: -2, 95: 0}

    def number_of(frame: int) -> int:
        return 545 + frame + sum(by - 1 for at, by in faults.items() if at <= frame)

    shown = [Shown(5, LEFT_TILE, number_of=number_of), Shown(6, RIGHT_TILE)]
    analysis = analyse(make_file(tmp_path / "a.mp4", shown, 4))
    assert {step.frame: step.by for step in analysis.participants[5].steps} == faults
    assert analysis.participants[5].repeats == [30, 95]
    assert [step.frame for step in analysis.participants[5].skips] == [31, 50]
    assert [step.frame for step in analysis.participants[5].backwards] == [70]
    assert analysis.participants[6].steps == []


def test_layout_changes(tmp_path: Path) -> None:
    """Marks are followed when tiles move, and given boxes are taken as they are."""
    moved = Shown(2, LEFT_TILE, until=40, then=(-30, 0, 640, 360))
    path = make_file(tmp_path / "a.mp4", [moved], 4)
    found = analyse(path).participants[2]
    assert [sight.frame for sight in found.sights] == list(range(120))
    assert found.steps == []
    fixed = analyse(path, boxes={2: LEFT_TILE}).participants[2]
    assert [sight.frame for sight in fixed.sights] == list(range(40))


def test_marks_are_found_at_all_sizes() -> None:
    """From cells of 5 pixels up to a picture that is cut on both sides."""
    boxes = {0: (10, 20, 190, 107), 1: (210, 10, 420, 236), 2: (20, 200, 176, 99)}
    luma = picture([Shown(place, box) for place, box in boxes.items()], 3)
    found = find_marks(luma)
    assert found.keys() == boxes.keys()
    for place, box in boxes.items():
        assert found[place] == pytest.approx(box, abs=box[2] / 36)
    cut = (-310, -160, 1200, 675)
    assert find_marks(picture([Shown(9, cut)], 0))[9] == pytest.approx(cut, abs=20)
    assert find_marks(picture([], 0)) == {}


@pytest.mark.parametrize(("late", "exact"), [(0.0, 1e-3), (0.0103, 4e-4), (0.25, 1e-4)])
def test_onsets_among_other_tones(late: float, exact: float) -> None:
    """Onsets of each tone are found in noise: to 0.1 ms; to 1 ms while others beep."""
    shown = [Shown(place, LEFT_TILE, starts=0.3 + late * place) for place in range(4)]
    mixed = sound(shown, 6)
    for one in shown:
        found = beeps.onsets(mixed, beep_hz(one.place))
        expected = [one.starts + second for second in range(-1, 6)]
        assert len(found) >= 5
        for onset in found:
            assert min(abs(onset - time) for time in expected) < exact
