"""The limiter: a ceiling that holds, no change below it, and no memory beyond its own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixer.sound.limiter import AHEAD, CEILING, HISTORY, limit, limit_true_peak, true_peaks
from tests.fuzz import examples
from tests.sound.voices import speech


def loud(seed: int, seconds: float = 1.5, level: float = 0.6) -> np.ndarray:
    return np.stack([speech(seconds, seed, level), speech(seconds, seed + 1, level)], axis=1)


def test_below_the_ceiling_nothing_changes() -> None:
    """Sound that never exceeds the ceiling comes out to the bit."""
    quiet = loud(1, level=0.05)
    assert np.abs(quiet).max() < CEILING
    assert limit(quiet) is quiet


@settings(max_examples=examples(30))
@given(seed=st.integers(0, 1000), level=st.floats(0.3, 8))
def test_nothing_exceeds_the_ceiling(seed: int, level: float) -> None:
    """Not one sample, however loud what comes in."""
    assert np.abs(limit(loud(seed, 0.5, level))).max() <= np.float32(CEILING)


def test_gain_before_and_long_after_a_peak_is_one() -> None:
    """A peak is felt from AHEAD samples before it until it is forgotten, and not beyond."""
    sound = loud(2, level=0.05)
    at = 30_000
    sound[at] = 2.0
    result = limit(sound)
    assert np.array_equal(result[: at - AHEAD], sound[: at - AHEAD])
    assert np.array_equal(result[at + HISTORY :], sound[at + HISTORY :])
    assert not np.array_equal(result[at - 50 : at + 50], sound[at - 50 : at + 50])


def test_gain_moves_smoothly() -> None:
    """The gain comes down over 5 ms and goes up more slowly: a loud voice is not torn."""
    constant = np.full((40_000, 2), 0.5, dtype=np.float32)
    constant[20_000:20_010] = 4.0
    gain = limit(constant)[:, 0] / constant[:, 0]
    down = np.diff(20 * np.log10(gain))
    assert down.min() > -13.1 / (AHEAD / 4)
    assert 0 < down.max() < 13.1 / 1_000
    assert gain[20_005] * 4 <= CEILING * 1.0001
    assert gain[20_005] * 4 > CEILING * 0.98


@pytest.mark.parametrize("cut", [HISTORY, HISTORY + 1, 30_001])
def test_a_segment_depends_on_its_neighbourhood_only(cut: int) -> None:
    """Limited apart with HISTORY before and AHEAD after, a stretch is the same to the bit."""
    sound = loud(3, 1.5, 1.0)
    whole = limit(sound)
    part = limit(sound[cut - HISTORY : cut + 9_000 + AHEAD])
    assert np.array_equal(part[HISTORY : HISTORY + 9_000], whole[cut : cut + 9_000])
    assert not np.array_equal(whole[cut : cut + 9_000], sound[cut : cut + 9_000])


def test_both_channels_share_one_gain() -> None:
    """The stereo picture does not move, and no sample is simply cut off."""
    left = 3.0 * speech(1.5, 5, 0.6)
    result = limit(np.stack([left, left / 4], axis=1))
    valid = slice(HISTORY, -AHEAD)
    assert np.abs(left[valid]).max() > 2 * CEILING
    assert np.allclose(result[valid, 0], 4 * result[valid, 1], rtol=1e-5)


def test_true_peaks_are_found_between_samples() -> None:
    """A tone whose samples all lie beside its peaks: its amplitude is found, to 0.2 dB."""
    n = np.arange(4_800)
    for hz, phase in ((12_000, np.pi / 4), (8_000, 0.5), (16_000, 0.2), (997, 0.0)):
        tone = (0.5 * np.sin(2 * np.pi * hz / 48_000 * n + phase)).astype(np.float32)
        found = true_peaks(tone)[100:-100]
        assert abs(20 * np.log10(found.max() / 0.5)) < 0.2
        assert (found >= np.abs(tone[100:-100])).all()
    assert len(true_peaks(tone[:0])) == 0


def test_true_peak_is_limited() -> None:
    """What lies between samples stays below the ceiling, too; soft sound is left alone."""
    sound = loud(4, 1.5, 3.0)
    result = limit_true_peak(sound, 0.8)[HISTORY:-AHEAD]
    assert true_peaks(result[:, 0])[20:-20].max() <= 0.8 * 1.01
    quiet = loud(1, level=0.05)
    assert limit_true_peak(quiet, 0.8) is quiet
