"""One browser for the tests of a module: starting one takes a second."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest_asyncio
from playwright.async_api import Browser

from mixer.layout.browser import BrowserSettings, launched


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    settings = replace(BrowserSettings.from_environment(), local_network=True)
    async with launched(settings) as running:
        yield running
