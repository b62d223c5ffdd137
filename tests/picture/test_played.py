"""A presented video's pictures: those of its position, whoever asks and in whatever order."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import av
import numpy as np
import pytest

from mixer.clock import SECOND
from mixer.journal import Journal
from mixer.picture.decode import StreamPictures
from mixer.picture.played import Film, upright
from tests.instruments.film import FPS, HEIGHT, WIDTH, make_film, presented, read

PLAYS = [(1.0, True, 0.0), (4.0, False, 3.0), (5.0, False, 7.5), (6.0, True, 7.5), (7.0, True, 2.5)]


@pytest.fixture(scope="module", params=["mp4", "webm"])
def film(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    codecs = {"mp4": ("libx264", "aac"), "webm": ("libvpx-vp9", "libopus")}[request.param]
    path = tmp_path_factory.mktemp("film") / f"film.{request.param}"
    return make_film(path, 9, video=codecs[0], audio=codecs[1])


def seen(frame: av.VideoFrame) -> tuple[int, bool] | None:
    return read(np.asarray(frame.reformat(format="gray").to_ndarray(), np.uint8))


def test_what_is_shown_at_a_moment(film: Path, tmp_path: Path) -> None:
    """While it plays, stands, was sought; in order and not."""
    journal = Journal.open(presented(tmp_path / "journal", film, PLAYS, 9))
    pictures = StreamPictures(journal)
    pictures.look_ahead(9 * SECOND)
    wanted = {
        0.5: None, 1.05: (0, True), 1.5: (0, False), 3.02: (2, True), 3.98: (2, False),
        4.5: (3, True), 5.01: (7, False), 5.9: (7, False), 6.45: (7, False), 6.52: (8, True),
        7.0: (2, False), 7.51: (3, True), 8.99: (4, False),
    }  # fmt: skip
    for moments in (list(wanted), random.Random(1).sample(list(wanted), len(wanted))):
        for t in moments:
            shown = pictures.at(["a.v"], round(t * SECOND))["a.v"]
            assert (seen(shown.frame) if shown is not None else None) == wanted[t], t
    assert pictures.at(["a.v"], round(4.5 * SECOND)) == pictures.at(["a.v"], round(4.9 * SECOND))
    assert pictures.notes == []


def test_every_picture_at_its_time(film: Path) -> None:
    """From its first instant on; the last one stands; seeking gives what reading on gives."""
    forward, back = Film(film), Film(film)
    numbers = range(0, 9 * FPS, 7)
    read_on = {n: forward.at(-(-n * SECOND // FPS)) for n in numbers}
    for number in reversed(numbers):
        sought, other = back.at(-(-number * SECOND // FPS)), read_on[number]
        assert sought is not None and other is not None
        assert sought.pts == other.pts
        assert np.array_equal(sought.to_ndarray(), other.to_ndarray())
        assert seen(sought) == (number // FPS, number % FPS < 3)
    last = forward.at(3600 * SECOND)
    assert last is not None and seen(last) == (8, False)
    before = forward.at((number + 1) * SECOND // FPS - 1_000_000)
    assert before is not None and seen(before) == (0, True)
    forward.close()
    back.close()


def test_what_is_no_film_shows_nothing(tmp_path: Path) -> None:
    """And is noted once."""
    broken = tmp_path / "film.mp4"
    broken.write_bytes(b"\0\0\0\x18ftypmp42" + bytes(100))
    journal = Journal.open(presented(tmp_path / "journal", broken, PLAYS, 9))
    pictures = StreamPictures(journal)
    pictures.look_ahead(9 * SECOND)
    for t in (2, 3):
        assert pictures.at(["a.v"], t * SECOND) == {"a.v": None}
    assert [note.type for note in pictures.notes] == ["picture-undecodable"]


def test_held_upright(tmp_path: Path) -> None:
    """ISO/IEC 14496-12, 8.3.2: the track header's matrix turns the picture; here clockwise."""
    plain = make_film(tmp_path / "film.mp4", 1)
    content = bytearray(plain.read_bytes())
    matrix = content.index(b"tkhd") + 44  # of the first track, which has the picture
    content[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    (tmp_path / "turned.mp4").write_bytes(content)
    shown, turned = Film(plain).at(SECOND // 2), Film(tmp_path / "turned.mp4").at(SECOND // 2)
    assert shown is not None and turned is not None
    luma, other = shown.to_ndarray(format="gray"), turned.to_ndarray(format="gray")
    assert np.array_equal(other, np.rot90(luma, -1))


def test_square_pixels() -> None:
    frame = av.VideoFrame(720, 576, "yuv422p")
    made = upright(frame, 64 / 45)
    assert (made.width, made.height, made.format.name) == (1024, 576, "yuv420p")
    assert (WIDTH, HEIGHT) == (640, 360)
