"""Streams without silence: what is kept, where it says it comes from, and the cue sheet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mixer.encode.mp3_quality import Mp3Quality
from mixer.errors import UsageError
from mixer.render.audio_settings import AudioSettings
from mixer.render.audio_streams import CUE_FRAME, CutStream, Piece, Stream, cue_sheet
from mixer.render.rounds import Rounds
from tests.encode.test_mp3 import heard
from tests.sound.voices import RATE, Samples, correlation_of, speech

QUALITY = Mp3Quality(64_000)
SENT = [(10_000, 60_000), (70_000, 90_000), (200_000, 300_001), (300_001, 330_000)]
SPEECH = speech(10, 1)[:, None]


def sent_sound() -> Samples:
    sound = np.zeros_like(SPEECH)
    for begin, end in SENT:
        sound[begin:end] = SPEECH[begin:end]
    return sound


@pytest.mark.parametrize("portion", [48_000 * 8, 4_480, 48_000 * 100])
def test_pieces(tmp_path: Path, portion: int) -> None:
    """Silence of more than half a second is cut, a shorter one stays; each piece's sound is that of
    the place it names, whatever portions it came in."""
    sound = sent_sound()
    with CutStream(tmp_path / "cut.mp3", QUALITY, 1) as stream:
        for at in range(0, len(sound), portion):
            end = min(len(sound), at + portion)
            sent = [(max(a, at) - at, min(b, end) - at) for a, b in SENT if a < end and b > at]
            stream.write(at, sound[at:end], sent)
        stream.silence_until(len(sound))
    given = heard(tmp_path / "cut.mp3", 1)[:, 0]
    sources = [piece.source for piece in stream.pieces]
    assert sources == [10_000 // CUE_FRAME * CUE_FRAME, 200_000 // CUE_FRAME * CUE_FRAME]
    assert all(piece.at % CUE_FRAME == 0 for piece in stream.pieces)
    ends = [*(piece.at for piece in stream.pieces[1:]), len(given)]
    assert len(given) == stream.samples
    for piece, end in zip(stream.pieces, ends, strict=True):
        truth = sound[piece.source :][: end - piece.at, 0]
        assert correlation_of(given[piece.at : end], truth) > 0.98


def test_missing_sound_is_silence(tmp_path: Path) -> None:
    """A stream that begins late has silence before it, and lasts until it is told."""
    with Stream(tmp_path / "whole.mp3", QUALITY, 1) as stream:
        stream.write(100_000, SPEECH[:50_000])
        stream.silence_until(222_222)
    given = heard(tmp_path / "whole.mp3", 1)[:, 0]
    assert len(given) == stream.samples == 222_222
    assert not given[:98_000].any() and not given[153_000:].any()
    assert correlation_of(given[100_000:150_000], SPEECH[:50_000, 0]) > 0.98


def test_cue_sheet() -> None:
    """One track a piece; quotes, which cue sheets cannot hold, are replaced."""
    pieces = [Piece(0, 6_400), Piece(76 * 640, 3_700 * RATE), Piece(4_510 * 640, 9_000 * RATE)]
    lines = cue_sheet("a.mp3", 'The "weekly"', "Ada", pieces).splitlines()
    assert lines[:3] == ["TITLE \"The 'weekly'\"", 'PERFORMER "Ada"', 'FILE "a.mp3" MP3']
    assert lines[3:8] == [
        "  TRACK 01 AUDIO",
        '    TITLE "0:00:00.133"',
        "    REM SOURCE_SAMPLE 6400",
        "    REM SAMPLE 0",
        "    INDEX 01 00:00:00",
    ]
    assert [line.strip() for line in lines if "INDEX" in line][1:] == [
        "INDEX 01 00:01:01",
        "INDEX 01 01:00:10",
    ]
    assert '    TITLE "1:01:40.000"' in lines


def test_rounds_wait_and_tell() -> None:
    """A round begins when the one before has ended; a call's error comes out at the next."""
    order: list[int] = []
    with Rounds() as rounds:
        for number in range(5):
            rounds.start([lambda number=number: order.append(number)] * 2)  # type: ignore[misc]
    assert order == sorted(order) and len(order) == 10

    def fail() -> None:
        raise KeyError("here")

    with pytest.raises(KeyError, match="here"), Rounds() as rounds:
        rounds.start([fail])
    with pytest.raises(KeyError, match="here"), Rounds() as rounds:
        rounds.start([fail])
        rounds.start([])
        raise AssertionError("not told")


def test_settings() -> None:
    """They come back from JSON, and values out of range are refused at once."""
    settings = AudioSettings(vbr=2.0, legs=True, without=("a", "b"), loudness=-16.0)
    assert AudioSettings.from_json(settings.to_json()) == settings
    for wrong in ({"bit_rate": 5}, {"leg_bit_rate": 7_000}, {"vbr": 11.0}, {"loudness": 3.0}):
        with pytest.raises(UsageError):
            AudioSettings(**wrong)
