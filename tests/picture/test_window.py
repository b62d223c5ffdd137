"""Whole-numbered windows for real-valued placements."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from mixer.picture.window import TOLERANCE, Axis, steps

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
