"""What a recording of synthetic publishers shows: every picture's number, flashes against beeps.

    python -m tests.instruments.analyser FILE.mp4 [--tone PLACE=HZ …] [--json]

Marks are found wherever a layout put them (finder.py), again after each change of the layout, or
read at given boxes. Output frame n shows what is valid at (n + ½) / fps, so a flash that begins at
time t is first seen in the frame with the time nearest to t: the frame's time is an unbiased
estimate of t, off by at most half a frame. Offsets are beep minus flash: positive is sound late.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np

from tests.instruments import beeps
from tests.instruments.clips import beep_hz
from tests.instruments.finder import find_marks
from tests.instruments.pattern import PERIOD, Box, Luma, read_mark

SEARCH_EVERY = 256  # frames, when nothing seems to have changed
PAIR_WITHIN_SECONDS = 0.45


@dataclass(frozen=True, slots=True)
class Sight:
    """A mark in an output frame."""

    frame: int
    number: int
    flash: bool


@dataclass(frozen=True, slots=True)
class Step:
    """Between `frame` - 1 and `frame` the source went on by `by` pictures, not by one."""

    frame: int
    by: int


@dataclass(frozen=True, slots=True)
class Sync:
    """Beeps against flashes. `offsets`: (seconds into the file, beep minus flash in seconds)."""

    offsets: list[tuple[float, float]]
    bias_ms: float
    p99_ms: float  # of the magnitude
    drift_ppm: float  # how fast the offset grows

    @classmethod
    def of(cls, flashes: list[float], heard: list[float]) -> Sync | None:
        pairs = _pairs(flashes, heard)
        if not pairs:
            return None
        at, offset = np.array(pairs).T
        slope = np.polyfit(at, offset, 1)[0] if len(pairs) > 2 else 0.0
        p99 = float(np.percentile(np.abs(offset), 99))
        return cls(pairs, float(offset.mean()) * 1e3, p99 * 1e3, float(slope) * 1e6)


@dataclass(frozen=True, slots=True)
class Participant:
    """What was seen and heard of the publisher of a place."""

    place: int
    sights: list[Sight]
    unread: int  # frames between the first and the last sight without one
    flashes: list[float]  # seconds
    beeps: list[float]  # seconds
    sync: Sync | None
    steps: list[Step] = field(default_factory=list)

    @property
    def repeats(self) -> list[int]:
        """Frames that show the picture of the frame before again."""
        return [step.frame for step in self.steps if step.by == 0]

    @property
    def skips(self) -> list[Step]:
        return [step for step in self.steps if step.by > 1]

    @property
    def backwards(self) -> list[Step]:
        return [step for step in self.steps if step.by < 0]


@dataclass(frozen=True, slots=True)
class Analysis:
    frames: int
    fps: float
    participants: dict[int, Participant]  # by place

    def to_json(self) -> dict[str, Any]:
        parts = [_participant_json(one) for one in self.participants.values()]
        return {"frames": self.frames, "fps": self.fps, "participants": parts}


def analyse(
    path: Path,
    *,
    boxes: Mapping[int, Box] | None = None,
    tones: Mapping[int, float] | None = None,
    aspect: float = 16 / 9,
    least_width: float = 0.0,
) -> Analysis:
    """Reads a whole file. `boxes`: place → box of the whole picture, if they never change;
    `tones`: place → Hz, by default those of clips.py; `aspect`: of the publishers' pictures;
    `least_width`: of the smallest of them in the file (looking for smaller ones takes long)."""
    reader = _FixedBoxes(boxes) if boxes is not None else _Following(aspect, least_width)
    sights: dict[int, list[Sight]] = {}
    frames, fps = 0, 30.0
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        video.thread_type = "AUTO"
        fps = float(video.average_rate or 30)
        for frame in container.decode(video):
            number = round(frame.time * fps)
            for place, sight in reader.read(_luma(frame), number):
                sights.setdefault(place, []).append(sight)
            frames = number + 1
    sound = beeps.read_sound(path)
    participants: dict[int, Participant] = {}
    for place in sorted({*sights, *(tones or {})}):
        heard = beeps.onsets(sound, (tones or {}).get(place, beep_hz(place)))
        participants[place] = _participant(place, sights.get(place, []), heard, fps)
    return Analysis(frames, fps, participants)


class _FixedBoxes:
    def __init__(self, boxes: Mapping[int, Box]) -> None:
        self._boxes = boxes

    def read(self, luma: Luma, frame: int) -> Iterator[tuple[int, Sight]]:
        for place, box in self._boxes.items():
            mark = read_mark(luma, box)
            if mark is not None and mark.place == place and mark.number < PERIOD:
                yield place, Sight(frame, mark.number, mark.flash)


class _Following:
    """Knows where the marks were, and looks for them anew when one is gone, and now and then."""

    def __init__(self, aspect: float, least_width: float) -> None:
        self._aspect = aspect
        self._least_width = least_width
        self._boxes: dict[int, Box] = {}
        self._next_search = 0
        self._wait = 1

    def read(self, luma: Luma, frame: int) -> Iterator[tuple[int, Sight]]:
        sights = dict(_FixedBoxes(self._boxes).read(luma, frame))
        if frame >= self._next_search or len(sights) < len(self._boxes):
            self._boxes = self._boxes_now(luma, set(self._boxes) - set(sights))
            self._next_search = frame + self._wait
            sights = dict(_FixedBoxes(self._boxes).read(luma, frame))
        yield from sights.items()

    def _boxes_now(self, luma: Luma, lost: set[int]) -> dict[int, Box]:
        """Boxes that are not lost stay as they are. After a change searches are frequent."""
        kept = {place: box for place, box in self._boxes.items() if place not in lost}
        found = find_marks(luma, self._aspect, kept, self._least_width)
        changed = found.keys() != self._boxes.keys() or bool(lost)
        self._wait = 1 if changed else min(self._wait * 2, SEARCH_EVERY)
        return found


def _luma(frame: av.VideoFrame) -> Luma:
    plane = frame.planes[0]
    rows: Luma = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width]


def _participant(place: int, sights: list[Sight], heard: list[float], fps: float) -> Participant:
    span = sights[-1].frame - sights[0].frame + 1 if sights else 0
    flashes = [
        now.frame / fps
        for before, now in itertools.pairwise(sights)
        if now.flash and not before.flash and now.frame == before.frame + 1
    ]
    return Participant(
        place=place,
        sights=sights,
        unread=span - len(sights),
        flashes=flashes,
        beeps=heard,
        sync=Sync.of(flashes, heard),
        steps=_steps(sights),
    )


def _steps(sights: list[Sight]) -> list[Step]:
    """Where consecutive frames do not show consecutive pictures. Numbers wrap at PERIOD."""
    found: list[Step] = []
    for before, now in itertools.pairwise(sights):
        by = (now.number - before.number + PERIOD // 2) % PERIOD - PERIOD // 2
        if now.frame == before.frame + 1 and by != 1:
            found.append(Step(now.frame, by))
    return found


def _pairs(flashes: list[float], heard: list[float]) -> list[tuple[float, float]]:
    """(time, offset) of each flash and the beep nearest to it."""
    times = np.array(heard)
    pairs: list[tuple[float, float]] = []
    for flash in flashes if len(times) else []:
        offset = float(times[np.argmin(np.abs(times - flash))]) - flash
        if abs(offset) <= PAIR_WITHIN_SECONDS:
            pairs.append((flash, offset))
    return pairs


def _participant_json(one: Participant) -> dict[str, Any]:
    return {
        **asdict(one),
        "sights": [[sight.frame, sight.number, sight.flash] for sight in one.sights],
        "repeats": len(one.repeats),
        "skips": len(one.skips),
        "backwards": len(one.backwards),
    }


def _line(one: Participant) -> str:
    seen = f"place {one.place:2}: {len(one.sights)} frames read, {one.unread} not"
    steps = f"{len(one.repeats)} repeats, {len(one.skips)} skips, {len(one.backwards)} backwards"
    if one.sync is None:
        return f"{seen}; {steps}; {len(one.flashes)} flashes, {len(one.beeps)} beeps, no pair"
    sync = one.sync
    return (
        f"{seen}; {steps}; {len(sync.offsets)} pairs: bias {sync.bias_ms:+.2f} ms, "
        f"p99 {sync.p99_ms:.2f} ms, drift {sync.drift_ppm:+.1f} ppm"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.instruments.analyser")
    parser.add_argument("file", type=Path)
    parser.add_argument("--tone", action="append", default=[], metavar="PLACE=HZ")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    tones = {int(place): float(hz) for place, _, hz in (one.partition("=") for one in given.tone)}
    analysis = analyse(given.file, tones=tones)
    if given.json:
        print(json.dumps(analysis.to_json()))
        return
    print(f"{analysis.frames} frames at {analysis.fps:g} fps")
    for one in analysis.participants.values():
        print(_line(one))


if __name__ == "__main__":
    main()
