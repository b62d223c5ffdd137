"""Makes sure that videos are painted before a still is taken.

A video whose element tells that it shows a frame is painted by another process of the browser, to
which its first frames take a way of their own: where that process gets the CPU late, a still may
be taken before. So videos that have come into view are given other cards until that is to be seen.
From then on all their frames are in time. Used by `page.py`, painter.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from mixer.layout import cards
from mixer.layout.colour import decode_png
from mixer.layout.patience import Patience

SEEN_WALL_S = 1.0  # of the browser's time; then a video is taken to be covered by something
LEVELS = 8  # by which a pixel changes, of 255: a video of hardly any opacity is no matter


class Shown(Protocol):
    """What is needed of a page (page.py)."""

    async def host(self, method: str, *values: Any) -> Any: ...
    async def frame(self) -> bool: ...
    async def shot(self, otherwise: str, names: Mapping[int, str] | None = None) -> bytes:
        """PNG with the cards that the videos say they show."""
        ...


async def see(page: Shown, numbers: Sequence[int]) -> None:
    """Waits until these videos, whose cards the page has, are painted, or cannot be."""
    patience, left = Patience(SEEN_WALL_S), list(numbers)
    while (left := await _not_painted(page, left)) and not patience.over():
        await page.frame()
    await saw(page, numbers)


async def saw(page: Shown, numbers: Sequence[int]) -> None:
    """These videos are painted."""
    await page.host("seen", list(numbers))


def numbers_of(told: object) -> list[int] | None:
    """Videos that a page names, None if it names none yet; whatever else it says names none."""
    if told is None:
        return None
    return [one for one in told if isinstance(one, int)] if isinstance(told, list) else []


async def doubt(page: Shown) -> None:
    """Of no video is it known any more that it is painted."""
    await page.host("seen")


async def _not_painted(page: Shown, numbers: Sequence[int]) -> list[int]:
    """Those whose own colour is nowhere to be seen; three at a time, by red, green and blue."""
    black = decode_png(await page.shot(cards.BLACK)).astype(np.int16)
    missing: list[int] = []
    for first in range(0, len(numbers), len(cards.SOLO)):
        names = dict(zip(numbers[first:], cards.SOLO, strict=False))
        change = np.abs(decode_png(await page.shot(cards.BLACK, names)) - black)
        levels = change.max(axis=(0, 1))
        missing += [one for one, level in zip(names, levels, strict=False) if level < LEVELS]
    return missing
