"""One moment of an opened page, as the mixer renders it: matte where that is right, else pixels.

What a page pass does for a whole recording (mixer/layout/painter.py) is done here for one instant,
for `mixer preview` and `mixer check`.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import av
from PIL import Image

from mixer.layout import stills
from mixer.layout.colour import Converter, decode_png
from mixer.layout.differences import Rgb
from mixer.layout.look import Look, VideoElement
from mixer.layout.matte import Matte, Tile
from mixer.layout.matting import NotMatte, same_videos
from mixer.layout.page import Page
from mixer.layout.pixels import COLOUR, PICTURE, i420
from mixer.picture import colour
from mixer.picture.paint import PaintPlan
from mixer.picture.planes import Planes, rows_of
from mixer.picture.scale import PictureScaler

MATTE, PIXELS = "matte", "pixels"
LONGEST_FRAMES = 45
CALM_FRAMES = 3
KEPT_TILES = 4
IDS, DRAFT_IDS = 1, 1001  # the page is told by them that a picture is another one
DRAFT_WIDTH = 480
PictureOf = Callable[[VideoElement], av.VideoFrame | None]
Pictures = Mapping[str, av.VideoFrame | None]


@dataclass(frozen=True, slots=True)
class Moment:
    """`reason`: why it had to be pixels, "" for a matte. `ms`: what it took, on the wall."""

    image: Image.Image
    mode: str
    reason: str
    ms: float
    look: Look


async def run_until_calm(
    page: Page, frame: int, events: Sequence[Mapping[str, Any]] = (), *, fps: int = 30
) -> tuple[int, Look]:
    """Steps the page from `frame` on until nothing changes any more, or for LONGEST_FRAMES; the
    first step tells it the events. Gives the next frame, and what the page shows."""
    start_ms = page.clock_ms
    calm = 0
    notes: tuple[tuple[str, str], ...] = ()
    for count in range(1, LONGEST_FRAMES + 1):
        told = events if count == 1 else ()
        damage = await page.step(frame, start_ms + count * 1000 / fps, told)
        look, settled = await page.look()
        notes += look.notes
        frame += 1
        calm = 0 if damage or settled or look.moving or look.animated else calm + 1
        if calm >= CALM_FRAMES:
            break
    page.suppressed += notes
    return frame, look


class Tiles:
    """Tiles of the last few moments: a page that is loaded anew mostly has its videos where they
    were, and then need not be measured again."""

    def __init__(self) -> None:
        self._known: list[tuple[str, Rgb, Sequence[Tile]]] = []

    def of(self, unseen: stills.Unseen) -> Sequence[Tile] | None:
        """Those of the last moment whose videos looked the same, in the same places; all were to be
        seen then if new ones may not be painted yet."""
        added, least = unseen.added(), len(unseen.look.videos) if unseen.unproven else 0
        for shown, before, tiles in reversed(self._known):
            like = shown == unseen.shown and added.shape == before.shape and len(tiles) >= least
            if like and same_videos(added, before):
                return tiles
        return None

    def keep(self, unseen: stills.Unseen, tiles: Sequence[Tile]) -> None:
        self._known.append((unseen.shown, unseen.added(), tiles))
        del self._known[:-KEPT_TILES]


def pictures_of(look: Look, picture_of: PictureOf) -> Pictures:
    """By stream."""
    return {video.stream: picture_of(video) for video in look.videos}


async def drafted(page: Page, shown: Pictures) -> bytes:
    """PNG of what the page shows now, painted by the browser: soon there, and what `rendered`
    finds but for a video so new that the browser has not painted it yet. Raises PageFailure."""
    await page.freeze()
    small = {stream: frame and _small(frame) for stream, frame in shown.items()}
    await _give(page, small, DRAFT_IDS)
    return await page.shot(PICTURE)


def _small(frame: av.VideoFrame) -> av.VideoFrame:
    """With few enough points to be soon in the page."""
    if frame.width <= DRAFT_WIDTH:
        return frame
    height = max(2, round(frame.height * DRAFT_WIDTH / frame.width / 2) * 2)
    return frame.reformat(DRAFT_WIDTH, height)


async def rendered(page: Page, look: Look, shown: Pictures, known: Tiles | None = None) -> Moment:
    """What the page shows now, with these pictures in its videos. Raises PageFailure.

    The page has been given the verification cards before (`stills.prepare`).
    """
    began = time.monotonic()
    await page.freeze()
    mode, reason = MATTE, ""
    try:
        if look.readers:
            raise NotMatte(f"the page reads pixels ({look.readers[0]})")
        image = composed(await _matte(page, look, known or Tiles()), shown)
    except NotMatte as error:
        mode, reason = PIXELS, await stills.reason_in_page(page, error)
        image = await _painted_by_page(page, shown)
    await page.rest()
    return Moment(image, mode, reason, (time.monotonic() - began) * 1000, look)


async def _matte(page: Page, look: Look, known: Tiles) -> Matte:
    return await stills.surely(page, lambda: _matte_once(page, look, known))


async def _matte_once(page: Page, look: Look, known: Tiles) -> Matte:
    unseen = await stills.Unseen.taken(page, look, await stills.resting(page, look))
    tiles = known.of(unseen)
    if tiles is None:
        tiles = await unseen.tiles(page)
        known.keep(unseen, tiles)
    return unseen.matte(tiles, Converter())


async def _painted_by_page(page: Page, shown: Pictures) -> Image.Image:
    await _give(page, shown, IDS)
    return Image.fromarray(decode_png(await page.still(PICTURE)))


async def _give(page: Page, shown: Pictures, first: int) -> None:
    for number, (stream, frame) in enumerate(shown.items(), first):
        if frame is not None:
            data = base64.b64encode(i420(frame)).decode()
            size = frame.width, frame.height
            await page.host("picture", stream, number, *size, dict(COLOUR), data)


def composed(matte: Matte, shown: Pictures) -> Image.Image:
    """A matte with pictures laid in, as the picture stage does it for every output frame."""
    out = av.VideoFrame(matte.width, matte.height, "yuv420p")
    plan = PaintPlan(matte, [plane.line_size for plane in out.planes])
    converter = colour.Converter()
    scaled: list[Planes | None] = []
    for tile, extent in zip(matte.tiles, plan.extents, strict=True):
        frame = shown.get(tile.stream)
        if extent is None or frame is None:
            scaled.append(None)
            continue
        size = (frame.width, frame.height)
        scaled.append(PictureScaler(tile.placement, size, extent, converter).scale(frame))
    plan.paint(rows_of(out), scaled)
    out.colorspace = colour.BT709
    out.color_range = colour.LIMITED_RANGE
    rgb = out.reformat(format="rgb24", src_colorspace="ITU709", src_color_range="MPEG")
    return Image.fromarray(rgb.to_ndarray())
