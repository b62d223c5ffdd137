"""What is seen in a finished video: black, blank and still stretches, sheet and poster."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mixer.errors import RenderError
from mixer.report import film, sheet
from tests.report import scenes

FPS = 10


def ignore(share: float) -> None:
    pass


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 s: black from 10.3 to 17.1 s, flat grey from 30 to 38.5 s, still from 44 s on."""
    picture = scenes.switched(
        [
            (10.3, scenes.moving),
            (17.1, lambda t: scenes.flat(16)),
            (30, scenes.moving),
            (38.5, lambda t: scenes.flat(90)),
            (44, scenes.moving),
            (99, lambda t: scenes.moving(0)),
        ]
    )
    return scenes.film(tmp_path_factory.mktemp("film") / "a.mp4", picture, seconds=60, fps=FPS)


def test_black_and_blank_stretches_are_found_to_the_frame(video: Path) -> None:
    """Key pictures lie 4 s apart; the edges are those of the frames all the same."""
    looks = film.look_through(video, ignore)
    assert [look.t for look in looks] == [4.0 * n for n in range(15)]
    found = {s.kind: s for s in film.stretches(video, looks, 60)}
    black, blank, still = found["black"], found["blank"], found["still"]
    assert black.t == 10.3 and black.seconds == pytest.approx(6.8) and black.refined is True
    assert blank.t == 30 and blank.seconds == pytest.approx(8.5)
    assert 44 <= still.t <= 48
    assert still.t + still.seconds == pytest.approx(60)


def test_a_video_that_is_black_throughout_is_so_from_0_to_its_end(tmp_path: Path) -> None:
    path = scenes.film(tmp_path / "b.mp4", lambda t: scenes.flat(16), seconds=9, fps=FPS)
    looks = film.look_through(path, ignore)
    (black,) = film.stretches(path, looks, 9)
    assert (black.kind, black.t, black.seconds) == ("black", 0, 9)


def test_a_moving_video_has_no_stretches(tmp_path: Path) -> None:
    path = scenes.film(tmp_path / "c.mp4", scenes.moving, seconds=30, fps=FPS)
    assert film.stretches(path, film.look_through(path, ignore), 30) == []


@pytest.mark.parametrize("seconds", [0.1, 3, 30, 60])
def test_the_sheet_goes_evenly_through_any_video(
    video: Path, tmp_path: Path, seconds: float
) -> None:
    """Twelve moments, or as many as there are, none farther than 2 s from its even share."""
    path = video
    if seconds < 60:
        path = scenes.film(tmp_path / "d.mp4", scenes.moving, seconds=seconds, fps=FPS)
    stills = sheet.stills(path, film.look_through(path, ignore), seconds)
    times = [still.t for still in stills]
    assert times == sorted(set(times))
    assert 1 <= len(times) <= sheet.COLUMNS * sheet.ROWS
    if seconds >= 30:
        assert len(times) == sheet.COLUMNS * sheet.ROWS
        ideal = [(at + 0.5) * seconds / len(times) for at in range(len(times))]
        assert max(abs(a - b) for a, b in zip(times, ideal, strict=True)) <= 2.0
    picture = Image.open(io.BytesIO(sheet.contact_sheet(stills)))
    assert picture.format == "JPEG"
    cell = stills[0].picture.width + sheet.GAP
    assert picture.width == sheet.COLUMNS * cell + sheet.GAP


def test_the_poster_shows_people_where_there_are_any(video: Path) -> None:
    """Never black or blank; of good pictures the one with most people."""
    looks = film.look_through(video, ignore)
    t = sheet.poster_time(looks, lambda t: 3.0 if 26 <= t < 30 else 1.0)
    assert t == 28
    nobody = sheet.poster_time(looks, lambda t: 0.0)
    assert not any(look.black or look.blank for look in looks if look.t == nobody)
    picture = Image.open(io.BytesIO(sheet.poster(video, t)))
    assert picture.size == (160, 96)
    grey = np.asarray(picture.convert("L"), int)
    assert grey.max() - grey.min() > 80


def test_what_is_no_video_is_said(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(b"nothing")
    with pytest.raises(RenderError, match=r"x\.mp4"):
        film.look_through(path, ignore)
