"""The mark in synthetic pictures survives what conferences and layouts do to pictures."""

from __future__ import annotations

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.instruments import pattern


def picture(width: int, height: int, number: int, place: int, flash: bool) -> NDArray[np.uint8]:
    noise = np.random.default_rng(number).integers(40, 200, (height, width))
    luma: NDArray[np.uint8] = noise.astype(np.uint8)
    pattern.draw(luma, number, flash, place)
    return luma


def scaled(luma: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    frame = av.VideoFrame.from_ndarray(luma, format="gray8")
    return np.asarray(frame.reformat(width=width, height=height).to_ndarray(), np.uint8)


@pytest.mark.parametrize("number", [0, 1, 299, 599, 4095, (1 << 20) - 1])
@pytest.mark.parametrize("flash", [False, True])
def test_a_mark_is_read_back_at_every_scale(number: int, flash: bool) -> None:
    """Number, place and flash are the painted ones, from 1280x720 down to a tile of 240x135."""
    luma = picture(1280, 720, number, number % 16, flash)
    for size in ((1280, 720), (960, 540), (480, 270), (427, 240), (240, 135)):
        expected = pattern.Mark(number, number % 16, flash)
        assert pattern.read_mark(scaled(luma, *size)) == expected
    assert pattern.read(luma) == (number, flash)


def test_a_mark_is_read_in_a_cropped_tile_with_a_slightly_wrong_box() -> None:
    """object-fit: cover into a square tile, the box known to within two pixels."""
    luma = scaled(picture(1280, 720, 77, 3, True), 480, 270)
    canvas = np.full((400, 400), 16, dtype=np.uint8)
    canvas[50:320, 20:290] = luma[:, 105:375]
    for dx, dy in ((0, 0), (2, 1), (-2, -2)):
        assert pattern.read_mark(canvas, (20 - 105 + dx, 50 + dy, 480, 270)) == (77, 3, True)


def test_what_is_no_mark_is_not_read() -> None:
    """Black, white, noise, and a mark with one cell turned over give None."""
    for luma in (
        np.full((270, 480), 16, dtype=np.uint8),
        np.full((270, 480), 235, dtype=np.uint8),
        np.random.default_rng(1).integers(16, 235, (270, 480)).astype(np.uint8),
    ):
        assert pattern.read(luma) == (None, False)
    luma = picture(480, 270, 5, 0, False)
    x = int(480 * (0.25 + 0.5 * 5 / 18))
    luma[98:122, x : x + 13] = 249 - luma[98:122, x : x + 13]
    assert pattern.read_mark(luma) is None
