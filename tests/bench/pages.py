"""What CSS, canvas and DOM may do to a video, rendered by the mixer, against the browser alone.

For each page of `tests/layout/features.py`: mode, decibels, why it is not the quick mode.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from mixer.layout.browser import launched
from tests.bench.rows import Row, at_least
from tests.layout.features import FEATURES, Feature
from tests.layout.rendered import EDGE_LEVELS, GOAL_DB, conference, rendered


def bench(out: Path, *, quick: bool) -> list[Row]:
    """Every page, or (`quick`) every fifth one."""
    return asyncio.run(_bench(out, FEATURES[::5] if quick else FEATURES))


async def _bench(out: Path, features: Sequence[Feature]) -> list[Row]:
    journal = conference(out / "journal")
    rows = []
    async with launched() as browser:
        for number, feature in enumerate(features):
            try:
                outcome = await rendered(browser, feature, journal, out / f"page-{number}")
            except Exception as error:  # a page that fails does not hide the others
                rows.append(at_least(f"{feature.name}: {error!r}", 0, GOAL_DB, "dB"))
                continue
            decibels = outcome.decibels if outcome.outside <= EDGE_LEVELS else 0.0
            rows.append(at_least(f"{feature.name}: {outcome.said}", decibels, GOAL_DB, "dB"))
            print(f"{outcome.decibels:6.1f} dB {rows[-1].what}", flush=True)
    return rows
