"""The composer's face: tags, growing journals, real matte tracks, changes of the page."""

from __future__ import annotations

import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mixer.edit import EditList, Span
from mixer.errors import RenderError
from mixer.journal import Alignment, Frame, FrameFlag, Journal, JournalWriter
from mixer.layout.matte import Matte
from mixer.layout.track import MatteTrackReader, MatteTrackWriter
from mixer.picture import Composer
from tests.picture import journals
from tests.picture.journals import RATE, SECOND, Fixed, Video, flat, sent
from tests.picture.scenes import fit, page
from tests.picture.test_decode import LEVELS, levels, pictures, whole
from tests.picture.test_fidelity import tile

EDITS = EditList((Span(0),), 30)


def test_frames_say_what_they_are(tmp_path: Path) -> None:
    """yuv420p, BT.709 limited in every tag, pts in frames."""
    journal = journals.write(tmp_path, [Video(pictures(3))], 1)
    frames = list(journals.composer(journal, whole(), fps=25).frames(7, 2))
    for number, frame in enumerate(frames, 7):
        assert (frame.width, frame.height, frame.format.name) == (180, 110, "yuv420p")
        tags = (frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range)
        assert tags == (1, 1, 1, 1)
        assert frame.pts == number and frame.time_base == Fraction(1, 25)


def test_a_page_of_another_size_is_refused(tmp_path: Path) -> None:
    """One clear line instead of a distorted picture."""
    journal = journals.write(tmp_path, [Video(pictures(3))], 1)
    composer = Composer(journal, Fixed({0: whole()}), width=640, height=360, edits=EDITS)
    with pytest.raises(RenderError, match="180x110"):
        next(composer.frames(0, 1))


def test_a_growing_journal_gives_what_the_finished_one_gives(tmp_path: Path) -> None:
    """Frames asked for behind the watermark are final: new media and tracks change none."""
    writer = JournalWriter.create(tmp_path, conference="test")
    made = pictures(60, key_every=20)
    got: list[int] = []
    journal = Journal.open(tmp_path)
    composer = journals.composer(journal, whole())
    for first, last in ((0, 40), (40, 60)):
        track = writer.track(
            participant="ada",
            stream="ada.camera",
            source="Camera",
            kind="video",
            codec="h264",
            clock_rate=RATE,
        )
        writer.align(Alignment(track.id, 0, 0, 0.0, "sender-report", 0))
        for number, one in enumerate(made[first:last], first):
            flags = FrameFlag.KEY if one.key else FrameFlag(0)
            arrival_ns, rtp = number * SECOND // 30, number * RATE // 30
            writer.frame(Frame(track.id, rtp, arrival_ns, one.data, flags, 255, *one.size))
        writer.watermark(last * SECOND // 30)
        if last == 60:
            writer.close(final=True)
        while journal.watermark_ns < last * SECOND // 30:
            journal.refresh()
            time.sleep(0.01)
        got += levels(list(journals.composed(composer, len(got), 30)))
    assert got == LEVELS[:60]
    assert levels(list(journals.composed(journals.composer(journal, whole()), 0, 60))) == got


def test_the_page_may_change_at_any_frame(tmp_path: Path) -> None:
    """Mattes that come, go and come back, read from a real matte track, each at its frame."""
    journal = journals.write(tmp_path / "journal", [Video(pictures(40))], 2)
    big = fit((0, 0, 180, 110), (160, 90))
    full = page(180, 110, (tile("ada.camera", (0, 0, 180, 110), big),))
    plain = page(180, 110, ())
    writer = MatteTrackWriter.create(tmp_path / "matte", width=180, height=110, fps=30, start_ns=0)
    ids = [writer.matte(matte) for matte in (whole(), full, plain)]
    shown: list[Matte] = []
    for frame, which in ((0, 0), (10, 1), (13, 0), (20, 2), (25, 1)):
        writer.show(frame, ids[which])
        shown += [(whole(), full, plain)[which]] * (frame < 40)
    writer.finish(40)
    mattes = MatteTrackReader.open(tmp_path / "matte")
    composer = Composer(journal, mattes, width=180, height=110, edits=EDITS)
    straight = list(journals.composed(composer, 0, 40))
    corner = [int(y[2, 2]) for y, _, _ in straight]
    assert corner[10:13] == LEVELS[10:13] and corner[25:40] == LEVELS[25:40]
    assert {*corner[:10], *corner[13:25]} == {int(plain.base[0][2, 2])}
    middle = levels(straight)
    assert middle[:20] == LEVELS[:20] and middle[20:25] == [int(plain.base[0][55, 90])] * 5
    for number in (30, 21, 14, 12, 3):
        again = next(journals.composed(composer, number, 1))
        assert all(np.array_equal(a, b) for a, b in zip(again, straight[number], strict=True))


def test_a_picture_that_stands_still_is_the_same_to_the_bit(tmp_path: Path) -> None:
    """Frames copied from the one before are those that would have been painted."""
    journal = journals.write(tmp_path, [Video(sent([flat(90), flat(120)], every=0.5))], 1)
    straight = list(journals.composed(journals.composer(journal, whole()), 0, 30))
    for number in (1, 14, 16, 29):
        alone = next(journals.composed(journals.composer(journal, whole()), number, 1))
        assert all(np.array_equal(a, b) for a, b in zip(alone, straight[number], strict=True))
