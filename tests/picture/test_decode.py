"""Which picture is shown when: timestamps, key pictures, damage, tracks, sizes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from mixer.journal import FrameFlag, Journal
from mixer.layout.matte import Matte
from tests.picture import journals
from tests.picture.journals import Sent, Video, flat, sent
from tests.picture.scenes import fit, page
from tests.picture.test_fidelity import tile

BOX = (10, 10, 160, 90)
LEVELS = [40 + 2 * number for number in range(90)]
BLACK = 16


def whole(stream: str = "ada.camera") -> Matte:
    return page(180, 110, (tile(stream, BOX, fit(BOX, (160, 90))),))


def levels(planes: Sequence[journals.Planes]) -> list[int]:
    """The gray level in the middle of the tile, of each output frame."""
    return [int(y[55, 90]) for y, _, _ in planes]


def shown(journal: Journal, first: int, count: int, fps: int = 30) -> list[int]:
    return levels(list(journals.composed(journals.composer(journal, whole(), fps), first, count)))


def pictures(count: int, **how: object) -> list[Sent]:
    return sent([flat(level) for level in LEVELS[:count]], **how)  # type: ignore[arg-type]


def test_each_output_frame_shows_the_last_picture_before_its_middle(tmp_path: Path) -> None:
    """Output frame n is the moment (n + ½) / fps; before the first picture the tile is black."""
    journal = journals.write(tmp_path, [Video(pictures(5, start=0.051, every=1 / 30))], 1)
    # Pictures at 51, 84, 118, 151, 184 ms; frames' middles at 17, 50, 83, 117, 150, 183, 217 ms.
    assert shown(journal, 0, 8) == [BLACK, BLACK, *LEVELS[:5], LEVELS[4]]


def test_other_rates_choose_by_time_too(tmp_path: Path) -> None:
    """A 30 fps source shown at 60 fps repeats each picture, at 10 fps it shows every third."""
    journal = journals.write(tmp_path, [Video(pictures(30, key_every=10))], 1)
    assert shown(journal, 0, 60, fps=60) == [level for level in LEVELS[:30] for _ in range(2)]
    assert shown(journal, 0, 10, fps=10) == LEVELS[1:30:3]


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_any_frame_can_be_asked_for_first(tmp_path: Path, codec: str) -> None:
    """Frames do not depend on what was asked before: in order, in pieces, backwards, alone."""
    random = np.random.default_rng(3)
    moving = [
        tuple(
            random.integers(60, 180, (n, m), np.uint8) for n, m in ((90, 160), (45, 80), (45, 80))
        )
        for _ in range(60)
    ]
    made = sent(moving, codec=codec, key_every=17)  # type: ignore[arg-type]
    journal = journals.write(tmp_path, [Video(made, codec=codec)], 2)
    one = journals.composer(journal, whole())
    straight = list(journals.composed(one, 0, 60))
    other = journals.composer(journal, whole())
    for first, count in ((30, 10), (40, 5), (20, 20), (59, 1), (0, 3)):
        for number, planes in enumerate(journals.composed(other, first, count), first):
            assert all(np.array_equal(a, b) for a, b in zip(planes, straight[number], strict=True))


def test_pictures_that_are_late_or_broken_are_never_shown(tmp_path: Path) -> None:
    """What ingest marked as late or broken is passed over; the picture before it stands."""
    made = pictures(12, key_every=4)
    made[5].flags = made[6].flags = made[7].flags = FrameFlag.BROKEN
    made[10].flags = made[11].flags = FrameFlag.LATE
    journal = journals.write(tmp_path, [Video(made)], 1)
    expected = [*LEVELS[:5], LEVELS[4], LEVELS[4], LEVELS[4], LEVELS[8], LEVELS[9], LEVELS[9]]
    assert shown(journal, 0, 11) == expected


@pytest.mark.parametrize("codec", ["vp8", "h264"])
@pytest.mark.parametrize("broken", [[13], [16], [16, 24], [0, 8]])
def test_damage_freezes_the_picture_until_the_next_key_picture(
    tmp_path: Path, codec: str, broken: list[int]
) -> None:
    """Undecodable pictures, key pictures too, are survived, noted, and give the same picture
    wherever one begins to ask."""
    made = pictures(40, codec=codec, key_every=8)
    for number in broken:
        made[number].data = b"\xff\xff\xff\xff\xff" if codec == "vp8" else b"\x00\x00\x01\x65\xff"
    journal = journals.write(tmp_path, [Video(made, codec=codec)], 2)
    composer = journals.composer(journal, whole())
    straight = levels(list(journals.composed(composer, 0, 40)))
    assert {note.type for note in composer.notes} == {"picture-undecodable"}
    frozen = next(number for number in range(broken[-1] + 1, 40) if number % 8 == 0)
    for number, level in enumerate(straight):
        hit = [n for n in broken if n <= number and number // 8 == n // 8]
        if not hit:
            assert abs(level - LEVELS[number]) <= 2
    assert straight[broken[-1] : frozen] == [straight[broken[-1]]] * (frozen - broken[-1])
    for first in range(0, 40, 3):
        assert shown(journal, first, 1) == [straight[first]]


def test_pictures_that_decode_with_errors_are_not_shown(tmp_path: Path) -> None:
    """H.264 of which a part is missing is concealed by the decoder: damage, too."""
    random = np.random.default_rng(3)
    noise = [random.integers(0, 60, (90, 160)).astype(np.uint8) for _ in range(12)]
    gray = np.full((45, 80), 128, np.uint8)
    made = sent([(noise[n] + LEVELS[n], gray, gray) for n in range(12)], key_every=8)
    made[5].data = made[5].data[: len(made[5].data) // 2]
    journal = journals.write(tmp_path, [Video(made)], 1)
    composer = journals.composer(journal, whole())
    straight = list(journals.composed(composer, 0, 12))
    assert [note.t_ns // 33_333_333 for note in composer.notes] == [5]
    for number in (5, 6, 7):
        assert np.array_equal(straight[number][0], straight[4][0])
    assert not np.array_equal(straight[8][0], straight[4][0])


def test_the_newest_track_of_a_stream_wins_once_it_has_a_picture(tmp_path: Path) -> None:
    """After a reconnection the old track's last picture stands until the new one's first."""
    old, new = pictures(10), sent([flat(200), flat(210)], start=0.6)
    journal = journals.write(tmp_path, [Video(old), Video(new)], 1)
    assert shown(journal, 16, 5) == [LEVELS[9], LEVELS[9], 200, 210, 210]
    assert shown(journal, 18, 1) == [200]


@pytest.mark.parametrize("begins", [0.0, 0.15], ids=["in it", "before it"])
def test_a_new_track_that_overlaps_the_old_one_wins(tmp_path: Path, begins: float) -> None:
    """The old one was aligned too late: what of it is left when the new one begins is not shown,
    be it all of it."""
    old, new = pictures(10, start=begins), sent([flat(200), flat(210)], start=0.11)
    journal = journals.write(tmp_path, [Video(old), Video(new)], 1)
    before = [BLACK] * 3 if begins else LEVELS[:3]
    assert shown(journal, 0, 6) == [*before, 200, 210, 210]
    assert shown(journal, 20, 1) == [210]


def test_a_new_track_that_cannot_be_decoded_leaves_the_old_picture(tmp_path: Path) -> None:
    """A newest track without one decodable picture shows nothing; the older one's picture stays."""
    new = sent([flat(200)], start=0.6)
    new[0].data = b"\x00\x00\x01\x65\xff"
    journal = journals.write(tmp_path, [Video(pictures(10)), Video(new)], 1)
    assert shown(journal, 16, 5) == [LEVELS[9]] * 5
    assert shown(journal, 20, 1) == [LEVELS[9]]


