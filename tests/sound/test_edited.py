"""The sound of an edit list: the mix where nothing is cut, and no click where something is."""

from __future__ import annotations

import numpy as np
import pytest

from mixer.edit import EditList, Span, edit_list, joined
from mixer.journal import Journal
from mixer.sound import edited_needed_ns, edited_segment, mix_segment
from tests.sound.voices import RATE, SECOND, Voice, decibels, journal_of, opus, speech

FPS = 30
CUTS = (Span(1_700_000_003, 2_900_000_000), Span(4 * SECOND, 5_333_333_333))


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Journal:
    voices = [
        Voice(opus(speech(8, 1)), participant="ada"),
        Voice(opus(speech(8, 2)), participant="bob", ppm=60),
    ]
    return journal_of(tmp_path_factory.mktemp("journal"), voices)


@pytest.fixture(scope="module")
def edits() -> EditList:
    return edit_list(0, 8 * SECOND, CUTS, FPS)


def test_without_seams_it_is_the_mix(journal: Journal) -> None:
    """One span: the same samples as `mix_segment`, to the bit."""
    plain = edit_list(SECOND, 6 * SECOND, (), FPS)
    heard = edited_segment(journal, plain, 30, 90)
    assert np.array_equal(heard, mix_segment(journal, 2 * SECOND, 3 * RATE))


def test_seams_do_not_click(journal: Journal, edits: EditList) -> None:
    """At a seam, samples step no further than they do in the sound itself."""
    assert edits.frames is not None
    heard = edited_segment(journal, edits, 0, edits.frames)
    assert len(heard) == edits.sample(edits.frames)
    steps = np.abs(np.diff(heard[:, 0]))
    usual = np.percentile(np.abs(np.diff(mix_segment(journal, 0, 8 * RATE)[:, 0])), 99.9)
    at = 0
    seams = [at := at + s.samples for s in edits.stretches(0, edits.frames)][:-1]
    assert len(seams) == 2
    for seam in seams:
        assert steps[seam - 300 : seam + 300].max() <= usual
        assert decibels(heard[seam - 2_400 : seam - 480]) > -60  # there was something to cut
    hard = np.concatenate(
        [mix_segment(journal, s.start_ns, s.samples) for s in edits.stretches(0, edits.frames)]
    )
    assert max(np.abs(np.diff(hard[:, 0]))[s - 2 : s + 2].max() for s in seams) > usual


def test_only_the_seams_are_faded(journal: Journal, edits: EditList) -> None:
    """Further than 5 ms from a seam everything is the mix to the bit."""
    assert edits.frames is not None
    heard = edited_segment(journal, edits, 0, edits.frames)
    at = 0
    for stretch in edits.stretches(0, edits.frames):
        plain = mix_segment(journal, stretch.start_ns, stretch.samples)
        inner = slice(240 * stretch.joins, stretch.samples - 240 * stretch.parts)
        assert np.array_equal(heard[at : at + stretch.samples][inner], plain[inner])
        at += stretch.samples


@pytest.mark.parametrize("count", [1, 7, 120])
def test_pieces_are_the_whole(journal: Journal, edits: EditList, count: int) -> None:
    """Made in pieces of any number of frames, it has the same length and the same sound."""
    assert edits.frames is not None
    whole = edited_segment(journal, edits, 0, edits.frames)
    pieces = np.concatenate(
        [
            edited_segment(journal, edits, n, min(count, edits.frames - n))
            for n in range(0, edits.frames, count)
        ]
    )
    assert pieces.shape == whole.shape
    assert decibels(pieces - whole) < -100


def test_parts_that_join(journal: Journal) -> None:
    """What parts one after the other wait for lies behind both."""
    parts = joined([edit_list(0, SECOND, (), FPS), edit_list(5 * SECOND, 6 * SECOND, (), FPS)])
    assert len(edited_segment(journal, parts, 0, 60)) == 2 * RATE
    assert 6 * SECOND < edited_needed_ns(parts, 0, 60) < 6_500_000_000
    assert edited_needed_ns(parts, 0, 30) < 1_500_000_000
