"""Makes a packet's sound a sample or so longer or shorter, by windowed-sinc interpolation.

That is how a sender's sound follows our clock (place.py decides when): at 100 ppm one packet in ten
gains or loses one sample, 0.1 % of pitch for 20 ms. Everything else is copied to the bit.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mixer.sound.opus import Samples

REACH = 16
"""Samples on either side of a point that its interpolated value depends on."""

_KAISER_BETA = 8.0


def stretch(sound: Samples, start: int, samples: int, wanted: int) -> Samples:
    """`sound[start : start + samples]` as `wanted` samples; (wanted, channels) float32.

    What lies around the stretch is read for continuity; beyond the sound's ends lies silence.
    """
    taps = _taps(samples, wanted)
    low, high = start - REACH, start + samples + REACH
    padding = (max(0, -low), max(0, high - len(sound)))
    near = sound[max(0, low) : high]
    if any(padding):
        near = np.pad(near, (padding, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(near, 2 * REACH, axis=0)
    first = np.arange(wanted, dtype=np.int64) * samples // wanted + 1
    result: Samples = np.einsum("ncr,nr->nc", windows[first], taps)
    return result


@lru_cache(maxsize=64)
def _taps(samples: int, wanted: int) -> NDArray[np.float32]:
    """Weights (wanted, 2 * REACH) of the input around each output sample; each row sums to 1."""
    phase = (np.arange(wanted, dtype=np.int64) * samples % wanted) / wanted
    distance = np.arange(1 - REACH, REACH + 1)[None, :] - phase[:, None]
    ratio = np.clip(1 - (distance / REACH) ** 2, 0, 1)
    taps = np.sinc(distance) * np.i0(_KAISER_BETA * np.sqrt(ratio)) / np.i0(_KAISER_BETA)
    normal: NDArray[np.float32] = (taps / taps.sum(axis=1, keepdims=True)).astype(np.float32)
    return normal
