"""How near composed frames come to what the page's geometry says they should be."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from mixer.layout.matte import Matte, Placement, Tile
from mixer.picture.colour import Converter
from mixer.picture.planes import planes_of
from mixer.picture.scale import PictureScaler
from tests.instruments.clips import frame_of
from tests.picture import journals, scenes
from tests.picture.scenes import Waves, fit, page, rounded

LEAST_DB = 42.0


def tile(
    stream: str,
    box: tuple[int, int, int, int],
    placement: Placement,
    coverage: scenes.Bytes | None = None,
) -> Tile:
    x, y, width, height = box
    whole = np.full((height, width), 255, np.uint8)
    return Tile(stream, x, y, width, height, placement, whole if coverage is None else coverage)


def labelled(width: int, height: int) -> scenes.Bytes:
    coverage = rounded(width, height, 14)
    coverage[height - 40 : height - 12, 12:150] = 100
    return coverage


def overlapping() -> Matte:
    """A tile with a smaller, mirrored one in its corner, which casts a shadow on it."""
    lower, upper = np.full((300, 520), 255, np.uint8), rounded(141, 81, 9)
    shadow = np.rint(255 - 90.0 * np.pad(rounded(150, 90, 12), 6)[:-1, :-1] / 255).astype(np.uint8)
    lower[190:291, 340:501] = shadow[:101, :161]
    lower[200:281, 350:491] = np.minimum(lower[200:281, 350:491], 255 - upper)
    tiles = (
        tile("a", (20, 10, 520, 300), fit((20, 10, 520, 300), (640, 360)), lower),
        tile(
            "b", (370, 210, 141, 81), fit((370.3, 210, 140.6, 81), (640, 360), mirrored=True), upper
        ),
    )
    return page(600, 340, tiles)


PAGES = {
    "cover": page(640, 360, (tile("a", (11, 7, 301, 277), fit((11, 7, 301, 277), (640, 360))),)),
    "contain": page(
        640,
        360,
        (tile("a", (20, 32, 400, 225), fit((20, 20, 400, 249), (640, 360), contain=True)),),
    ),
    "fractional": page(
        640, 360, (tile("a", (21, 14, 480, 300), fit((20.37, 13.61, 481.9, 301.2), (640, 360))),)
    ),
    "mirrored": page(
        640,
        360,
        (tile("a", (8, 8, 500, 300), fit((8, 8, 500, 300), (640, 360), mirrored=True)),),
    ),
    "half a pixel off": page(
        640,
        360,
        (tile("a", (10, 10, 400, 240), Placement(1 / 640, -9.5 / 640, 1 / 360, -9.5 / 360)),),
    ),
    "enlarged": page(
        1001, 701, (tile("a", (0, 0, 1001, 701), fit((0, 0, 1001, 701), (640, 360))),)
    ),
    "rounded and labelled": page(
        640,
        360,
        (tile("a", (9, 9, 471, 265), fit((9, 9, 471, 265), (640, 360)), labelled(471, 265)),),
    ),
    "beyond the canvas": page(
        301, 201, (tile("a", (150, 100, 320, 180), fit((150, 100, 320, 180), (640, 360))),)
    ),
    "overlapping": overlapping(),
}


@pytest.fixture(scope="module")
def two_streams(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[journals.Journal, dict[str, Waves]]:
    waves = {"a": Waves(640, 360, seed=1), "b": Waves(640, 360, seed=2)}
    videos = [
        journals.Video(journals.sent([picture.planes()]), stream)
        for stream, picture in waves.items()
    ]
    return journals.write(tmp_path_factory.mktemp("fidelity"), videos, 1), waves


@pytest.mark.parametrize("name", PAGES)
def test_composed_frames_are_where_the_page_says(
    name: str, two_streams: tuple[journals.Journal, dict[str, Waves]]
) -> None:
    """Band-limited pictures: 42 dB inside tiles, 2 levels outside, in every plane."""
    journal, waves = two_streams
    matte = PAGES[name]
    composed = next(journals.composed(journals.composer(journal, matte), 3, 1))
    expected = scenes.reference(matte, waves)
    covered = sum(
        (scenes.canvas_coverage(t, matte.width, matte.height) for t in matte.tiles),
        np.zeros((matte.height, matte.width)),
    )
    for plane in range(3):
        inside = (covered if plane == 0 else scenes.chroma_coverage(covered)) > 0
        quality = scenes.psnr(composed[plane][inside], expected[plane][inside])
        assert quality >= LEAST_DB, f"plane {plane}: {quality:.1f} dB"
        worst = np.abs(composed[plane].astype(int) - matte.base[plane])[~inside].max(initial=0)
        assert worst <= 2
