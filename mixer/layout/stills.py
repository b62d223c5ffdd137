"""Takes the stills of a page state that a matte needs, and no more than that.

The resting card of every video is the ramp, so one still tells whether a state was seen before
(painter.py). An unseen state needs a second still, black; if what the ramps add to it is the same
as in a state seen before, its tiles are the same too (a border, a label, an avatar changed). Only
otherwise: white, solo colours where tiles overlap, and the verification card (rendering.md).

Stills are judged in threads while the browser takes the next. That new videos were painted is told
by their ramps, most times; where it is not, the stills are taken again with proof (proof.py).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from mixer.layout import cards, matting
from mixer.layout.colour import Converter, decode_png
from mixer.layout.differences import Area, Rgb
from mixer.layout.look import Look
from mixer.layout.matte import Matte, Plane, Tile
from mixer.layout.matting import Found, NotMatte
from mixer.layout.page import Page
from mixer.layout.proof import doubt, saw

T = TypeVar("T")
BORDER = 1  # pixels by which a browser's rounding may move an edge
ENOUGH = 12  # pixels that tell that a video is painted


class NotPainted(NotMatte):
    """New videos are covered, or not painted yet: which of the two is not known; the others are."""

    def __init__(self, painted: Sequence[int]) -> None:
        super().__init__("a video is not painted")
        self.painted = tuple(painted)


@dataclass(frozen=True, slots=True)
class Resting:
    """A still with the resting cards, and what it is the only one of; `unproven`: numbers of new
    videos in it, of which it is not known that they are painted."""

    png: bytes
    key: str
    unproven: tuple[int, ...] = ()


def hash_of(*parts: bytes) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _shown(look: Look) -> bytes:
    """Whose videos the numbers are; beyond one still's digits also where they lie."""
    far = len(look.videos) > cards.DIGITS
    told = [(v.number, v.stream, v.width, v.height, v.box if far else ()) for v in look.videos]
    return json.dumps(sorted(told)).encode()


def shown_of(look: Look) -> str:
    """Equal where the numbers are the same videos'."""
    return hash_of(_shown(look))


def places_of(look: Look) -> str:
    """Equal where the page says that its videos lie in the same places."""
    return hash_of(json.dumps(sorted(look.places)).encode())


def boxes_around(look: Look, tiles: Sequence[Tile], size: tuple[int, int]) -> list[Area] | None:
    """Boxes, a little larger than the page says, out of which nothing of a video is to be seen;
    None if that is not so, or not every video has its tile. `size`: width and height of the page.
    """
    if len(tiles) != len(look.videos):
        return None
    boxes: list[tuple[str, int, int, int, int]] = []
    for video in look.videos:
        left, top = (max(0, math.floor(side) - BORDER) for side in video.box[:2])
        right, bottom = (
            max(0, min(most, math.ceil(at + side) + BORDER))
            for at, side, most in zip(video.box[:2], video.box[2:], size, strict=True)
        )
        boxes.append((video.stream, left, top, right, bottom))
    for tile in tiles:
        x, y, end_x, end_y = tile.x, tile.y, tile.x + tile.width, tile.y + tile.height
        if not any(
            stream == tile.stream and left <= x and top <= y and end_x <= right and end_y <= bottom
            for stream, left, top, right, bottom in boxes
        ):
            return None
    return [(slice(top, bottom), slice(left, right)) for _, left, top, right, bottom in boxes]


def matte_of(black: Rgb, tiles: Sequence[Tile], converter: Converter) -> Matte:
    height, width, _ = black.shape
    return Matte(width, height, converter.planes(black), tuple(tiles))


def _crossing(look: Look) -> bool:
    """True if boxes of videos overlap (as the page says: only a hint)."""
    boxes = [video.box for video in look.videos]
    return any(
        ax < bx + bw and bx < ax + aw and ay < by + bh and by < ay + ah
        for index, (ax, ay, aw, ah) in enumerate(boxes)
        for bx, by, bw, bh in boxes[:index]
    )


