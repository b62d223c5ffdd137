"""Layouts written for the seed platform, from a journal to the pictures of the MP4."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.instruments.finder import find_marks
from tests.render.renders import journal, render

pytestmark = pytest.mark.system
PAGES = Path(__file__).parents[1] / "layout" / "pages" / "seed"
SECONDS = 3
SIZE = (640, 360)
LEAVES_S = 1.5


def pictures(path: Path, *times_s: float) -> list[NDArray[np.uint8]]:
    """Luma of the frames shown at these times."""
    with av.open(str(path)) as file:
        frames = [frame.to_ndarray()[: frame.height] for frame in file.decode(video=0)]
    rate = len(frames) / SECONDS
    return [np.ascontiguousarray(frames[int(at * rate)]) for at in times_s]


@pytest.mark.parametrize("layout_type", ["record", "replay"])
@pytest.mark.parametrize("page", ["columns", "tiles", "files"])
def test_everybody_is_seen_until_they_leave(tmp_path: Path, page: str, layout_type: str) -> None:
    """Three cameras from the first picture on, each once; of the one who leaves nothing stays, and
    nothing of the conference but people and their pictures is in the report."""
    made = journal(
        tmp_path / "journal",
        size=(320, 180),
        seconds=SECONDS,
        microphones=1,
        screen=(0.5, 1.0),
        leaving={1: LEAVES_S},
    )
    out = tmp_path / "out.mp4"
    layout = str(PAGES / f"{page}.html")
    width, height = SIZE
    render(
        made,
        out,
        seconds=SECONDS,
        layout=layout,
        layout_type=layout_type,
        width=width,
        height=height,
    )
    first, before, after, last = pictures(out, 0, 1.2, 1.8, SECONDS - 0.1)
    assert set(find_marks(first)) == {0, 1, 2}
    assert set(find_marks(before)) == {0, 1, 2}
    assert set(find_marks(after)) == {0, 2}
    assert set(find_marks(last)) == {0, 2}
    if page == "columns":
        (screen,) = pictures(out, 0.75)
        left, _, breadth, _ = find_marks(screen)[15]
        assert left >= 0.29 * width and breadth > 0.5 * width
