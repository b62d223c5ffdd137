"""The sound of an edit list: stretches of the mix, one after the other, and no click between them.

Neighbours: edit.py says which stretches, mix.py makes each of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

from mixer.edit import EditList, Stretch
from mixer.sound.mix import SoundSource, mix_segment, needed_ns
from mixer.sound.opus import Samples
from mixer.sound.place import FADE


def edited_segment(journal: SoundSource, edits: EditList, first_frame: int, count: int) -> Samples:
    """What is heard with output frames first_frame … + count − 1: float32 (samples, 2), 48 kHz.

    `mix_segment` where no spans meet; where they do, the sound goes within 5 ms before the seam and
    comes within 5 ms after it. Final once the journal's watermark has reached `edited_needed_ns` of
    the same frames.
    """
    parts = [
        fade_at_seams(mix_segment(journal, stretch.start_ns, stretch.samples), stretch)
        for stretch in edits.stretches(first_frame, count)
    ]
    return np.concatenate(parts) if parts else np.zeros((0, 2), dtype=np.float32)


def edited_needed_ns(edits: EditList, first_frame: int, count: int) -> int:
    """The watermark at which the sound of these output frames is final; 0 for no frames."""
    return max(_needed(edits.stretches(first_frame, count)), default=0)


def fade_at_seams(sound: Samples, stretch: Stretch) -> Samples:
    """A stretch's samples (n, channels), faded in place at the seams it touches."""
    samples = min(FADE, len(sound))
    if stretch.joins:
        sound[:samples] *= _rise()[:samples]
    if stretch.parts:
        sound[len(sound) - samples :] *= _rise()[::-1][FADE - samples :]
    return sound


def _needed(stretches: Iterator[Stretch]) -> Iterator[int]:
    return (needed_ns(stretch.start_ns, stretch.samples) for stretch in stretches)


@cache
def _rise() -> NDArray[np.float32]:
    """A raised cosine from 0 to 1 over FADE samples, (FADE, 1)."""
    phase = (np.arange(FADE) + 0.5) / FADE
    return (0.5 - 0.5 * np.cos(np.pi * phase))[:, None].astype(np.float32)
