"""Pages that mean harm: none spoils a recording, each is reported, none gets where it must not.

A few of all; `python -m tests.bench hostile` tries every one.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.layout.hostile.pages import FEW, PAGES, Hostile
from tests.layout.hostile.trial import FPS, SECONDS, tried

pytestmark = pytest.mark.system
CHOSEN = [page for page in PAGES if page.name in FEW]


def test_there_are_at_least_thirty() -> None:
    """Each with a name of its own; the few are among them."""
    assert len({page.name for page in PAGES}) == len(PAGES) >= 30
    assert len(CHOSEN) == len(FEW)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", CHOSEN, ids=lambda page: page.name.replace(" ", "-"))
async def test_a_hostile_page_spoils_nothing(page: Hostile, tmp_path: Path) -> None:
    """The file is whole, the notes say what the page did, no canary was reached, nothing is left
    of the browser."""
    outcome = await tried(page, tmp_path / "trial")
    assert outcome.frames == FPS * SECONDS
    assert outcome.told() & set(page.expected)
    assert not outcome.hits
    assert not outcome.left
