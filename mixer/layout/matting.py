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
from mixer.layout.differences import Rgb
from mixer.layout.matte import Placement, Plane, Tile
from mixer.layout.refine import refined

FAINT = 2  # coverage below this is rounding
CLEAR = 40  # coverage from which a pixel tells its tile's number
CHANNEL_SPREAD = 3  # levels that coverage may differ between channels
BAND = 32  # rows judged at once: what they need stays in the processor's cache
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
    covered = np.empty(base.shape[:2], np.uint8)
    darker = coloured = 0
    for top in range(0, len(base), BAND):
        rows = slice(top, top + BAND)
        red, green, blue = (
            np.subtract(white[rows, :, channel], base[rows, :, channel], dtype=np.int16)
            for channel in range(3)
        )
        low = np.minimum(np.minimum(red, green), blue)
        high = np.maximum(np.maximum(red, green), blue)
        darker += int(np.count_nonzero(low < -FAINT))
        coloured += int(np.count_nonzero(high - low > CHANNEL_SPREAD))
        mean = red + green + blue + np.int16(1)
        mean //= np.int16(3)
        mean[mean < FAINT] = 0
        covered[rows] = mean
    if darker > STRAY:
        raise NotMatte("a brighter video makes the page darker")
    if coloured > STRAY:
        raise NotMatte("a white video comes out coloured")
    return covered


def same_videos(added: Rgb, before: Rgb) -> bool:
    """True if two states' differences ramp - black (modulo 256) are the same but for rounding."""
    return bool((added - before + np.uint8(FAINT)).max() <= 2 * FAINT)


def digits(ramp: Rgb, base: Rgb, covered: Plane) -> Numbers:
    """Blue's tile digit of each pixel that is covered well enough to tell, else -1; -2: a mixture
    of several tiles."""
    found = np.full(covered.shape, -1, np.int16)
    for top in range(0, len(base), BAND):
        rows = slice(top, top + BAND)
        clear = covered[rows] >= CLEAR
        if not clear.any():
            continue
        blue = np.subtract(ramp[rows, :, 2], base[rows, :, 2], dtype=np.float32)
        blue *= np.float32(255 / STEP)
        exact = np.divide(blue, covered[rows], out=np.zeros_like(blue), where=clear)
        whole = np.rint(exact)
        rough = np.where(covered[rows] >= 128, np.float32(0.3), np.float32(0.45))
        digit = np.where(np.abs(exact - whole) < rough, whole - 1, np.float32(-2))
        found[rows][clear] = digit[clear]
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
    origin = x.mean(), y.mean()
    design = np.stack([x - origin[0], y - origin[1], np.ones_like(x)]) * weight
    weighted = values * weight
    a, c, b = np.linalg.lstsq(design @ design.T, design @ weighted, rcond=None)[0]
    left = weighted - np.array([a, c, b]) @ design
    middle = b - a * origin[0] - c * origin[1]
    return float(a), float(c), float(middle), float(np.sqrt(np.mean(left**2)))


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
        canvas[_cut(_area(tile))] += _share(tile, card, steps)
    return canvas


def _share(tile: Tile, card: NDArray[np.uint8], steps: int) -> Values32:
    """What a tile with this card adds to its box."""
    coverage = tile.coverage.astype(np.float32)
    coverage *= np.float32(1 / 255)
    values = sampled(card, tile, steps)
    values *= coverage[..., None]
    return values


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
    _nothing_else(still, base, tiles)
    way = {number: _lagging(tile) for number, tile in tiles.items()}
    quality = _decibels(_errors(still, base, way, SKIA_STEPS), way)
    if min(quality.values(), default=GOOD_DB) < GOOD_DB:
        for number, decibels in _decibels(_errors(still, base, tiles, 0), tiles).items():
            if decibels > quality[number]:
                way[number], quality[number] = tiles[number], decibels
        for _ in range(2):  # twice, because tiles that lie over one another are fitted together
            _refine(still, base, way, quality)
    wrong = [number for number, decibels in quality.items() if decibels < VERIFIED_DB]
    if wrong:
        worst = min(quality.values())
        raise NotMatte(f"a video is not shown as it is, {worst:.1f} dB", wrong)
    return way


def _nothing_else(still: Rgb, base: Rgb, tiles: Mapping[int, Tile]) -> None:
    """Raises NotMatte if the page changed outside of its tiles."""
    changed = still - base  # modulo 256
    changed += np.uint8(OUTSIDE_LEVELS)
    other = changed > 2 * OUTSIDE_LEVELS
    for tile in tiles.values():
        other[_cut(_area(tile))] = False
    if np.count_nonzero(other) > STRAY:
        raise NotMatte("the page changes with its videos outside of them")


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
    errors = _errors(still, base, way, 0)
    mended = {
        number: refined(tile, _card(tile), errors[number]) if number in poor else tile
        for number, tile in way.items()
    }
    for number, decibels in _decibels(_errors(still, base, mended, 0), mended).items():
        if number in poor and decibels > quality[number]:
            way[number], quality[number] = mended[number], decibels


def _card(tile: Tile) -> NDArray[np.uint8]:
    return verification_card(block_for(tile.placement))


def _area(tile: Tile) -> Box:
    return tile.x, tile.y, tile.width, tile.height


def _errors(still: Rgb, base: Rgb, tiles: Mapping[int, Tile], steps: int) -> dict[int, Values32]:
    """Composed minus still, in each tile's box."""
    shares = {number: _share(tile, _card(tile), steps) for number, tile in tiles.items()}
    errors = {}
    for number, tile in tiles.items():
        box = _cut(_area(tile))
        error = np.subtract(base[box], still[box], dtype=np.float32)
        for other, share in shares.items():
            _add(error, _area(tile), share, _area(tiles[other]))
        errors[number] = error
    return errors


def _add(canvas: Values32, box: Box, more: Values32, where: Box) -> None:
    """Adds what of `more` (at `where`) lies in the canvas (at `box`)."""
    left, top = max(box[0], where[0]), max(box[1], where[1])
    width = min(box[0] + box[2], where[0] + where[2]) - left
    height = min(box[1] + box[3], where[1] + where[3]) - top
    if width > 0 and height > 0:
        into = _cut((left - box[0], top - box[1], width, height))
        canvas[into] += more[_cut((left - where[0], top - where[1], width, height))]


def _decibels(errors: Mapping[int, Values32], tiles: Mapping[int, Tile]) -> dict[int, float]:
    """PSNR of each tile over the pixels that it covers."""
    found = {}
    for number, tile in tiles.items():
        squares = np.einsum("ijk,ijk->ij", errors[number], errors[number])
        mine = tile.coverage >= FAINT
        count = int(np.count_nonzero(mine))
        power = float(squares[mine].sum(dtype=np.float64)) / max(1, 3 * count)
        found[number] = 10 * math.log10(255**2 / max(power, 1e-3))
    return found
