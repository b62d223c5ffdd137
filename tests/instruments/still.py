"""One picture of the default layout, painted by the mixer that is found: `still.py FILE.png`.

Prints where the layouts of that mixer lie.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from mixer.layout.browser import launched
from mixer.layout.opening import opened
from mixer.layout.page import PageSettings
from mixer.layout.serving import find_site
from mixer.layout.shipped import shipped_layouts

SIZE, FPS, FRAMES = (320, 180), 30, 3
STATE = {"participants": [{"id": "p1", "name": "Ada Lovelace", "streams": []}]}


async def still() -> bytes:
    """PNG of one person without a camera, a tenth of a second after the page became ready."""
    settings = PageSettings(*SIZE, FPS, wall_start=1_700_000_000.0)
    site = find_site("default", {})
    async with launched() as browser, opened(browser, site, settings, STATE) as (page, _):
        start_ms = page.clock_ms
        for frame in range(FRAMES):
            await page.step(frame, start_ms + (frame + 1) * 1000 / FPS)
            await page.look()
        return await page.still("#000000")


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(asyncio.run(still()))
    print(shipped_layouts())
