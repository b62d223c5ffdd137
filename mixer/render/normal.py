"""Brings a mix to a loudness: the passes after the one that has measured it.

Linear gain where peaks allow; else they are limited by their true peak. MP3 lets peaks overshoot,
and a limiter takes loudness: so the finished stream is measured, and made once more with what it
misses by. Neighbours: sound/loudness.py measures, audio_making.py asks.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ..encode.mp3_quality import Mp3Quality
from ..sound.loudness import Loudness, measure_file
from .audio_pass import AudioPass, Loud
from .audio_streams import Stream
from .rounds import Rounds

TRUE_PEAK_DBTP = -1.0
OVERSHOOT_DB = 1.0  # what MP3 usually adds to a limited peak
CLOSE_LU = 0.3
MOST_GAIN_DB = 30.0  # what is softer is noise
ROUNDS = 3


class Missed(Exception):
    """The stream is there, but not as loud or as low as it should be."""

    def __init__(self, figures: dict[str, float | None]) -> None:
        super().__init__(str(figures))
        self.figures = figures


def normalised(
    sound: AudioPass,
    path: Path,
    quality: Mp3Quality,
    target_lufs: float,
    measured: Loudness,
) -> None:
    """Makes the mix's stream `path` with that integrated loudness and a true peak of -1 dBTP.

    Raises Missed, with the figures, when it could not be reached; silence stays silence.
    """
    gain_db = 0.0
    if measured.integrated_lufs is not None:
        gain_db = min(MOST_GAIN_DB, target_lufs - measured.integrated_lufs)
    ceiling_db = TRUE_PEAK_DBTP - OVERSHOOT_DB
    for _ in range(ROUNDS):
        _encode(sound, path, quality, Loud(_linear(gain_db), _linear(ceiling_db)))
        made = measure_file(path)
        if made.integrated_lufs is None or made.true_peak_dbtp is None:
            return
        short, over = target_lufs - made.integrated_lufs, made.true_peak_dbtp - TRUE_PEAK_DBTP
        if over <= 0 and abs(short) <= CLOSE_LU:
            return
        if over <= 0 and short > 0 and gain_db == MOST_GAIN_DB:
            break
        gain_db = min(MOST_GAIN_DB, gain_db + short)
        ceiling_db -= over + 0.1 if over > 0 else 0.0
    raise Missed({"lufs": made.integrated_lufs, "true_peak_dbtp": made.true_peak_dbtp})


def _encode(sound: AudioPass, path: Path, quality: Mp3Quality, loud: Loud) -> None:
    with Stream(path, quality, 2) as stream, Rounds() as rounds:
        for portion in sound.portions(legs=False, loud=loud):
            rounds.start([partial(stream.write, portion.first, portion.mix)])


def _linear(db: float) -> float:
    return float(10 ** (db / 20))
