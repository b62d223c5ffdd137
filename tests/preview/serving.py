"""A preview that is served, for clients that are no browser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from mixer.preview.serve import PreviewSettings, run_preview

PATIENCE_S = 60.0


@asynccontextmanager
async def previewed(**settings: Any) -> AsyncIterator[tuple[str, str]]:
    """A preview's own address, and that of its pages."""
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(
        run_preview(PreviewSettings(port=0, **settings), ready.set_result)
    )
    try:
        address = await asyncio.wait_for(ready, PATIENCE_S)
        async with httpx2.AsyncClient(timeout=PATIENCE_S, trust_env=False) as client:
            pages = (await client.get(f"{address}api/subject")).json()["pages"]
        yield address, pages
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
