"""A render without somebody is the render of a conference to which they never came."""

from __future__ import annotations

from pathlib import Path

from tests.render.comparing import difference
from tests.render.renders import journal, render

SECONDS = 4


def test_it_is_as_if_they_had_never_been_there(tmp_path: Path) -> None:
    """Without the one who shares a screen, picture and sound are to the bit those of a journal
    that never had them: the layout has closed the gap, no voice is left, the screen is gone."""
    full = journal(tmp_path / "full", seconds=SECONDS, screen=(1, 2))
    never = journal(tmp_path / "never", seconds=SECONDS, absent=(0,))
    without = render(full, tmp_path / "without.mp4", seconds=SECONDS, without=("p0",))
    assert not difference(without, render(never, tmp_path / "never.mp4", seconds=SECONDS))
