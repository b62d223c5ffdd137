"""What the mixer makes of pages is what the browser paints: some of `features.py`; `python -m
tests.bench pages` has them all."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.layout.features import FEATURES
from tests.layout.rendered import EDGE_LEVELS, GOAL_DB, conference, rendered

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]
CHOSEN = (
    "subpixel position",
    "transform: rotateY",
    "filter: blur",
    "backdrop-filter: blur",
    "overlap, translucent",
    "scrolling smoothly",
    "transition of a place",
    "ring around a video",
    "label that goes, clip that opens",
    "view transition",
    "WebGL",
    "out of the document, VideoFrame",
)


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return conference(tmp_path_factory.mktemp("conference"))


@pytest.mark.parametrize("name", CHOSEN)
async def test_pages_are_rendered_as_the_browser_paints_them(
    browser: Browser, journal: Path, tmp_path: Path, name: str
) -> None:
    """40 dB where there is video, next to nothing elsewhere, whichever way it took; and the way is
    the one that it always took."""
    (feature,) = [one for one in FEATURES if one.name == name]
    outcome = await rendered(browser, feature, journal, tmp_path)
    assert outcome.decibels >= GOAL_DB and outcome.outside <= EDGE_LEVELS, outcome.said
    assert feature.mode in ("any", outcome.mode), outcome.said


async def test_there_are_enough_features() -> None:
    """At least forty, each with a name of its own; those that are chosen exist."""
    names = [feature.name for feature in FEATURES]
    assert len(set(names)) == len(names) >= 40
    assert set(CHOSEN) <= set(names)
