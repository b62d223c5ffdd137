"""A page's texts: cut off or not, and their contrast with what the picture shows behind them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mixer.check.cast import MARKUP, UNSEEN
from mixer.layout.page import Page, PageFailure

PROBE = Path(__file__).with_name("probe.js")
LARGE_PX, LARGE_BOLD_PX, BOLD = 24.0, 18.66, 700  # WCAG 2.2, "large scale"
AA, AA_LARGE = 4.5, 3.0
FAINT = 0.1  # opacity of what is not meant to be read
_READABLE = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class Text:
    """`cut`: what happens to it, in words, or None; `contrast` 1 to 21, None where it was not
    measured; `needed`: WCAG's AA for its size."""

    text: str
    where: str
    cut: str | None
    contrast: float | None
    needed: float


@dataclass(frozen=True, slots=True)
class Probed:
    texts: Sequence[Text]
    markup: bool  # a name was put in as markup
    unseen: Sequence[str]  # names that are shown and must not be
    kind: str  # "voxeet" or "page"


async def probe(page: Page, image: Image.Image) -> Probed:
    """Asks a page about its texts; `image` is what it looks like now. Raises PageFailure."""
    asked = json.dumps({"markup": MARKUP, "unseen": list(UNSEEN.values())})
    told = await page.call(f"({PROBE.read_text('utf-8').partition('*/')[2].strip()})({asked})")
    try:
        pixels = np.asarray(image)
        return Probed(
            [_text(one, pixels) for one in told["texts"]],
            bool(told["markup"]),
            [str(name) for name in told["unseen"]],
            str(told["kind"]),
        )
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise PageFailure(f"the page spoils what it is asked about its texts: {error!r}") from None


def _text(told: dict[str, Any], pixels: NDArray[np.uint8]) -> Text:
    size, weight = float(told["size"]), float(told["weight"])
    large = size >= LARGE_PX or (size >= LARGE_BOLD_PX and weight >= BOLD)
    contrast = None
    if _READABLE.search(told["text"]) and float(told["opacity"]) > FAINT:
        colour = [float(value) for value in told["colour"]]
        contrast = _contrast(colour, [int(side) for side in told["box"]], pixels)
    cut = None if told["cut"] is None else str(told["cut"])
    where = str(told["where"])
    return Text(str(told["text"]), where, cut, contrast, AA_LARGE if large else AA)


def _contrast(
    colour: Sequence[float], box: Sequence[int], pixels: NDArray[np.uint8]
) -> float | None:
    """Between the text's own colour (sRGB in 0 to 255, opacity) and the middle one of the pixels in
    its box: most of those are what lies behind it."""
    red, green, blue, opacity = colour
    if opacity < FAINT:
        return None
    left, top, right, bottom = (max(0, side) for side in box)
    behind = pixels[top:bottom, left:right].reshape(-1, 3)
    if behind.size == 0:
        return None
    ink = float(luminance(np.array([[red, green, blue]]))[0])
    ground = float(np.median(luminance(behind)))
    lighter, darker = max(ink, ground), min(ink, ground)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(rgb: NDArray[Any]) -> NDArray[np.float64]:
    """Relative luminance, 0 to 1, of sRGB colours (n, 3) in 0 to 255 (WCAG 2.2)."""
    values = rgb.astype(np.float64) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    weighted: NDArray[np.float64] = linear @ np.array([0.2126, 0.7152, 0.0722])
    return weighted
