"""Edit lists: frames, events and samples of a file over the spans of a recording."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mixer.clock import SECOND
from mixer.edit import EditList, Span, edit_list, joined

MS = 1_000_000


@st.composite
def lists(draw: st.DrawFn) -> EditList:
    """Start, stop and pauses anywhere, pauses in order."""
    moments = sorted(draw(st.lists(st.integers(0, 20 * SECOND), max_size=8, unique=True)))
    ends = [*moments[1::2], None] if len(moments) % 2 else moments[1::2]
    pauses = [Span(a, b) for a, b in zip(moments[::2], ends, strict=True)]
    start = draw(st.integers(0, 10 * SECOND))
    stop = start + draw(st.integers(0, 10 * SECOND))
    return edit_list(start, stop, pauses, draw(st.sampled_from([7, 25, 30, 60])))


def test_a_pause_takes_its_frames_away_and_nothing_else() -> None:
    """10 s with a pause of 3 s are 7 s; the frame after the seam shows the moment of resuming."""
    edits = edit_list(SECOND, 11 * SECOND, [Span(3 * SECOND, 6 * SECOND)], 30)
    assert edits.frames == 7 * 30
    assert edits.frame_ns(59) == SECOND + 119 * SECOND // 60
    assert edits.frame_ns(60) == 6 * SECOND + SECOND // 60


def test_while_a_pause_lasts_the_end_is_not_known() -> None:
    """Frames before the pause are all there are, until it is known when it ends."""
    edits = edit_list(0, None, [Span(2 * SECOND, None)], 30)
    assert edits.frames is None
    assert edits.first_frame_showing(9 * SECOND) == 60
    resumed = edit_list(0, None, [Span(2 * SECOND, 9 * SECOND)], 30)
    assert resumed.first_frame_showing(9 * SECOND) == 60
    assert resumed.first_frame_showing(9 * SECOND + 500 * MS) == 75


def test_a_mix_that_lies_in_a_pause_has_one_frame() -> None:
    edits = edit_list(3 * SECOND, 4 * SECOND, [Span(2 * SECOND, 9 * SECOND)], 30)
    assert edits.frames == 1
    assert edits.frame_ns(0) == 3 * SECOND + SECOND // 60


@given(lists())
def test_frames_are_in_order_and_lie_in_their_spans(edits: EditList) -> None:
    """Every frame's time lies in a span, later frames show later times, and the first frame that
    shows what happens at a frame's time is that frame."""
    times = [edits.frame_ns(number) for number in range(edits.frames or 0)]
    assert times == sorted(set(times))
    if len(times) > 1:
        assert all(any(s.start_ns <= t < (s.stop_ns or 0) for s in edits.spans) for t in times)
        assert [edits.first_frame_showing(t) for t in times] == list(range(len(times)))


@given(lists(), st.data())
def test_sound_of_segments_is_the_sound_of_the_whole(edits: EditList, data: st.DataObject) -> None:
    """However the frames are divided, the same samples come from the same journal times."""
    total = edits.frames or 1
    cut = data.draw(st.integers(0, total))
    whole = _samples(edits, 0, total)
    assert _samples(edits, 0, cut) + _samples(edits, cut, total - cut) == whole
    assert len(whole) == edits.sample(total)


@given(lists(), st.data())
def test_a_cut_shows_what_the_whole_shows_there(edits: EditList, data: st.DataObject) -> None:
    """An edit list from a frame's start to another's stop has just the frames between them."""
    total = edits.frames or 1
    first = data.draw(st.integers(0, total - 1))
    end = data.draw(st.integers(first + 1, total))
    gaps = [Span(a.stop_ns or 0, b.start_ns) for a, b in pairwise(edits.spans)]
    cut = edit_list(edits.start_ns(first), edits.stop_ns(end), gaps, edits.fps)
    assert cut.frames == end - first
    times = [edits.frame_ns(n) - cut.frame_ns(n - first) for n in range(first, end)]
    assert all(abs(off) <= 1 for off in times)


@given(lists())
def test_every_journal_time_has_its_place_in_the_file(edits: EditList) -> None:
    """The middle of a frame lies in the middle of its interval, times between spans where these
    meet, and nothing before 0 or after the end; order is kept."""
    frames = edits.frames or 1
    for number in range(frames):
        t_ns = edits.frame_ns(number)
        if any(span.start_ns <= t_ns < (span.stop_ns or 0) for span in edits.spans):
            assert abs(edits.output_seconds(t_ns) - (number + 0.5) / edits.fps) < 1e-6
    times = sorted(t for span in edits.spans for t in (span.start_ns, span.stop_ns or 0))
    places = [edits.output_seconds(t) for t in [0, *times, 40 * SECOND]]
    assert places == sorted(places)
    assert places[0] == 0.0
    assert places[-1] <= frames / edits.fps
    for one, following in pairwise(edits.spans):
        middle = ((one.stop_ns or 0) + following.start_ns) // 2
        seam = edits.output_seconds(following.start_ns)
        assert 0 <= seam - edits.output_seconds(middle) < 1 / edits.fps


def test_parts_are_joined_without_the_time_between() -> None:
    first = edit_list(0, SECOND, [], 30)
    second = edit_list(5 * SECOND, 7 * SECOND, [Span(6 * SECOND, 6 * SECOND + 500 * MS)], 30)
    edits = joined([first, second])
    assert edits.frames == 30 + 45
    assert edits.frame_ns(30) == 5 * SECOND + SECOND // 60
    seams = [(s.joins, s.parts) for s in edits.stretches(0, 75)]
    assert seams == [(False, True), (True, True), (True, False)]


def _samples(edits: EditList, first: int, count: int) -> list[int]:
    """Journal time, in samples, of every 97th sample or so: enough to compare."""
    found: list[int] = []
    for stretch in edits.stretches(first, count):
        start = stretch.start_ns * 3 / 62_500
        found += [round(start + k) for k in range(stretch.samples)]
    return found
