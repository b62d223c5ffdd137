"""From stills to tiles: coverage, whose pixels they are, and where each picture lies.

Pure arithmetic on stills (RGB arrays) of one page state; who takes them is `stills.py`. Nothing is
read from the page's DOM. Reasons why a page cannot be rendered this way are `NotMatte`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mixer.layout.cards import (
    CARD_HEIGHT,
    CARD_WIDTH,
    SKIA_STEPS,
    STEP,
    block_for,
    sampled,
    verification_card,
)
from mixer.layout.colour import Rgb
from mixer.layout.matte import Placement, Plane, Tile
from mixer.layout.refine import refined

FAINT = 2  # coverage below this is rounding
CLEAR = 40  # coverage from which a pixel tells its tile's number
CHANNEL_SPREAD = 3  # levels that coverage may differ between channels
STRAY = 16  # pixels that may break a rule: rounding where several layers lie
FIT_PIXELS = 100_000
FIT_ERROR = 1.5 / CARD_WIDTH  # largest root mean square of a placement's residuals, in pictures
SKEW = 1.5  # output pixels that a tile may deviate over its whole side
VERIFIED_DB = 36.0
GOOD_DB = 42.0  # good enough not to try the other way of interpolating
OUTSIDE_LEVELS = 3

Signed = NDArray[np.int16]
Numbers = NDArray[np.int16]
Box = tuple[int, int, int, int]  # x, y, width, height


class NotMatte(Exception):
    """The page's videos are not simply laid in; `numbers` of the elements concerned, if known."""

    def __init__(self, reason: str, numbers: Sequence[int] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.numbers = tuple(numbers)


@dataclass(frozen=True, slots=True)
class Found:
    """A tile as the ramp shows it: its number, its box, its placement."""

    number: int
    box: Box
    placement: Placement


def difference(still: Rgb, base: Rgb) -> Signed:
    return still.astype(np.int16) - base


def coverage(white: Rgb, base: Rgb) -> Plane:
    """What white videos add to black ones, 0..255. Raises NotMatte when that is no coverage."""
    red, green, blue = (
        np.subtract(white[..., channel], base[..., channel], dtype=np.int16) for channel in range(3)
    )
    low = np.minimum(np.minimum(red, green), blue)
    high = np.maximum(np.maximum(red, green), blue)
    if np.count_nonzero(low < -FAINT) > STRAY:
        raise NotMatte("a brighter video makes the page darker")
    if np.count_nonzero(high - low > CHANNEL_SPREAD) > STRAY:
        raise NotMatte("a white video comes out coloured")
    mean: Signed = (red + green + blue + np.int16(1)) // np.int16(3)
    mean[mean < FAINT] = 0
    return mean.astype(np.uint8)


def same_videos(added: Rgb, before: Rgb) -> bool:
    """True if two states' differences ramp - black (modulo 256) are the same but for rounding."""
    return bool((added - before + np.uint8(FAINT)).max() <= 2 * FAINT)


def digits(ramp: Rgb, base: Rgb, covered: Plane) -> Numbers:
    """Blue's tile digit of each pixel that is covered well enough to tell, else -1; -2: a mixture
    of several tiles."""
    blue = ramp[..., 2].astype(np.int16) - base[..., 2]
    clear = covered >= CLEAR
    exact = np.zeros(covered.shape, np.float32)
    np.divide(blue * np.float32(255 / STEP), covered, out=exact, where=clear)
    whole = np.rint(exact)
    rough = np.where(covered >= 128, np.float32(0.3), np.float32(0.45))
    found = np.where(np.abs(exact - whole) < rough, whole - 1, -2).astype(np.int16)
    found[~clear] = -1
    return found


def settled(numbers: Numbers) -> Numbers:
    """`numbers` with -2 wherever a neighbour differs: at an edge, two tiles mixed can look like a
    third one."""
    same = np.ones(numbers.shape, np.bool_)
    down, across = numbers[1:] == numbers[:-1], numbers[:, 1:] == numbers[:, :-1]
    same[1:] &= down
    same[:-1] &= down
    same[:, 1:] &= across
    same[:, :-1] &= across
    return np.where(same | (numbers < 0), numbers, np.int16(-2))


def present(numbers: Numbers) -> list[int]:
    """The tile numbers that pixels have."""
    counts = np.bincount(numbers.ravel() + np.int16(2))
    return [number for number in range(counts.size - 2) if counts[number + 2]]


def _box(mask: NDArray[np.bool_]) -> Box | None:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if rows.size == 0:
        return None
    x, y = int(columns[0]), int(rows[0])
    return x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y


def _cut(box: Box) -> tuple[slice, slice]:
    x, y, width, height = box
    return slice(y, y + height), slice(x, x + width)


def _line(
    values: Values, x: Values, y: Values, weight: Values
) -> tuple[float, float, float, float]:
    """Least squares: values = a x + c y + b; returns a, c, b and the root mean square left."""
    design = np.stack([x, y, np.ones_like(x)], axis=1) * weight[:, None]
    (a, c, b), *_ = np.linalg.lstsq(design, values * weight, rcond=None)
    left = values * weight - design @ np.array([a, c, b])
    return float(a), float(c), float(b), float(np.sqrt(np.mean(left**2)))


Values = NDArray[np.float64]


def place(ramp: Rgb, opposite: Rgb, covered: Plane, mine: NDArray[np.bool_], box: Box) -> Placement:
    """Where the picture of one tile lies, by least squares over its pixels (`mine`).

    The difference of the two ramps is free of the base, and of which way levels were rounded.
    Raises NotMatte when the placement is not axis-aligned or not a straight line.
    """
    rows, columns = _cut(box)
    inside, full = mine[rows, columns], covered[rows, columns]
    ys, xs = np.nonzero(inside & (full >= CLEAR))
    if xs.size > FIT_PIXELS:  # by chance: a regular choice would beat with the levels' rounding
        chosen = np.random.Generator(np.random.PCG64(1)).integers(0, xs.size, FIT_PIXELS)
        ys, xs = ys[chosen], xs[chosen]
    own = full[ys, xs].astype(np.float64)
    change = difference(ramp[rows, columns][ys, xs, :2], opposite[rows, columns][ys, xs, :2])
    levels = (change * (255 / own)[:, None] + 255) / 2
    keep = (levels > 1).all(axis=1)
    keep &= (levels[:, 0] < CARD_WIDTH - 2) & (levels[:, 1] < CARD_HEIGHT - 2)
    if np.count_nonzero(keep) < 12:
        raise NotMatte("a video is too small or too covered to be placed")
    x: Values = xs[keep] + np.float64(box[0] + 0.5)
    y: Values = ys[keep] + np.float64(box[1] + 0.5)
    weight: Values = own[keep] / 255  # a level of the still is the less, the more is covered
    ax, cx, bx, left_x = _line((levels[keep, 0] + 0.5) / CARD_WIDTH, x, y, weight)
    ay, cy, by, left_y = _line((levels[keep, 1] + 0.5) / CARD_HEIGHT, y, x, weight)
    if abs(ax) < 1e-6 or abs(ay) < 1e-6:
        raise NotMatte("a video is rotated")
    if abs(cx / ax) * box[3] > SKEW or abs(cy / ay) * box[2] > SKEW:
        raise NotMatte("a video is rotated or skewed")
    if max(left_x, left_y) > FIT_ERROR:
        raise NotMatte("a video is not laid in straight")
    return Placement(ax, bx, ay, by)


def find(ramp: Rgb, opposite: Rgb, covered: Plane, numbers: Numbers) -> list[Found]:
    """Boxes and placements of the tiles that are to be seen, by number."""
    found = []
    for number in present(numbers):
        mine = numbers == number
        box = _box(mine)
        if box is None or np.count_nonzero(mine) < 12:
            continue
        try:
            found.append(Found(number, box, place(ramp, opposite, covered, mine, box)))
        except NotMatte as error:
            raise NotMatte(error.reason, [number]) from None
    return found


def grown(found: Found, shape: tuple[int, int], covered: Plane, margin: int) -> Found:
    """The tile with a box larger by `margin`: its soft edges."""
    x, y, width, height = found.box
    left, top = max(0, x - margin), max(0, y - margin)
    right, bottom = min(shape[1], x + width + margin), min(shape[0], y + height + margin)
    return replace(found, box=(left, top, right - left, bottom - top))


def stretched(found: Found, shape: tuple[int, int]) -> Found:
    """The tile with the whole box of its picture: whatever is seen of it lies in there."""
    place = found.placement
    xs = sorted(((0 - place.bx) / place.ax, (1 - place.bx) / place.ax))
    ys = sorted(((0 - place.by) / place.ay, (1 - place.by) / place.ay))
    left, right = max(0, int(xs[0]) - 1), min(shape[1], int(xs[1]) + 2)
    top, bottom = max(0, int(ys[0]) - 1), min(shape[0], int(ys[1]) + 2)
    return replace(found, box=(left, top, right - left, bottom - top))


def uncovered(covered: Plane, tiles: Sequence[Found]) -> bool:
    """True if something is covered outside all boxes."""
    rest = covered > FAINT
    for tile in tiles:
        rest[_cut(tile.box)] = False
    return bool(np.count_nonzero(rest) > STRAY)


def overlapping(a: Found, b: Found) -> bool:
    (ax, ay, aw, ah), (bx, by, bw, bh) = a.box, b.box
    return ax < bx + bw and bx < ax + aw and ay < by + bh and by < ay + ah


def colours(tiles: Sequence[Found]) -> dict[int, int]:
    """A colour for each tile so that overlapping ones differ; all 0 when none overlap."""
    chosen: dict[int, int] = {}
    for tile in tiles:
        near = {chosen[o.number] for o in tiles if o.number in chosen and overlapping(o, tile)}
        chosen[tile.number] = next(c for c in range(len(tiles) + 1) if c not in near)
    return chosen


def tile_of(found: Found, stream: str, share: Plane) -> Tile | None:
    """A tile from the coverage that is its own within its box (`share`), trimmed; None if none."""
    box = _box(share > 0)
    if box is None:
        return None
    x, y = found.box[0] + box[0], found.box[1] + box[1]
    plane = np.ascontiguousarray(share[_cut(box)])
    return Tile(stream, x, y, box[2], box[3], found.placement, plane)


def painting_order(tiles: Sequence[Found], numbers: Numbers) -> list[Found]:
    """Bottom first: where two boxes overlap, the one that shows there lies above."""

    def above(a: Found, b: Found) -> bool:
        both = numbers[_cut(a.box)][
            max(0, b.box[1] - a.box[1]) : b.box[1] + b.box[3] - a.box[1],
            max(0, b.box[0] - a.box[0]) : b.box[0] + b.box[2] - a.box[0],
        ]
        return bool(np.count_nonzero(both == a.number) > np.count_nonzero(both == b.number))

    ordered: list[Found] = []
    for tile in tiles:
        at = len(ordered)
        for index, other in enumerate(ordered):
            if overlapping(tile, other) and above(other, tile):
                at = index
                break
        ordered.insert(at, tile)
    return ordered


def composed(
    base: Rgb, tiles: Sequence[Tile], cards: Sequence[NDArray[np.uint8]], steps: int = 0
) -> Values32:
    """The reference compositor: base and every tile's share of its picture, in RGB, float32."""
    canvas = base.astype(np.float32)
    for tile, card in zip(tiles, cards, strict=True):
        rows, columns = _cut(_area(tile))
        share = tile.coverage.astype(np.float32)[..., None] / np.float32(255)
        canvas[rows, columns] += share * sampled(card, tile, steps)
    return canvas


Values32 = NDArray[np.float32]


def _lagging(tile: Tile) -> Tile:
    """The tile where it really lies if the browser took sixteenths of a card's pixel, rounded
    down: half a sixteenth further on."""
    place, half = tile.placement, 0.5 / SKIA_STEPS
    moved = replace(place, bx=place.bx + half / CARD_WIDTH, by=place.by + half / CARD_HEIGHT)
    return replace(tile, placement=moved)


def verify(still: Rgb, base: Rgb, tiles: Mapping[int, Tile]) -> dict[int, Tile]:
    """Compares the page's own painting of the verification cards with ours; the tiles with their
    placement mended for the way in which the browser interpolated.

    Raises NotMatte with the tiles that are below VERIFIED_DB, or when anything else changed.
    """
    way, steps = {number: _lagging(tile) for number, tile in tiles.items()}, SKIA_STEPS
    error = _errors(still, base, way, steps)
    quality = _decibels(error, way)
    if min(quality.values(), default=GOOD_DB) < GOOD_DB:
        error = _errors(still, base, tiles, 0)
        for number, decibels in _decibels(error, tiles).items():
            if decibels > quality[number]:
                way[number], quality[number] = tiles[number], decibels
        for _ in range(2):  # twice, because tiles that lie over one another are fitted together
            _refine(still, base, way, quality)
    wrong = [number for number, decibels in quality.items() if decibels < VERIFIED_DB]
    if wrong:
        worst = min(quality.values())
        raise NotMatte(f"a video is not shown as it is, {worst:.1f} dB", wrong)
    error = _errors(still, base, {}, 0)
    for tile in tiles.values():
        error[_cut(_area(tile))] = 0
    if np.count_nonzero(np.abs(error) > OUTSIDE_LEVELS) > STRAY:
        raise NotMatte("the page changes with its videos outside of them")
    return way


def _refine(
    still: Rgb,
    base: Rgb,
    way: dict[int, Tile],
    quality: dict[int, float],
) -> None:
    """Betters the placement of tiles whose quality is below GOOD_DB, where that helps."""
    poor = [number for number, decibels in quality.items() if decibels < GOOD_DB]
    if not poor:
        return
    error = _errors(still, base, way, 0)
    mended = {
        number: refined(tile, _card(tile), error[_cut(_area(tile))]) if number in poor else tile
        for number, tile in way.items()
    }
    for number, decibels in _decibels(_errors(still, base, mended, 0), mended).items():
        if number in poor and decibels > quality[number]:
            way[number], quality[number] = mended[number], decibels


def _card(tile: Tile) -> NDArray[np.uint8]:
    return verification_card(block_for(tile.placement))


def _area(tile: Tile) -> Box:
    return tile.x, tile.y, tile.width, tile.height


def _errors(still: Rgb, base: Rgb, tiles: Mapping[int, Tile], steps: int) -> Values32:
    cards = [_card(tile) for tile in tiles.values()]
    return composed(base, list(tiles.values()), cards, steps) - still


def _decibels(error: Values32, tiles: Mapping[int, Tile]) -> dict[int, float]:
    """PSNR of each tile over the pixels that it covers."""
    found = {}
    for number, tile in tiles.items():
        part = error[_cut(_area(tile))]
        mine = (tile.coverage >= FAINT).astype(np.float32)
        power = float(np.einsum("ijk,ijk,ij->", part, part, mine)) / max(1.0, 3 * float(mine.sum()))
        found[number] = 10 * math.log10(255**2 / max(power, 1e-3))
    return found
