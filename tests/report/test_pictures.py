"""Real, repeated, skipped and frozen pictures: against journals whose figures are known."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mixer.clock import SECOND
from mixer.edit import EditList, Span, edit_list
from mixer.report.pictures import NOTHING_SENT, Freeze, Grid, Loss, Shown, shown

FPS = 30
ALWAYS = [Span(0, 100 * SECOND)]


def figures(
    edits: EditList,
    times: list[float],
    spans: list[Span] | None = None,
    losses: list[Loss] | None = None,
) -> Shown:
    pictures = np.array(sorted(round(t * SECOND) for t in times), np.int64)
    return shown(Grid.of(edits), pictures, ALWAYS if spans is None else spans, losses or [])[0]


def every(step: float, start: float, stop: float) -> list[float]:
    return [start + number * step for number in range(round((stop - start) / step))]


def whole(seconds: float) -> EditList:
    return edit_list(0, round(seconds * SECOND), [], FPS)


def test_as_many_pictures_as_frames_are_all_real() -> None:
    """30 pictures a second in a file of 30 frames a second: nothing repeated, nothing skipped."""
    found = figures(whole(10), every(1 / 30, 0.001, 10))
    assert (found.frames, found.real, found.repeated, found.skipped) == (300, 300, 0, 0)
    assert found.least_per_second == 30
    assert found.freezes == ()


def test_fewer_pictures_are_repeated_and_more_are_skipped() -> None:
    """15 a second: each frame pair shows one picture. 60 a second: each frame leaves one out."""
    half = figures(whole(10), every(1 / 15, 0.001, 10))
    assert (half.real, half.repeated, half.skipped) == (150, 150, 0)
    assert half.sent_per_second == half.shown_per_second == 15.0
    double = figures(whole(10), every(1 / 60, 0.001, 10))
    assert (double.real, double.repeated, double.skipped) == (300, 0, 299)
    assert double.sent_per_second is not None
    assert abs(double.sent_per_second - 60) < 0.2


def test_a_freeze_is_found_with_its_length_and_cause() -> None:
    """No picture from 4 s to 6.5 s: one freeze there, of 2.5 s, and of nothing sent or of loss."""
    times = [*every(1 / 30, 0, 4), *every(1 / 30, 6.5, 10)]
    last = 4 - 1 / 30
    (freeze,) = figures(whole(10), times).freezes
    assert abs(freeze.t - last) < 1 / FPS
    assert abs(freeze.seconds - (6.5 - last)) <= 1 / FPS
    assert freeze.cause == NOTHING_SENT
    gap = [Loss(4 * SECOND, 65 * SECOND // 10, "loss")]
    found = figures(whole(10), times, losses=gap)
    assert found.freezes[0].cause == "loss"
    assert found.repeated_in_gaps == 75
    assert found.least_per_second == 0


def test_what_is_muted_does_not_freeze() -> None:
    """A camera that is off from 2 s to 6 s shows nothing then: no freeze, no repeats."""
    times = [*every(1 / 30, 0, 2), *every(1 / 30, 6, 10)]
    spans = [Span(0, 2 * SECOND), Span(6 * SECOND, 10 * SECOND)]
    found = figures(whole(10), times, spans)
    assert found.freezes == ()
    assert (found.frames, found.repeated) == (180, 0)


def test_a_pause_of_the_recording_is_no_freeze() -> None:
    """From 3 s to 8 s nothing is recorded; the file has a seam there and no freeze. A picture that
    is old when the recording goes on counts from the seam on only."""
    times = [*every(1 / 30, 0, 3), *every(1 / 30, 8, 12)]
    edits = edit_list(0, 12 * SECOND, [Span(3 * SECOND, 8 * SECOND)], FPS)
    found = figures(edits, times)
    assert found.freezes == ()
    assert (found.frames, found.repeated) == (210, 0)
    late = [*every(1 / 30, 0, 3), *every(1 / 30, 9, 12)]
    assert figures(edits, late).freezes == (Freeze(3.0, 1.0, NOTHING_SENT),)


def test_before_the_first_picture_nothing_is_shown() -> None:
    found = figures(whole(4), every(1 / 30, 2, 4))
    assert found.frames == 60
    assert figures(whole(4), []).frames == 0


@given(
    st.lists(st.integers(0, 6 * SECOND), max_size=80),
    st.lists(st.integers(0, 6 * SECOND), max_size=6, unique=True),
    st.lists(st.integers(0, 6 * SECOND), max_size=4, unique=True),
)
def test_figures_are_those_of_counting_frame_by_frame(
    times: list[int], edges: list[int], pauses: list[int]
) -> None:
    """Whatever the pictures, mutes and pauses: the same as looking at each frame by itself."""
    spans = _spans(edges)
    edits = edit_list(SECOND // 3, 6 * SECOND, _spans(pauses), FPS)
    pictures = np.array(sorted(times), np.int64)
    found, new = shown(Grid.of(edits), pictures, spans, [])
    seams = {edits.first_frame_showing(span.start_ns) for span in edits.spans}
    real = repeated = 0
    before: int | None = None
    for number in range(edits.frames or 0):
        at = edits.frame_ns(number)
        picture = sum(time <= at for time in times) - 1
        if picture < 0 or not any(s.start_ns <= at < (s.stop_ns or 0) for s in spans):
            before = None
            continue
        fresh = before is None or number in seams or picture != before
        real, repeated, before = real + fresh, repeated + (not fresh), picture
        assert new[number] == fresh
    assert (found.real, found.repeated, found.frames) == (real, repeated, real + repeated)


def _spans(edges: list[int]) -> list[Span]:
    ordered = sorted(edges)
    return [Span(a, b) for a, b in zip(ordered[::2], ordered[1::2], strict=False)]
