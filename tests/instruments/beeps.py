"""When the beeps of a tone begin in a sound: matched filter, to a fraction of a millisecond."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from tests.instruments.pattern import BEEP_SECONDS

RATE = 48_000
BEEP = round(BEEP_SECONDS * RATE)  # samples
STEP = 8  # samples between two positions of the filter
SMOOTHING = 959  # samples, odd: of the window by which edges are found
LEAST_LEVEL = 0.004  # of full scale
LEAST_SHARE = 0.35  # of the tone's loudest beep
APART_SECONDS = 0.4  # beeps of one tone are further apart
CHUNK_STEPS = 60_000

Sound = NDArray[np.float32]  # (samples,), mono, 48 kHz, sample k at k / RATE of the file's time


def read_sound(path: Path) -> Sound:
    """All sound of a file, left and right together, at the times that the file gives it."""
    parts: list[tuple[int, Sound]] = []
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return np.zeros(0, np.float32)
        resampler = av.AudioResampler("fltp", "mono", RATE)
        for frame in container.decode(container.streams.audio[0]):
            parts += _samples(resampler.resample(frame))
        parts += _samples(resampler.resample(None))
    length = max((at + len(samples) for at, samples in parts), default=0)
    sound = np.zeros(length, np.float32)
    for at, samples in parts:
        sound[max(at, 0) : at + len(samples)] = samples[max(-at, 0) :]
    return sound


def _samples(frames: list[Any]) -> list[tuple[int, Sound]]:
    return [
        (round(float(frame.pts * frame.time_base) * RATE), frame.to_ndarray()[0])
        for frame in frames
    ]


def onsets(sound: Sound, tone_hz: float) -> list[float]:
    """Seconds at which beeps of this tone begin, in order.

    Beeps are found by correlation with the tone over the length of a beep. Then the envelope of the
    tone, smoothed by a short Hann window that lets little of other tones through, is at half its
    height exactly at the edges; the onset is taken from both.
    """
    magnitude = _magnitude(sound, tone_hz)
    if len(magnitude) == 0:
        return []
    least = max(LEAST_LEVEL, LEAST_SHARE * float(magnitude.max()))
    found: list[float] = []
    apart = round(APART_SECONDS * RATE / STEP)
    above = np.flatnonzero(magnitude >= least)
    while len(above) > 0:
        region = above[above < above[0] + apart]
        peak = int(region[np.argmax(magnitude[region])])
        onset = _onset(sound, tone_hz, peak * STEP)
        if onset is not None:
            found.append(onset / RATE)
        above = above[above >= peak + apart]
    return found


def _magnitude(sound: Sound, tone_hz: float) -> NDArray[np.float64]:
    """Amplitude of the tone in the window that begins at sample k * STEP."""
    steps = len(sound) // STEP
    blocks = np.empty(steps, np.complex128)
    for first in range(0, steps, CHUNK_STEPS):
        last = min(first + CHUNK_STEPS, steps)
        turned = _demodulated(sound[first * STEP : last * STEP], tone_hz, first * STEP)
        blocks[first:last] = turned.reshape(-1, STEP).sum(1)
    window = BEEP // STEP
    if steps <= window:
        return np.zeros(0)
    total = np.concatenate([[0], np.cumsum(blocks)])
    return np.asarray(np.abs(total[window:] - total[:-window]) * 2 / (window * STEP))


def _demodulated(sound: Sound, tone_hz: float, first: int) -> NDArray[np.complex128]:
    at = np.arange(first, first + len(sound), dtype=np.float64)
    return np.asarray(sound * np.exp(-2j * np.pi * tone_hz / RATE * at))


def _onset(sound: Sound, tone_hz: float, about: int) -> float | None:
    """The sample at which a beep begins that begins at about this one; None at the sound's ends."""
    first, last = about - 2 * SMOOTHING, about + BEEP + 2 * SMOOTHING
    if first < 0 or last > len(sound):
        return None
    window = np.hanning(SMOOTHING + 2)[1:-1]
    turned = _demodulated(sound[first:last], tone_hz, first)
    envelope = np.abs(np.convolve(turned, window / window.sum(), "same"))
    middle = 2 * SMOOTHING + BEEP // 2
    half = float(np.median(envelope[middle - BEEP // 5 : middle + BEEP // 5])) / 2
    before = np.flatnonzero(envelope[:middle] < half)
    after = np.flatnonzero(envelope[middle:] < half)
    if len(before) == 0 or len(after) == 0:
        return None
    rise, fall = int(before[-1]), middle + int(after[0]) - 1
    start = rise + (half - envelope[rise]) / (envelope[rise + 1] - envelope[rise])
    end = fall + (envelope[fall] - half) / (envelope[fall] - envelope[fall + 1])
    return float(first + (start + end - BEEP) / 2)
