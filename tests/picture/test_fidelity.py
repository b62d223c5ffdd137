"""How near composed frames come to what the page's geometry says they should be."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from mixer.journal import Journal
from mixer.layout.matte import Matte, Placement, Tile
from mixer.picture.colour import Converter
from mixer.picture.coverage import Extent
from mixer.picture.scale import PictureScaler
from tests.instruments.clips import frame_of
from tests.picture import journals, scenes
from tests.picture.scenes import Waves, fit, page, rounded

LEAST_DB = 50.0  # 42 is asked for; errors of a tenth of a pixel cost 8 dB and shall be noticed


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
) -> tuple[Journal, dict[str, Waves]]:
    waves = {"a": Waves(640, 360, seed=1), "b": Waves(640, 360, seed=2)}
    videos = [
        journals.Video(journals.sent([picture.planes()]), stream)
        for stream, picture in waves.items()
    ]
    return journals.write(tmp_path_factory.mktemp("fidelity"), videos, 1), waves


@pytest.mark.parametrize("name", PAGES)
def test_composed_frames_are_where_the_page_says(
    name: str, two_streams: tuple[Journal, dict[str, Waves]]
) -> None:
    """Band-limited pictures: 50 dB inside tiles, 2 levels outside, in every plane."""
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


def scaled(
    planes: journals.Planes, placement: Placement, box: tuple[int, int, int, int]
) -> journals.Planes:
    """A picture, scaled on its own."""
    size = (planes[0].shape[1], planes[0].shape[0])
    return PictureScaler(placement, size, Extent(box, box), Converter()).scale(frame_of(*planes))


@pytest.mark.parametrize("size", [(641, 359), (333, 251), (175, 143)])
def test_pictures_of_odd_sizes_are_placed_as_exactly(size: tuple[int, int]) -> None:
    """50 dB for sources of odd width and height, whose last chroma samples stand for one column."""
    waves, box = Waves(*size, seed=5), (10, 20, 300, 180)
    made = scaled(waves.planes(), placement := fit(box, size), box)
    matte = page(400, 300, (tile("a", box, placement),))
    expected = scenes.reference(matte, {"a": waves})
    assert scenes.psnr(made[0], expected[0][20:200, 10:310]) >= LEAST_DB
    for plane in (1, 2):
        assert scenes.psnr(made[plane], expected[plane][10:100, 5:155]) >= LEAST_DB


def detailed(width: int, height: int) -> scenes.Bytes:
    """Luma with the spectrum of photographs (1/f) and some edges."""
    random = np.random.default_rng(7)
    fy, fx = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]
    spectrum = np.fft.rfft2(random.normal(0, 1, (height, width))) / np.hypot(fx, fy).clip(1e-3)
    texture = np.fft.irfft2(spectrum, (height, width))
    edges = 30.0 * ((np.arange(width)[None, :] // 37 + np.arange(height)[:, None] // 23) % 2)
    luma: scenes.Floats = np.clip(110 + 30 * texture / texture.std() + edges, 16, 235)
    return luma.astype(np.uint8)


def unfiltered(
    luma: scenes.Bytes, placement: Placement, box: tuple[int, int, int, int]
) -> scenes.Floats:
    """Bilinear interpolation without a prefilter, as browsers scale video."""
    height, width = luma.shape
    x = (placement.ax * (np.arange(box[0], box[0] + box[2]) + 0.5) + placement.bx) * width - 0.5
    y = (placement.ay * (np.arange(box[1], box[1] + box[3]) + 0.5) + placement.by) * height - 0.5
    grid = np.meshgrid(y, x, indexing="ij")
    found: scenes.Floats = ndimage.map_coordinates(
        luma.astype(float), grid, order=1, mode="nearest"
    )
    return found


@pytest.mark.parametrize("box", [(0, 0, 960, 540), (3, 5, 482, 270), (7, 1, 161, 90)])
def test_detailed_pictures_are_nearer_to_lanczos_than_a_browsers(
    box: tuple[int, int, int, int],
) -> None:
    """Against Pillow's Lanczos in floating point, ours is nearer than unfiltered bilinear is."""
    luma, size = detailed(1280, 720), (1280, 720)
    gray = np.full((360, 640), 128, np.uint8)
    placement = fit(box, size)
    x, y = box[0] // 2 * 2, box[1] // 2 * 2
    even = (x, y, (box[2] + 3) // 2 * 2, (box[3] + 3) // 2 * 2)
    ours = scaled((luma, gray, gray), placement, even)[0]
    ours = ours[box[1] - even[1] :, box[0] - even[0] :][: box[3], : box[2]]
    p = placement
    edges = (
        float(np.clip((p.ax * box[0] + p.bx) * 1280, 0, 1280)),
        float(np.clip((p.ay * box[1] + p.by) * 720, 0, 720)),
        float(np.clip((p.ax * (box[0] + box[2]) + p.bx) * 1280, 0, 1280)),
        float(np.clip((p.ay * (box[1] + box[3]) + p.by) * 720, 0, 720)),
    )
    lanczos = Image.fromarray(luma.astype(np.float32)).resize(
        box[2:], Image.Resampling.LANCZOS, box=edges
    )
    assert scenes.psnr(ours, np.asarray(lanczos)) > scenes.psnr(
        unfiltered(luma, placement, box), np.asarray(lanczos)
    )


def test_a_screen_at_its_own_size_is_copied() -> None:
    """Text stays sharp: luma is the source's to the bit, although the placement is measured."""
    random = np.random.default_rng(9)
    luma = random.integers(16, 236, (360, 640)).astype(np.uint8)
    gray = np.full((180, 320), 128, np.uint8)
    measured = Placement(1 / 639.96, 0.02 / 640, 1 / 360.03, -0.02 / 360)
    made = scaled((luma, gray, gray), measured, (0, 0, 640, 360))
    assert np.array_equal(made[0], luma)


BARS = [(r, g, b) for r in (0.0, 0.75) for g in (0.0, 0.75) for b in (0.0, 0.75)]


@pytest.mark.parametrize(
    ("source", "black", "colorspace", "color_range"),
    [
        (scenes.BT601, 16, 5, 1),  # what libavcodec says of VP8
        (scenes.BT601, 16, 2, 0),  # H.264 without a word on colour
        (scenes.BT601_FULL, 0, 6, 2),
        (scenes.BT709, 16, 1, 1),
        (scenes.BT709, 16, 1, 0),
    ],
)
def test_colour_bars_keep_their_colours(
    source: scenes.Floats, black: int, colorspace: int, color_range: int
) -> None:
    """75 % bars of any matrix and range come out in BT.709 limited, within 2 levels."""
    levels = np.rint(source @ np.array(BARS).T + np.array([[black], [128], [128]]))
    wide = np.repeat(levels, 32, axis=1).astype(np.uint8)
    planes = [
        np.repeat(wide[p][None, :: 1 if p == 0 else 2], 64 if p == 0 else 32, 0) for p in range(3)
    ]
    frame = frame_of(*planes)
    frame.colorspace, frame.color_range = colorspace, color_range
    made = PictureScaler(
        Placement(1 / 256, 0, 1 / 64, 0),
        (256, 64),
        Extent((0, 0, 256, 64), (0, 0, 256, 64)),
        Converter(),
    )
    for bar, expected in enumerate(scenes.to_bt709(levels, source, black).T):
        y, cb, cr = (
            int(plane[8, (32 * bar + 16) * plane.shape[1] // 256]) for plane in made.scale(frame)
        )
        assert np.abs(np.array([y, cb, cr]) - expected).max() <= 2


@pytest.mark.parametrize(
    "placement",
    [
        Placement(0, 0.5, 1 / 90, 0),
        Placement(1 / 160, 40.0, 1 / 90, 0),
        Placement(float("nan"), 0, 1 / 90, 0),
        Placement(1e-9, 0.5, 1e9, -3),
        Placement(1 / 3, 0, 1 / 2, 0),
    ],
)
def test_placements_that_are_none_do_no_harm(placement: Placement) -> None:
    """A tile of no width, or far beside its picture, is filled with something, without an error."""
    box = (10, 10, 160, 80)
    made = PictureScaler(placement, (160, 90), Extent(box, box), Converter())
    planes = made.scale(frame_of(*journals.flat(99)))
    assert [plane.shape for plane in planes] == [(80, 160), (40, 80), (40, 80)]
    assert np.all(np.abs(planes[0].astype(int) - 99) <= 1)
