"""Stretching by a sample: nothing of the sound is lost."""

from __future__ import annotations

import numpy as np
import pytest

from mixer.sound.stretch import REACH, stretch
from tests.sound.voices import RATE, decibels


@pytest.mark.parametrize("hz", [100, 1_000, 8_000, 16_000])
@pytest.mark.parametrize("change", [-2, -1, 1, 2])
def test_a_tone_stays_a_tone(hz: int, change: int) -> None:
    """What comes out is the tone itself at the new instants, below -75 dB of it wrong."""
    samples, start, wanted = 960, 500, 960 + change
    tone = np.sin(2 * np.pi * hz * np.arange(2_000) / RATE)[:, None].astype(np.float32)
    instants = start + np.arange(wanted) * samples / wanted
    expected = np.sin(2 * np.pi * hz * instants / RATE)[:, None]
    assert decibels(stretch(tone, start, samples, wanted) - expected) < -75


def test_ends_of_the_sound_are_silence() -> None:
    """At the sound's beginning and end, where there is nothing to read, nothing breaks."""
    sound = np.ones((960, 2), dtype=np.float32)
    result = stretch(sound, 0, 960, 961)
    assert result.shape == (961, 2)
    assert np.abs(result[REACH:-REACH] - 1).max() < 1e-6