async def prepare(page: Page) -> None:
    """Gives the page the verification cards."""
    for block in cards.BLOCKS:
        data = base64.b64encode(cards.rgbx(cards.verification_card(block))).decode()
        await page.host("card", cards.verification_name(block), data)


async def resting(page: Page, look: Look) -> Resting:
    """New videos may not be painted yet."""
    unproven = await page.shows(cards.RAMP)
    png = await page.screenshot()
    return Resting(png, hash_of(png, _shown(look)), tuple(unproven))


async def surely(page: Page, attempt: Callable[[], Awaitable[T]]) -> T:
    """What `attempt` makes of stills; when it fails once more, with all videos known to be painted.
    Raises NotMatte."""
    try:
        return await attempt()
    except NotPainted as error:
        await saw(page, error.painted)
    except NotMatte:
        await doubt(page)
    await page.sees(cards.RAMP)
    return await attempt()


def _later(work: Callable[..., T], *values: object) -> asyncio.Task[T]:
    return asyncio.create_task(asyncio.to_thread(work, *values))


class Unseen:
    """A state that was not seen before: its first two stills."""

    def __init__(self, look: Look, rest: Resting, black_png: bytes, ramp: Rgb, black: Rgb) -> None:
        self.look = look
        self.unproven = rest.unproven
        self.ramp_png = rest.png
        self.black_png = black_png
        self.ramp = ramp
        self.black = black
        self.shown = shown_of(look)

    @classmethod
    async def taken(cls, page: Page, look: Look, rest: Resting) -> Unseen:
        ramp = _later(decode_png, rest.png)
        if not look.videos:
            return cls(look, rest, rest.png, await ramp, await ramp)
        black_png = await page.shot(cards.BLACK)
        black = await asyncio.to_thread(decode_png, black_png)
        return cls(look, rest, black_png, await ramp, black)

    def added(self) -> Rgb:
        """What the ramps add to the page, modulo 256."""
        return self.ramp - self.black

    def matte(self, tiles: Sequence[Tile], converter: Converter) -> Matte:
        return matte_of(self.black, tiles, converter)

    async def tiles(self, page: Page) -> list[Tile]:
        """Tiles in painting order, verified; all new videos are seen then. Raises NotMatte."""
        if not self.look.videos:
            return []
        try:
            return await self._tiles_together(page)
        except NotMatte:
            if self.unproven or not _crossing(self.look):
                raise
        return await self._tiles_alone(page)

    async def _tiles_together(self, page: Page) -> list[Tile]:
        """From stills of all tiles at once, told apart by the ramp's blue."""
        judging = _later(self._covered, await page.shot(cards.WHITE))
        opposite_png = await page.shot(cards.OPPOSITE)
        covered, numbers = await judging
        numbers = await self._numbers(page, covered, numbers)
        await self._prove(page, numbers)
        opposite = decode_png(opposite_png)
        found = await asyncio.to_thread(self._found, opposite, covered, numbers)
        shares = await self._shares(page, found, covered)
        streams = {video.number: video.stream for video in self.look.videos}
        tiles = {
            tile.number: made
            for tile in matting.painting_order(found, numbers)
            if (made := matting.tile_of(tile, streams[tile.number], shares[tile.number]))
        }
        return list((await self._verify(page, tiles)).values())

    def _covered(self, white_png: bytes) -> tuple[Plane, matting.Numbers]:
        covered = matting.coverage(decode_png(white_png), self.black)
        return covered, matting.digits(self.ramp, self.black, covered)

    async def _prove(self, page: Page, numbers: matting.Numbers) -> None:
        """Makes sure that new videos were painted in the first still, and so in all."""
        if not self.unproven:
            return
        painted = [one for one in self.unproven if np.count_nonzero(numbers == one) >= ENOUGH]
        if len(painted) < len(self.unproven):
            raise NotPainted(painted)
        await saw(page, painted)

    async def _tiles_alone(self, page: Page) -> list[Tile]:
        """From stills of each tile alone: videos that shine through one another."""
        tiles: dict[int, Tile] = {}
        for video in self.look.videos:
            white, ramp, opposite = [
                decode_png(await page.shot(cards.BLACK, {video.number: card}))
                for card in (cards.WHITE, cards.RAMP, cards.OPPOSITE)
            ]
            share = matting.coverage(white, self.black)
            numbers = np.where(share >= matting.CLEAR, np.int16(video.number), np.int16(-1))
            for tile in matting.find(ramp, opposite, share, numbers):
                whole = replace(tile, box=(0, 0, share.shape[1], share.shape[0]))
                made = matting.tile_of(whole, video.stream, share)
                if made:
                    tiles[video.number] = made
        return list((await self._verify(page, tiles)).values())

    async def _numbers(
        self, page: Page, covered: Plane, numbers: matting.Numbers
    ) -> matting.Numbers:
        """`numbers` with their other digit, where they are certain."""
        known = {video.number for video in self.look.videos}
        if max(known) >= cards.DIGITS:
            tens = decode_png(await page.shot(cards.GROUP))
            groups = matting.digits(tens, self.black, covered)
            both = (numbers >= 0) & (groups >= 0)
            numbers[both] += cards.DIGITS * groups[both]
        numbers = matting.settled(numbers)
        strange = set(matting.present(numbers)) - known
        for number in strange:
            if np.count_nonzero(numbers == number) > matting.STRAY:
                raise NotMatte("the videos' colours are changed")
            numbers[numbers == number] = -2
        return numbers

    def _found(self, opposite: Rgb, covered: Plane, numbers: matting.Numbers) -> list[Found]:
        shape = (covered.shape[0], covered.shape[1])
        plain = matting.find(self.ramp, opposite, covered, numbers)
        found = [matting.grown(tile, shape, covered, 4) for tile in plain]
        if matting.uncovered(covered, found):
            found = [matting.stretched(tile, shape) for tile in plain]
            if matting.uncovered(covered, found):
                raise NotMatte("a video is seen where none lies: a reflection, or too faint")
        return found

    async def _shares(self, page: Page, found: Sequence[Found], covered: Plane) -> dict[int, Plane]:
        """Each tile's own coverage in its box; by stills of their own where boxes overlap."""
        colour = matting.colours(found)
        shares = {tile.number: covered[matting._cut(tile.box)] for tile in found}
        if max(colour.values(), default=0) == 0:
            return shares
        for first in range(0, max(colour.values()) + 1, 3):
            names = {
                number: cards.SOLO[c - first] for number, c in colour.items() if 0 <= c - first < 3
            }
            still = decode_png(await page.shot(cards.BLACK, names))
            for tile in found:
                channel = colour[tile.number] - first
                if 0 <= channel < 3:
                    rows, columns = matting._cut(tile.box)
                    own = matting.difference(still[rows, columns], self.black[rows, columns])
                    own = own[..., channel].clip(0, 255)
                    own[own < matting.FAINT] = 0
                    shares[tile.number] = own.astype(np.uint8)
        return shares

    async def _verify(self, page: Page, tiles: Mapping[int, Tile]) -> dict[int, Tile]:
        names = {
            number: cards.verification_name(cards.block_for(tile.placement))
            for number, tile in tiles.items()
        }
        png = await page.shot(cards.BLACK, names)
        judging = _later(lambda: matting.verify(decode_png(png), self.black, tiles))
        await page.rest()  # meanwhile
        return await judging


async def reason_in_page(page: Page, error: NotMatte) -> str:
    """Why, with the CSS property if it can be found."""
    properties: list[str] = []
    for number in error.numbers or range(cards.DIGITS):
        properties += await page.host("suspects", number)
    named = ", ".join(dict.fromkeys(properties))
    return f"{error.reason} ({named})" if named else error.reason
