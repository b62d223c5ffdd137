"""Mattes against the browser's own painting of the same pictures; pages that they cannot tell.

The reference compositor is numpy, in RGB; the picture stage has tests of its own against it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.async_api import Browser

from mixer.layout import stills
from mixer.layout.colour import decode_png, to_planes
from mixer.layout.differences import Rgb
from mixer.layout.look import Look
from mixer.layout.matte import Tile
from mixer.layout.matting import NotMatte, composed
from mixer.layout.page import Page
from mixer.layout.pixels import COLOUR, PICTURE
from tests.layout.support import PAGES, shown, state_of

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]
SIZE = (1280, 720)
BT601 = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])


def picture(seed: int, width: int = 640, height: int = 360) -> tuple[bytes, NDArray[np.uint8]]:
    """A band-limited picture (waves of 40 pixels and more): as BT.601 I420, and what
    that says in RGB with the chroma it really has."""
    rng = np.random.default_rng(seed)
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float64)
    planes = []
    for low, high in ((40, 210), (90, 166), (90, 166)):
        waves = sum(
            np.sin((xs * np.cos(angle) + ys * np.sin(angle)) * rate + phase)
            for angle, rate, phase in rng.uniform((0, 0.02, 0), (6.3, 0.15, 6.3), (6, 3))
        )
        planes.append(low + (high - low) * (np.tanh(waves / 2) + 1) / 2)
    y, cb, cr = planes
    halves = [p.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3)) for p in (cb, cr)]
    data = b"".join(np.rint(p).astype(np.uint8).tobytes() for p in (y, *halves))
    yuv = np.stack([(y - 16) / 219, (cb - 128) / 224, (cr - 128) / 224], axis=2)
    rgb = yuv @ np.linalg.inv(BT601).T
    return data, np.clip(np.rint(rgb * 255), 0, 255).astype(np.uint8)


async def tiles_of(page: Page, look: Look) -> tuple[Rgb, list[Tile]]:
    async def once() -> tuple[Rgb, list[Tile]]:
        unseen = await stills.Unseen.taken(page, look, await stills.resting(page, look))
        return unseen.black, await unseen.tiles(page)

    await stills.prepare(page)
    return await stills.surely(page, once)


async def painted(page: Page, look: Look, pictures: Mapping[str, bytes]) -> Rgb:
    """The browser's own painting of these pictures, by stream."""
    for number, (stream, data) in enumerate(pictures.items()):
        told = base64.b64encode(data).decode()
        await page.host("picture", stream, number + 1, 640, 360, COLOUR, told)
    return decode_png(await page.still(PICTURE))


def decibels(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    return float(10 * np.log10(255**2 / max(1e-9, float(np.mean((a.astype(float) - b) ** 2)))))


@pytest.mark.parametrize(
    ("layout", "count"),
    [
        ("features.html", 5),
        ("default", 4),
        ("default", 25),
        ("speaker", 6),
        ("vertical", 7),
        ("grid?background=tan", 5),
    ],
)
async def test_composed_pages_are_those_the_browser_paints(
    browser: Browser, layout: str, count: int
) -> None:
    """Band-limited pictures: 42 dB or more inside every tile, 2 levels outside, in Y'CbCr."""
    name = str(PAGES / layout) if layout.endswith(".html") else layout
    async with shown(browser, name, state_of(count, width=640, height=360), SIZE) as (page, look):
        base, tiles = await tiles_of(page, look)
        assert {tile.stream for tile in tiles} == {f"p{n}.camera" for n in range(count)}
        made = {tile.stream: picture(number) for number, tile in enumerate(tiles)}
        theirs = await painted(page, look, {stream: data for stream, (data, _) in made.items()})
    ours = composed(base, tiles, [made[tile.stream][1] for tile in tiles])
    rgb = np.clip(np.rint(ours), 0, 255).astype(np.uint8)
    mine, other = to_planes(rgb), to_planes(theirs)
    outside = np.ones(mine[0].shape, np.bool_)
    for tile in tiles:
        box = slice(tile.y, tile.y + tile.height), slice(tile.x, tile.x + tile.width)
        inside = tile.coverage > 0
        outside[box] &= ~inside
        assert decibels(mine[0][box][inside], other[0][box][inside]) >= 42
        half = tuple(slice((s.start + 1) // 2, s.stop // 2) for s in box)
        for chroma in (1, 2):
            assert decibels(mine[chroma][half], other[chroma][half]) >= 42
    assert np.abs(mine[0].astype(int) - other[0])[outside].max() <= 2


CANNOT = [
    ("filter: blur(1px)", "filter: blur(1px)"),
    ("filter: blur(6px)", "filter: blur(6px)"),
    ("filter: contrast(1.2)", "filter: contrast"),
    ("filter: saturate(1.4)", "filter: saturate"),
    ("filter: hue-rotate(25deg)", "filter: hue-rotate"),
    ("filter: invert(1)", "filter: invert"),
    ("filter: grayscale(.6)", "filter: grayscale"),
    ("mix-blend-mode: multiply", "mixBlendMode: multiply"),
    ("mix-blend-mode: difference", "mixBlendMode: difference"),
    ("transform: rotate(2deg)", "transform: matrix"),
    ("transform: perspective(900px) rotateY(15deg)", "transform: matrix3d"),
]


@pytest.mark.parametrize(("style", "named"), CANNOT)
async def test_pages_that_mattes_cannot_tell_are_noticed(
    browser: Browser, style: str, named: str
) -> None:
    """Filters, blending and bent videos never pass as mattes, and their CSS is named."""
    await _noticed(browser, f"large={style}", named)


@pytest.mark.parametrize("style", ["blur(4px)", "brightness(1.4)", "grayscale(1)"])
async def test_frosted_glass_over_video_is_noticed(browser: Browser, style: str) -> None:
    """backdrop-filter over a part of a video."""
    await _noticed(browser, f"over=backdrop-filter: {style}", "backdropFilter")


async def _noticed(browser: Browser, query: str, named: str) -> None:
    layout = f"{PAGES / 'styled.html'}?{query}"
    async with shown(browser, layout, state_of(2)) as (page, look):
        with pytest.raises(NotMatte) as caught:
            await tiles_of(page, look)
        assert named in await stills.reason_in_page(page, caught.value)


@pytest.mark.parametrize(
    "style",
    [
        "opacity: .4",
        "border-radius: 60px",
        "object-fit: contain",
        "object-fit: fill",
        "transform: scale(-1, 1)",
        "filter: brightness(.8)",
        "clip-path: polygon(50% 0, 100% 100%, 0 100%)",
        "mask-image: linear-gradient(to right, black, transparent)",
        "box-shadow: 0 0 30px red",
        "filter: drop-shadow(0 0 9px red)",
        "left: 400px; top: 250px; opacity: .7; z-index: 3",
        "width: 120px; height: 67.5px; left: 33.3px",
    ],
)
async def test_pages_that_mattes_can_tell_are_told_by_them(browser: Browser, style: str) -> None:
    """What is linear in the video stays with the quick way."""
    layout = f"{PAGES / 'styled.html'}?large={style}"
    async with shown(browser, layout, state_of(2)) as (page, look):
        _, tiles = await tiles_of(page, look)
        assert {tile.stream for tile in tiles} == {"p0.camera", "p1.camera"}
