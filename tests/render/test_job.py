"""How a render's job waits for its children, and how it fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mixer.engine.replies import reply
from mixer.errors import LayoutError
from tests.render.renders import journal, render

SEGMENT = {"event": "segment"}


@pytest.mark.system
def test_a_render_fails_with_the_error_itself(tmp_path: Path) -> None:
    """Who makes several files goes on with the next one: no group of errors passes."""
    recording = journal(tmp_path / "j", seconds=1)
    with pytest.raises(LayoutError):
        render(recording, tmp_path / "out.mp4", seconds=1, layout=str(tmp_path / "none.html"))


async def test_who_waits_for_the_journal_is_not_late() -> None:
    """A worker tells nothing in a long pause, whose end its segment needs."""
    asked, ended = 0, asyncio.Event()

    async def events() -> AsyncIterator[dict[str, Any]]:
        await ended.wait()
        yield SEGMENT

    def is_due() -> bool:
        nonlocal asked
        asked += 1
        if asked == 4:
            ended.set()
        return False

    assert await reply(events(), "segment", 0.01, is_due=is_due) == SEGMENT
    assert asked >= 4


async def test_who_has_all_it_needs_is_late() -> None:
    async def events() -> AsyncIterator[dict[str, Any]]:
        await asyncio.Event().wait()
        yield SEGMENT

    with pytest.raises(TimeoutError):
        await reply(events(), "segment", 0.01)
