"""A presented video's sound: in its place to the sample, the same however it is asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mixer.clock import SECOND
from mixer.journal import Journal
from mixer.sound import mix_segment
from mixer.sound.played import _chunk, film_samples
from tests.instruments.film import beeps, make_film, presented, tone_hz

RATE = 48_000
PLAYS = [
    (1.0, True, 0.0),
    (4.25, False, 3.25),
    (5.0, False, 7.5),
    (6.0, True, 7.5),
    (8.0, True, 1.7),
]


@pytest.fixture(scope="module", params=["mp4", "webm"])
def film(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    codecs = {"mp4": ("libx264", "aac"), "webm": ("libvpx", "libopus")}[request.param]
    path = tmp_path_factory.mktemp("film") / f"film.{request.param}"
    return make_film(path, 10, video=codecs[0], audio=codecs[1])


def test_beeps_in_their_places(film: Path, tmp_path: Path) -> None:
    """Within 2 ms of where they are to be seen; silence while it stands; no sound twice."""
    journal = Journal.open(presented(tmp_path / "journal", film, PLAYS, 10.4))
    sound = mix_segment(journal, 0, 10 * RATE)
    heard = beeps(np.ascontiguousarray(sound[:, 0]), 10)
    wanted = [(1, 2.0), (2, 3.0), (3, 4.0), (8, 6.5), (9, 7.5), (2, 8.3), (3, 9.3)]
    assert [second for second, _ in heard if second] == [second for second, _ in wanted]
    for (_, t), (_, due) in zip([one for one in heard if one[0]], wanted, strict=True):
        assert abs(t - due) < 0.002
    standing = sound[round(4.26 * RATE) : round(5.99 * RATE)]
    assert not standing.any()
    assert not sound[:RATE].any()
    assert np.abs(sound).max() > 0.25


def test_segments_join(film: Path, tmp_path: Path) -> None:
    """Made in pieces, last first, with nothing remembered: the same to the bit."""
    journal = Journal.open(presented(tmp_path / "journal", film, PLAYS, 10.4))
    whole = mix_segment(journal, 0, 10 * RATE)
    pieces = []
    for second in reversed(range(10)):
        _chunk.cache_clear()
        pieces.append(mix_segment(journal, second * SECOND, RATE))
    assert np.array_equal(np.concatenate(pieces[::-1]), whole)


def test_chunks_join(film: Path) -> None:
    """Over a chunk's end a tone goes on: no jump larger than the tone itself makes."""
    sound = film_samples(film, 0, 10 * RATE)
    assert sound is not None
    for at in (4 * RATE, 8 * RATE):
        assert (
            np.abs(np.diff(sound[at - 5 : at + 5, 0])).max() < 0.4 * 2 * np.pi * tone_hz(9) / RATE
        )
    beyond = film_samples(film, 20 * RATE, RATE)
    assert beyond is None
