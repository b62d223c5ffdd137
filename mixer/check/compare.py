"""The pictures of this check against those of the last one in the same folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

VISIBLE = 12  # levels of a channel from which on a pixel counts as another
NOTHING = 0.0002  # share of pixels that is no difference: a seam painted otherwise


@dataclass(frozen=True, slots=True)
class Difference:
    """`share` of pixels that differ visibly, None where there is nothing to compare with; `marked`:
    the new picture, faded, with what differs in red."""

    share: float | None
    marked: Image.Image | None = None


def compared(before: Path, now: Image.Image) -> Difference:
    try:
        with Image.open(before) as opened:
            old = np.asarray(opened.convert("RGB")).astype(np.int16)
    except (OSError, ValueError):
        return Difference(None)
    new = np.asarray(now)
    if old.shape != new.shape:
        return Difference(1.0)
    other = (np.abs(old - new.astype(np.int16)) > VISIBLE).any(axis=2)
    share = float(other.mean())
    if share <= NOTHING:
        return Difference(share)
    marked = (new // 3 + 160).astype(np.uint8)
    marked[other] = (214, 40, 40)
    return Difference(share, Image.fromarray(marked))
