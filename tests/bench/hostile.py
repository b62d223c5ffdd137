"""Every hostile page as layout of a short recording: what became of it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from tests.bench.rows import Row, at_least, at_most
from tests.layout.hostile.pages import FEW, PAGES, Hostile
from tests.layout.hostile.trial import FPS, SECONDS, Outcome, tried


def bench(out: Path, *, quick: bool) -> list[Row]:
    """How many pages spoiled a recording, went unreported, or reached what they must not."""
    pages = [page for page in PAGES if page.name in FEW] if quick else PAGES
    outcomes = {page: _outcome(page, out / str(number)) for number, page in enumerate(pages)}
    whole = {page: found for page, found in outcomes.items() if found is not None}
    untold = [page for page, found in whole.items() if not found.told() & set(page.expected)]
    reached = [page for page, found in whole.items() if found.hits]
    left = [page for page, found in whole.items() if found.left]
    short = [page for page, found in whole.items() if found.frames != FPS * SECONDS]
    return [
        at_least("hostile pages", len(pages), len(pages), ""),
        at_most("recordings spoiled", len(pages) - len(whole) + len(short), 0, ""),
        at_most("pages that went unreported", len(untold), 0, ""),
        at_most("pages that reached a refused address", len(reached), 0, ""),
        at_most("browsers left behind", len(left), 0, ""),
    ]


def _outcome(page: Hostile, folder: Path) -> Outcome | None:
    try:
        found = asyncio.run(tried(page, folder))
    except Exception as error:  # whatever it is, the page has spoiled a recording
        print(f"{page.name}: {error!r}", flush=True)
        return None
    told = sorted(found.told())
    print(f"{page.name}: {found.seconds:.0f} s, {found.frames} frames, {told}", flush=True)
    (folder / "notes.json").write_text(json.dumps(found.notes, indent=1))
    return found
