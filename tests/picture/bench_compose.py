"""Bench: CPU of composing, split into decoding, scaling, colours, painting and the rest.

    flock /tmp/bench.lock python -m tests.picture.bench_compose [--json]

Four participants of 1280x720, 30 fps, 1.5 Mbit/s (tests/instruments/clips.py), 2x2 in 1920x1080
with rounded corners and translucent labels, object-fit: cover; also a shared screen with a
thumbnail, and 25 participants of 640x360. Times are CPU of this process, the least of several runs.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mixer.edit import EditList, Span
from mixer.journal import Journal
from mixer.layout.matte import Matte, Tile
from mixer.picture import Composer, colour, compose, decode, paint, scale
from tests.instruments.make_journal import make_journal
from tests.picture import scenes
from tests.picture.journals import Fixed

WARM_UP, RUN, RUNS = 30, 60, 6
PARTS: list[tuple[type, str, str]] = [
    (decode.TrackDecoder, "feed", "decode"),
    (scale.PictureScaler, "scale", "scale"),
    (colour.Converter, "convert", "colour"),
    (paint.PaintPlan, "paint", "paint"),
    (compose.Composer, "_compose", "all"),
]


def tile(
    stream: str, box: tuple[int, int, int, int], size: tuple[int, int], mirrored: bool
) -> Tile:
    x, y, width, height = box
    coverage = scenes.rounded(width, height, 16)
    coverage[height - height // 9 : height - height // 27, width // 40 : width // 4] = 100
    placement = scenes.filled(painted_box(box, size), mirrored=mirrored)
    return Tile(stream, x, y, width, height, placement, coverage)


def painted_box(box: tuple[int, int, int, int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The whole pixels into which a browser paints the whole picture for object-fit: cover."""
    x, y, width, height = box
    scale = max(width / size[0], height / size[1])
    whole_w, whole_h = round(size[0] * scale), round(size[1] * scale)
    return x + (width - whole_w) // 2, y + (height - whole_h) // 2, whole_w, whole_h


def grid(columns: int, rows: int, size: tuple[int, int]) -> Matte:
    """Cameras p0, p1, … in a grid with gaps of 16 pixels."""
    width, height = (1920 - 16) // columns - 16, (1080 - 16) // rows - 16
    tiles = [
        tile(
            f"p{number}.camera",
            (
                16 + number % columns * (width + 16),
                16 + number // columns * (height + 16),
                width,
                height,
            ),
            size,
            number == 0,
        )
        for number in range(columns * rows)
    ]
    return scenes.page(1920, 1080, tuple(tiles))


def presentation() -> Matte:
    """A screen of 1080p on the whole page, its presenter's camera in a corner over it."""
    corner = (1920 - 400, 1080 - 240, 368, 207)
    upper = tile("p0.camera", corner, (1280, 720), False)
    whole = np.full((1080, 1920), 255, np.uint8)
    part = whole[corner[1] : corner[1] + corner[3], corner[0] : corner[0] + corner[2]]
    np.minimum(part, 255 - upper.coverage, out=part)
    lower = Tile("p0.screen", 0, 0, 1920, 1080, scenes.fit((0, 0, 1920, 1080), (1920, 1080)), whole)
    return scenes.page(1920, 1080, (lower, upper))


def measure(directory: Path, matte: Matte) -> dict[str, float]:
    """Milliseconds of CPU for each output frame, by part."""
    spent: defaultdict[str, float] = defaultdict(float)
    undo = [_timed(owner, name, part, spent) for owner, name, part in PARTS]
    try:
        mattes = Fixed({0: matte})
        edits = EditList((Span(0),), 30)
        composer = Composer(Journal.open(directory), mattes, width=1920, height=1080, edits=edits)
        frames = composer.frames(0, WARM_UP + RUN * RUNS)
        for _ in range(WARM_UP):
            next(frames)
        runs = []
        for _ in range(RUNS):
            spent.clear()
            for _ in range(RUN):
                next(frames)
            runs.append({part: 1000 * spent[part] / RUN for _, _, part in PARTS})
    finally:
        for restore in undo:
            restore()
    least = min(runs, key=lambda run: run["all"])
    least["scale"] -= least["colour"]
    least["rest"] = least["all"] - sum(least[p] for p in ("decode", "scale", "colour", "paint"))
    return {part: round(ms, 2) for part, ms in least.items()}


def _timed(owner: type, name: str, part: str, spent: defaultdict[str, float]) -> Callable[[], None]:
    original: Callable[..., Any] = getattr(owner, name)

    def timed(*args: Any, **kwargs: Any) -> Any:
        started = time.thread_time()
        try:
            return original(*args, **kwargs)
        finally:
            spent[part] += time.thread_time() - started

    setattr(owner, name, timed)
    return lambda: setattr(owner, name, original)


def bench(codec: str = "vp8") -> dict[str, dict[str, float]]:
    found = {}
    seconds = (WARM_UP + RUN * RUNS) / 30 + 1
    with tempfile.TemporaryDirectory() as scratch:
        four = make_journal(
            Path(scratch, "four"), seconds=seconds, sound=False, codec=codec, screen=(0, seconds)
        )
        found["4 x 720p, 2x2"] = measure(four, grid(2, 2, (1280, 720)))
        found["screen 1080p5 + camera 720p"] = measure(four, presentation())
        many = make_journal(
            Path(scratch, "many"),
            participants=25,
            size=(640, 360),
            seconds=seconds,
            sound=False,
            codec=codec,
            loop_seconds=2,
        )
        found["25 x 360p, 5x5"] = measure(many, grid(5, 5, (640, 360)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU of composing a 1080p frame, by part.")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--codec", choices=("vp8", "h264"), default="vp8")
    options = parser.parse_args()
    found = bench(options.codec)
    if options.json:
        print(json.dumps({"compose": found}))
        return
    for name, parts in found.items():
        print(f"{name:28}", "  ".join(f"{part} {ms:.2f}" for part, ms in parts.items()), "ms")


if __name__ == "__main__":
    main()
