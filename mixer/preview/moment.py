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
from mixer.layout.look import Look, VideoElement
from mixer.layout.matte import Matte
from mixer.layout.matting import NotMatte
from mixer.layout.page import Page
from mixer.layout.pixels import COLOUR, PICTURE, i420
from mixer.layout.proof import doubt
from mixer.picture import colour
from mixer.picture.paint import PaintPlan
from mixer.picture.planes import Planes, rows_of
from mixer.picture.scale import PictureScaler

MATTE, PIXELS = "matte", "pixels"
LONGEST_FRAMES = 45
CALM_FRAMES = 3
PictureOf = Callable[[VideoElement], av.VideoFrame | None]


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


async def rendered(page: Page, look: Look, picture_of: PictureOf) -> Moment:
    """What the page shows now, with these pictures in its videos. Raises PageFailure.

    The page has been given the verification cards before (`stills.prepare`).
    """
    began = time.monotonic()
    await page.freeze()
    frames = {video.number: picture_of(video) for video in look.videos}
    shown = {video.stream: frames[video.number] for video in look.videos}
    mode, reason = MATTE, ""
    try:
        if look.readers:
            raise NotMatte(f"the page reads pixels ({look.readers[0]})")
        image = composed(await _matte(page, look), shown)
    except NotMatte as error:
        mode, reason = PIXELS, await stills.reason_in_page(page, error)
        image = await _painted_by_page(page, shown)
    await page.rest()
    return Moment(image, mode, reason, (time.monotonic() - began) * 1000, look)


async def _matte(page: Page, look: Look) -> Matte:
    try:
        return await _matte_once(page, look)
    except NotMatte:
        await doubt(page)
        return await _matte_once(page, look)


async def _matte_once(page: Page, look: Look) -> Matte:
    rest = await stills.resting(page, look)
    unseen = await stills.Unseen.taken(page, look, rest)
    return unseen.matte(await unseen.tiles(page), Converter())


async def _painted_by_page(page: Page, shown: Mapping[str, av.VideoFrame | None]) -> Image.Image:
    for number, (stream, frame) in enumerate(shown.items()):
        if frame is not None:
            data = base64.b64encode(i420(frame)).decode()
            size = frame.width, frame.height
            await page.host("picture", stream, number + 1, *size, dict(COLOUR), data)
    return Image.fromarray(decode_png(await page.still(PICTURE)))


def composed(matte: Matte, shown: Mapping[str, av.VideoFrame | None]) -> Image.Image:
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
