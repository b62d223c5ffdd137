"""Whole-numbered windows for real-valued placements."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from mixer.layout.matte import Placement
from mixer.picture.window import TOLERANCE, Axis, snapped, steps

slopes = st.floats(0.2, 12)


@given(slopes, st.integers(16, 2000), st.integers(-50, 2000), st.integers(1, 1920), st.data())
@example(1.5, 1280, 10, 641, None)
@example(2.0, 640, 0, 320, None)
@example(1.0, 1280, 5, 1000, None)
def test_windows_show_every_output_sample_where_it_belongs(
    slope: float, size: int, first: int, length: int, data: st.DataObject | None
) -> None:
    """Whatever lies within the source is placed within the tolerance, in one step or two."""
    start = 0.25 if data is None else data.draw(st.floats(-1, size - 2))
    axis = Axis(slope, start - slope * first, size)
    last = min(first + length, first + max(1, int((size + 1 - start) / slope)))
    found = steps(axis, first, last)
    at = np.arange(first, last)
    window = found[-1]
    assert window.skip >= 0 and window.skip + last - first <= window.out_length
    made = window.source + (at - first + window.skip + 0.5) * window.step
    if len(found) == 2:
        made = found[0].source + made * found[0].step
    error = np.abs(made - (axis.slope * (at + 0.5) + axis.offset)).max() / max(1.0, slope)
    assert error <= TOLERANCE * 1.01
    assert window.good


@given(
    st.integers(-300, 300),
    st.integers(2, 4000),
    st.booleans(),
    st.floats(-0.03, 0.03),
    st.floats(-0.03, 0.03),
)
def test_measured_placements_of_whole_boxes_are_whole(
    start: int, length: int, mirrored: bool, left: float, right: float
) -> None:
    """A picture's edges within some hundredths of whole pixels are on them, mirrored ones too."""
    a = 1 / (length + right - left)
    b = -(start + left) * a
    exact = (1 / length, -start / length)
    if mirrored:
        a, b, exact = -a, 1 - b, (-1 / length, 1 + start / length)
    made = snapped(Placement(a, b, a, b), (start, start, length, length))
    np.testing.assert_allclose(
        (made.ax, made.bx, made.ay, made.by), exact * 2, rtol=1e-9, atol=1e-9
    )


def test_placements_between_pixels_stay() -> None:
    """What is off by more than measuring explains is meant: a transform, an animation."""
    placement = Placement(1 / 300.4, -10.2 / 300.4, 1 / 200.5, -3.5 / 200.5)
    assert snapped(placement, (11, 4, 299, 199)) == placement
