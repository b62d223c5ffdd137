"""/docs in real Chromium: what the API can do is shown, and nobody else's server is asked."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

import pytest
from playwright.async_api import async_playwright, expect

pytestmark = pytest.mark.system

CHROMIUM = "/usr/bin/chromium-headless-shell"


async def test_the_page_needs_nobody_else(url: str) -> None:
    """Calls and webhooks are listed and opened; every file is ours; nothing is complained about."""
    asked: list[str] = []
    errors: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM)
        page = await browser.new_page()
        page.set_default_timeout(60_000)
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        await page.goto(f"{url}/docs")
        create = page.get_by_text("/v2/conferences/create", exact=False).first
        await create.click()
        await expect(page.get_by_text("Responses").first).to_be_visible()
        await expect(page.get_by_text("Recordings.Available").first).to_be_visible()
        if folder := os.environ.get("MIXER_SHOTS"):
            await page.screenshot(path=f"{folder}/docs.png")
        await browser.close()
    assert {urlsplit(one).netloc for one in asked if not one.startswith("data:")} == {
        urlsplit(url).netloc
    }
    assert errors == []
