"""A look-ahead limiter: nothing above the ceiling, no distortion, exactly no change below it.

The gain of a sample depends on the HISTORY samples before it and the AHEAD samples after it and on
nothing else, so a segment can be limited on its own and still joins its neighbours without a step.
mix.py gives it that much more on both sides.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from mixer.sound.opus import SAMPLE_RATE_HZ, Samples

CEILING = 10 ** (-1 / 20)
"""-1 dBFS: room for the overshoot of lossy encoding."""

AHEAD = 256
"""Samples (5.3 ms) over which the gain comes down before a peak. A power of two."""

RELEASE = 16_384
"""Samples (341 ms) after which a peak is forgotten. A power of two."""

HISTORY = RELEASE + AHEAD

_TAPS = 12  # of the interpolators that find true peaks

_RELEASE_SECONDS = 0.06  # the reduction, in dB, falls to 1/e in this time
_DECAY = math.exp(-1 / (_RELEASE_SECONDS * SAMPLE_RATE_HZ))

_Curve = NDArray[np.float64]


def limit(sound: Samples, ceiling: float = CEILING) -> Samples:
    """The sound with no sample above `ceiling`; the same array if none was.

    Of the result, (n, 1 or 2) as the sound, the first HISTORY and last AHEAD samples are not to be
    used: what their gain depends on is missing.
    """
    if -ceiling <= sound.min(initial=0.0) and sound.max(initial=0.0) <= ceiling:
        return sound
    return _limited(sound, np.maximum(np.abs(sound[:, 0]), np.abs(sound[:, -1])), ceiling)


def limit_true_peak(sound: Samples, ceiling: float) -> Samples:
    """As `limit`, but with nothing above the ceiling between samples either, to some 0.1 dB."""
    peaks = np.maximum(true_peaks(sound[:, 0]), true_peaks(sound[:, -1]))
    return _limited(sound, peaks, ceiling) if peaks.max(initial=0.0) > ceiling else sound


def true_peaks(channel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Largest magnitude at and around each sample, 4 times oversampled (ITU-R BS.1770-4, annex 2);
    (n,) as the channel."""
    peaks: NDArray[np.float32] = np.abs(channel)
    if not len(channel):
        return peaks
    for taps in _phases():
        behind = np.abs(np.convolve(channel, taps)[_TAPS // 2 :][: len(channel)])
        np.maximum(peaks, behind, out=peaks)
        np.maximum(peaks[1:], behind[:-1], out=peaks[1:])
    return peaks


@cache
def _phases() -> NDArray[np.float32]:
    """Interpolators for a quarter, a half and three quarters of a sample later: (3, _TAPS)."""
    later = np.arange(1, 4)[:, None] / 4
    distance = np.arange(_TAPS // 2, -_TAPS // 2, -1)[None, :] - later
    window = np.i0(5.0 * np.sqrt(np.clip(1 - (distance * 2 / _TAPS) ** 2, 0, 1))) / np.i0(5.0)
    taps = np.sinc(distance) * window
    return np.asarray(taps / taps.sum(axis=1, keepdims=True), dtype=np.float32)


def _limited(sound: Samples, peaks: NDArray[np.float32], ceiling: float) -> Samples:
    reduction = _smooth(_hold(_release(_needed(peaks, ceiling))))
    gain = 10.0 ** (-reduction / 20)
    limited: Samples = (sound * gain[:, None]).astype(np.float32)
    limited.clip(-ceiling, ceiling, out=limited)  # the rounding to float32
    return limited


def _needed(peaks: NDArray[np.float32], ceiling: float) -> _Curve:
    """The reduction, in dB, that each sample needs by itself."""
    over = np.maximum(peaks.astype(np.float64) / ceiling, 1.0)
    result: _Curve = 20 * np.log10(over)
    return result


def _release(reduction: _Curve) -> _Curve:
    """Largest reduction of the last RELEASE samples, each decayed by its age."""
    held = reduction.copy()
    step = 1
    while step < RELEASE:
        held[step:] = np.maximum(held[step:], held[:-step] * _DECAY**step)
        step *= 2
    return held


def _hold(reduction: _Curve) -> _Curve:
    """Largest reduction of this and the AHEAD - 1 samples that follow."""
    held = reduction.copy()
    step = 1
    while step < AHEAD:
        held[:-step] = np.maximum(held[:-step], held[step:])
        step *= 2
    return held


def _smooth(reduction: _Curve) -> _Curve:
    """Weighted mean of this and the AHEAD - 2 samples before it: two boxes, so a triangle."""
    return _box(_box(reduction, AHEAD // 2), AHEAD // 2)


def _box(curve: _Curve, length: int) -> _Curve:
    total = curve.copy()
    step = 1
    while step < length:
        total[step:] += total[:-step].copy()
        step *= 2
    return total / length
