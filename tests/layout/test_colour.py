"""Stills into BT.709 limited 4:2:0."""

from __future__ import annotations

import numpy as np
import pytest

from mixer.layout.colour import Converter, to_planes


@pytest.mark.parametrize(
    ("rgb", "ycbcr"),
    [
        ((0, 0, 0), (16, 128, 128)),
        ((255, 255, 255), (235, 128, 128)),
        ((255, 0, 0), (63, 102, 240)),
        ((0, 255, 0), (173, 42, 26)),
        ((0, 0, 255), (32, 240, 118)),
    ],
)
def test_colours_are_those_of_the_standard(
    rgb: tuple[int, int, int], ycbcr: tuple[int, int, int]
) -> None:
    """Black, white and the primaries in ITU-R BT.709, 8 bits, limited range."""
    planes = to_planes(np.full((4, 6, 3), rgb, np.uint8))
    assert tuple(int(plane[1, 1]) for plane in planes) == ycbcr
    assert [plane.shape for plane in planes] == [(4, 6), (2, 3), (2, 3)]


def test_chroma_is_sited_left() -> None:
    """A red column's chroma lies on even columns: (1 2 1)/4 of its neighbours."""
    rgb = np.zeros((2, 8, 3), np.uint8)
    rgb[:, 4] = (255, 0, 0)
    red = to_planes(rgb)[2][0].astype(int)
    assert red.tolist() == [128, 128, 184, 128]
    rgb = np.zeros((2, 8, 3), np.uint8)
    rgb[:, 3] = (255, 0, 0)
    assert to_planes(rgb)[2][0].tolist() == [128, 156, 156, 128]


@pytest.mark.parametrize("size", [(36, 64), (35, 63)])
def test_a_changed_part_is_converted_as_the_whole(size: tuple[int, int]) -> None:
    """The converter that only looks at changed rows gives the same planes, also at odd sizes."""
    rng = np.random.default_rng(5)
    converter = Converter()
    picture = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    for row in (None, 7, 20, size[0] - 1, 0):
        picture = picture.copy()
        if row is not None:
            picture[row, 3:20] = rng.integers(0, 256, 3)
        for mine, whole in zip(converter.planes(picture), to_planes(picture), strict=True):
            assert np.array_equal(mine, whole)
