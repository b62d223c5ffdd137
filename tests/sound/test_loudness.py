"""Loudness: the reference signals of EBU Tech 3341 measure what they must."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from mixer.errors import RenderError
from mixer.sound.loudness import LoudnessMeter, measure_file
from tests.encode.scenes import needs_ffmpeg
from tests.sound.voices import RATE, Samples


def tone(seconds: float, dbfs: float, hz: float = 1_000, phase: float = 0.0) -> Samples:
    """A stereo sine."""
    t = np.arange(round(seconds * RATE)) / RATE
    wave = 10 ** (dbfs / 20) * np.sin(2 * np.pi * hz * t + phase)
    return np.stack([wave, wave], axis=1).astype(np.float32)


def measured(sound: Samples, portion: int = 7_777) -> LoudnessMeter:
    meter = LoudnessMeter(sound.shape[1])
    for at in range(0, len(sound), portion):
        meter.write(sound[at : at + portion])
    return meter


@pytest.mark.parametrize(
    "parts",
    [
        [(20, -23.0)],  # case 1
        [(10, -36.0), (60, -23.0), (10, -36.0)],  # case 3
        [(10, -72.0), (10, -36.0), (60, -23.0), (10, -36.0), (10, -72.0)],  # case 4
        [(20, -26.0), (20.1, -20.0), (20, -26.0)],  # case 5
    ],
)
def test_integrated_loudness(parts: list[tuple[float, float]]) -> None:
    """EBU Tech 3341: these are -23.0 LUFS, within 0.1."""
    result = measured(np.concatenate([tone(*part) for part in parts])).result()
    assert result.integrated_lufs == pytest.approx(-23.0, abs=0.1)
    assert result.seconds == pytest.approx(sum(seconds for seconds, _ in parts))


def test_true_peak_lies_between_samples() -> None:
    """EBU Tech 3341, case 16: a quarter of the sampling rate, 45°: -6 dBTP, +0.2/-0.4."""
    sound = tone(1, -6.0, RATE / 4, np.pi / 4)
    sound *= np.clip(np.minimum(t := np.arange(RATE), t[::-1]) / 4_800, 0, 1)[:, None]
    assert np.abs(sound).max() < 0.36  # what a sample meter would say: -9 dB
    peak = measured(sound).result().true_peak_dbtp
    assert peak is not None and -6.4 <= peak <= -5.8


def test_silence_and_nothing_have_no_loudness() -> None:
    """Nothing is above the gate: no figure, rather than a wrong one."""
    for sound in (np.zeros((RATE, 2), np.float32), np.zeros((0, 2), np.float32)):
        result = measured(sound).result()
        assert result.integrated_lufs is None and result.true_peak_dbtp is None


@needs_ffmpeg
def test_a_file(tmp_path: Path) -> None:
    """A file is measured as players decode it; one that is none is refused in one line."""
    path = tmp_path / "tone.flac"
    command = ["ffmpeg", "-v", "error", "-f", "f32le", "-ar", "48000", "-ac", "2", "-i", "-"]
    sound = tone(5, -20.0).astype("<f4").tobytes()
    subprocess.run([*command, str(path)], input=sound, check=True)
    result = measure_file(path)
    assert result.integrated_lufs == pytest.approx(-20.0, abs=0.1)
    assert result.true_peak_dbtp == pytest.approx(-20.0, abs=0.2)
    assert result.seconds == pytest.approx(5.0)
    path.write_bytes(bytes(1_000))
    with pytest.raises(RenderError, match="cannot measure"):
        measure_file(path)
    with pytest.raises(RenderError, match="cannot measure"):
        measure_file(tmp_path / "missing.mp3")
