"""Where two stills differ, against the plain comparison of all their channels."""

from __future__ import annotations

import numpy as np
import pytest

from mixer.layout.differences import Area, Differences, Rgb

MANY = 10_000


def _two(rng: np.random.Generator, height: int, width: int) -> tuple[Rgb, Rgb]:
    """A picture and one that differs from it in single channels, in a box, and at its edges."""
    one = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    other = one.copy()
    for _ in range(12):
        other[rng.integers(height), rng.integers(width), rng.integers(3)] ^= 1
    other[3:6, 5:9] += 7
    other[0, 0, 0] ^= 4
    other[-1, -1, 2] ^= 4
    return one, other


@pytest.mark.parametrize("width", [64, 66, 63, 20])  # words of 8, 2, 1 and 4 bytes
def test_channels_of_an_area(width: int) -> None:
    rng = np.random.default_rng(width)
    one, other = _two(rng, 21, width)
    found = Differences(one, other)
    areas: list[Area] = [(slice(0, 21), slice(0, width)), (slice(20, 21), slice(width - 1, width))]
    for _ in range(50):
        top, bottom = sorted(int(y) for y in rng.integers(0, 22, 2))
        left, right = sorted(int(x) for x in rng.integers(0, width + 1, 2))
        areas.append((slice(top, bottom), slice(left, right)))
    for area in areas:
        different = one[area] != other[area]
        expected = np.nonzero(different.reshape(len(different), different.shape[1] * 3))
        told = found.channels(area, MANY)
        assert told is not None
        assert [at.tolist() for at in told] == [at.tolist() for at in expected], area


def test_too_many_channels_are_not_told() -> None:
    one = np.zeros((16, 64, 3), np.uint8)
    other = one.copy()
    other[4, :40] = 1
    found, whole = Differences(one, other), (slice(0, 16), slice(0, 64))
    assert found.channels(whole, 119) is None
    told = found.channels(whole, 120)
    assert told is not None and len(told[0]) == 120
    beside = found.channels((slice(5, 16), slice(0, 64)), 0)
    assert beside is not None and len(beside[0]) == 0


@pytest.mark.parametrize("width", [64, 66, 63, 20])
def test_blocks_and_their_right_neighbours(width: int) -> None:
    """A block is told where one of its pixels, or the one to their left, differs; few others."""
    one, other = _two(np.random.default_rng(width), 21, width)
    blocks = Differences(one, other).blocks(4, 8)
    assert blocks.shape == (6, -(-width // 8))
    different = (one != other).any(axis=2)
    different[:, 1:] |= different[:, :-1].copy()
    padded = np.zeros((24, blocks.shape[1] * 8), bool)
    padded[:21, :width] = different
    expected = padded.reshape(6, 4, -1, 8).any(axis=(1, 3))
    assert not (expected & ~blocks).any()
    assert np.count_nonzero(blocks & ~expected) <= 4