def test_sizes_may_change_in_mid_stream(tmp_path: Path) -> None:
    """A stream that grows and shrinks fills its tile throughout."""
    sizes = [(160, 90), (320, 180), (640, 360), (80, 46), (162, 90)]
    made = []
    for part, size in enumerate(sizes):
        made += sent([flat(60 + 20 * part, size)] * 3, start=part * 0.1)
    journal = journals.write(tmp_path, [Video(made)], 1)
    placed = list(journals.composed(journals.composer(journal, whole()), 0, 15))
    assert levels(placed) == [60 + 20 * (number // 3) for number in range(15)]
    for number, (y, _, _) in enumerate(placed):
        tile_part = y[10:100, 10:170].astype(int)
        assert np.abs(tile_part - (60 + 20 * (number // 3))).max() <= 1


def test_streams_that_are_not_on_the_page_are_not_decoded(tmp_path: Path) -> None:
    """A stream costs nothing while no tile shows it, and is right at once when one does."""
    ada, bob = pictures(60, key_every=20), pictures(60, key_every=20)
    for one in bob[:35]:
        one.data = b"\x00\x00\x01\x65\xff"  # would be noted if it were decoded
    journal = journals.write(tmp_path, [Video(ada), Video(bob, "bob.camera")], 2)
    mattes = {0: whole(), 45: whole("bob.camera"), 50: page(180, 110, ()), 55: whole()}
    composer = journals.composer(journal, mattes)
    got = levels(list(journals.composed(composer, 0, 60)))
    assert got[:50] == LEVELS[:50]
    assert got[55:] == LEVELS[55:60]
    assert composer.notes == []


def test_a_stream_without_media_is_black(tmp_path: Path) -> None:
    """A tile whose stream has sent nothing shows the base, which is black there."""
    journal = journals.write(tmp_path, [Video(pictures(3))], 1)
    matte = whole("nobody.camera")
    for planes in journals.composed(journals.composer(journal, matte), 0, 3):
        assert all(np.array_equal(a, b) for a, b in zip(planes, matte.base, strict=True))
