"""Blending by coverage: every pixel is what matte.py's formula says, however tiles overlap."""

from __future__ import annotations

import av
import numpy as np
import pytest

from mixer.layout.matte import Matte, Placement, Tile
from mixer.picture.paint import PaintPlan
from mixer.picture.planes import Planes, planes_of, rows_of
from tests.picture import scenes

ANYWHERE = Placement(1 / 100, 0, 1 / 100, 0)


def matte_of(width: int, height: int, tiles: list[Tile], seed: int) -> Matte:
    random = np.random.default_rng(seed)
    shapes = ((height, width), *[((height + 1) // 2, (width + 1) // 2)] * 2)
    y, cb, cr = (random.integers(40, 200, shape).astype(np.uint8) for shape in shapes)
    return Matte(width, height, (y, cb, cr), tuple(tiles))


def random_tile(random: np.random.Generator, width: int, height: int) -> Tile:
    """Opaque, translucent and empty parts in a box that may reach beyond the canvas."""
    w, h = (int(length) for length in random.integers(1, 90, 2))
    x, y = int(random.integers(-20, width - 1)), int(random.integers(-20, height - 1))
    coverage = np.full((h, w), 255, np.uint8)
    for _ in range(random.integers(0, 4)):
        left, top = int(random.integers(0, w)), int(random.integers(0, h))
        coverage[top : top + h // 2, left : left + w // 2] = random.integers(0, 256)
    coverage[random.random((h, w)) < 0.02] = 77
    return Tile("s", x, y, w, h, ANYWHERE, coverage)


def net(matte: Matte) -> list[scenes.Floats]:
    """Whole-canvas coverages (0..255) of which the upper ones come first."""
    rest, found = np.full((matte.height, matte.width), 255.0), []
    for tile in reversed(matte.tiles):
        whole = np.zeros_like(rest)
        for row in range(max(0, tile.y), min(matte.height, tile.y + tile.height)):
            first, last = max(0, tile.x), min(matte.width, tile.x + tile.width)
            if last > first:
                whole[row, first:last] = tile.coverage[row - tile.y][first - tile.x : last - tile.x]
        found.append(np.minimum(whole, rest))
        rest -= found[-1]
    return found[::-1]


def painted(matte: Matte, pictures: list[Planes | None], plan: PaintPlan | None = None) -> Planes:
    frame = av.VideoFrame(matte.width, matte.height, "yuv420p")
    for rows in rows_of(frame):
        rows[...] = 99  # whatever was there must not matter
    plan = plan or PaintPlan(matte, [plane.line_size for plane in frame.planes])
    cut: list[Planes | None] = []
    for extent, picture in zip(plan.extents, pictures, strict=True):
        if extent is None or picture is None:
            cut.append(None)
            continue
        x, y, w, h = extent.box
        luma, cb, cr = picture
        half = (slice(y // 2, (y + h) // 2), slice(x // 2, (x + w) // 2))
        cut.append((luma[y : y + h, x : x + w], cb[half], cr[half]))
    plan.paint(rows_of(frame), cut)
    return planes_of(frame)


def expected(matte: Matte, pictures: list[Planes | None]) -> list[scenes.Floats]:
    out = [plane.astype(float) for plane in matte.base]
    for coverage, picture in zip(net(matte), pictures, strict=True):
        if picture is None:
            continue
        chroma = np.floor(8 * scenes.chroma_coverage(coverage) / 8 + 0.5)
        for plane, covered in enumerate((coverage, chroma, chroma)):
            values = picture[plane][: out[plane].shape[0], : out[plane].shape[1]].astype(float)
            out[plane] += covered * (values - scenes.BLACK[plane]) / 255
    return out


@pytest.mark.parametrize("seed", range(24))
def test_any_heap_of_tiles_is_blended_by_the_formula(seed: int) -> None:
    """Random coverages, sizes and overlaps: within a level of the formula wherever that stays in
    range, the upper tile first."""
    random = np.random.default_rng(seed)
    width, height = (int(length) for length in random.integers(90, 160, 2))
    tiles = [random_tile(random, width, height) for _ in range(random.integers(1, 6))]
    matte = matte_of(width, height, tiles, seed)
    # Where the page is black under what covers it, sums stay in range; elsewhere they are clipped.
    total = np.sum(net(matte), axis=0)
    matte.base[0][...] = np.rint(matte.base[0] * (1 - total / 255) + 16 * total / 255)
    chroma = scenes.chroma_coverage(total)
    for plane in matte.base[1:]:
        plane[...] = np.rint(plane * (1 - chroma / 255) + 128 * chroma / 255)
    half = ((height + 2) // 2, (width + 2) // 2)
    pictures: list[Planes | None] = []
    for _ in tiles:
        y = random.integers(16, 236, (height + 2, width + 2)).astype(np.uint8)
        cb, cr = (random.integers(16, 241, half).astype(np.uint8) for _ in range(2))
        pictures.append(None if random.random() < 0.15 else (y, cb, cr))
    made, wanted = painted(matte, pictures), expected(matte, pictures)
    for number in range(3):
        # Rounding of the result, of the base, and of each chroma coverage.
        slack = 1.1 if number == 0 else 1.1 + 0.5 * len(tiles)
        assert np.abs(made[number] - np.clip(wanted[number], 0, 255)).max() <= slack


def test_where_a_video_covers_all_it_is_copied() -> None:
    """A fully covered pixel is the video's, to the bit, whatever a noisy still says of the page."""
    coverage = np.full((40, 160), 255, np.uint8)
    coverage[10:30, 10:150] = np.where(np.arange(140) % 2, 255, 200)  # blended as a rectangle
    matte = matte_of(180, 60, [Tile("s", 10, 10, 160, 40, ANYWHERE, coverage)], 1)
    matte.base[0][10:50, 10:170] = 18
    picture = np.random.default_rng(2).integers(0, 256, (62, 182)).astype(np.uint8)
    half = np.full((31, 91), 128, np.uint8)
    made = painted(matte, [(picture, half, half)])[0]
    full = coverage == 255
    assert np.array_equal(made[10:50, 10:170][full], picture[10:50, 10:170][full])


def test_a_plan_goes_on_with_another_base() -> None:
    """The same tiles on another base are painted as by a plan of their own; others are refused."""
    random = np.random.default_rng(7)
    coverage = random_tile(random, 100, 100).coverage
    height, width = coverage.shape
    tiles = [Tile("s", x, 10, width, height, ANYWHERE, coverage) for x in (4, 7 + width)]
    before, after = (matte_of(300, 120, tiles, seed) for seed in (1, 2))
    sizes = [plane.line_size for plane in av.VideoFrame(300, 120, "yuv420p").planes]
    plan = PaintPlan(before, sizes).on(after)
    assert plan is not None
    y, half = (random.integers(0, 256, shape).astype(np.uint8) for shape in ((122, 302), (61, 151)))
    pictures: list[Planes | None] = [(y, half, half), None]
    for made, wanted in zip(painted(after, pictures, plan), painted(after, pictures), strict=True):
        assert np.array_equal(made, wanted)
    other = [tiles[0], Tile("s", 7 + width, 11, width, height, ANYWHERE, coverage)]
    assert plan.on(matte_of(300, 120, other, 3)) is None


def test_a_hidden_tile_is_not_asked_for() -> None:
    """A tile under an opaque one, outside of the canvas, or of no coverage has no box."""
    opaque = np.full((50, 50), 255, np.uint8)
    tiles = [
        Tile("under", 10, 10, 30, 30, ANYWHERE, opaque[:30, :30]),
        Tile("over", 0, 0, 50, 50, ANYWHERE, opaque),
        Tile("outside", 200, 10, 30, 30, ANYWHERE, opaque[:30, :30]),
        Tile("nothing", 60, 60, 30, 30, ANYWHERE, np.zeros((30, 30), np.uint8)),
    ]
    plan = PaintPlan(matte_of(100, 100, tiles, 1), [100, 50, 50])
    assert [extent is None for extent in plan.extents] == [True, False, True, True]
