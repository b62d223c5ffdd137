"""A real browser with the layout SDK and the built-in layouts, driven as a host drives them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

from mixer.layout.browser import BrowserSettings, find_browser
from mixer.layout.sdk import page_scripts
from mixer.layout.shipped import BUILT_IN, page_of
from tests.layouts.people import LayoutOpener, Opener

ADDRESS = "http://layout.mixer"
SDK = BUILT_IN / "sdk" / "mixer-layout.js"

HOST = """
(() => {
  const { host } = window.mixerLayout;
  window.told = { ready: 0, failed: [], finished: 0, created: [], errors: [] };
  host.onready = () => { told.ready += 1; };
  host.onfail = (reason) => told.failed.push(reason);
  host.onfinish = () => { told.finished += 1; };
  host.createMediaStream = (id) => {
    told.created.push(id);
    const canvas = Object.assign(document.createElement('canvas'), { width: 64, height: 36 });
    canvas.getContext('2d').fillRect(0, 0, 64, 36);
    return canvas.captureStream(5);
  };
  addEventListener('error', (event) => told.errors.push(event.message));
})();
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = find_browser(
            BrowserSettings.from_environment(), playwright.chromium.executable_path
        )
        running = playwright.chromium.launch(executable_path=found)
        yield running
        running.close()


@pytest.fixture
def sdk_page(browser: Browser) -> Iterator[Page]:
    """An empty page with the SDK and a host."""
    page = browser.new_page()
    page.add_init_script(SDK.read_text("utf-8") + HOST)
    page.route("**/*", lambda route: route.fulfill(body="<body>", content_type="text/html"))
    page.goto(f"{ADDRESS}/default/")
    yield page
    page.close()


@pytest.fixture
def open_layout(browser: Browser) -> Iterator[LayoutOpener]:
    """Opens a built-in layout at a size, with parameters as of its query."""
    pages: list[Page] = []

    def opened(name: str, width: int = 1280, height: int = 720, **parameters: Any) -> Page:
        page = browser.new_page(viewport={"width": width, "height": height})
        pages.append(page)
        given = json.dumps({"width": width, "height": height, **parameters})
        start = f"window.mixerLayout.host.reset(null, {given});"
        page.add_init_script(page_scripts() + HOST + start)
        page.route("http*://**/*", _serve)
        page.goto(f"{ADDRESS}/{name}/")
        return page

    yield opened
    for page in pages:
        page.close()


@pytest.fixture
def open_default(open_layout: LayoutOpener) -> Opener:
    """Opens the default layout at a size."""

    def opened(width: int = 1280, height: int = 720) -> Page:
        return open_layout("default", width, height)

    return opened


def _serve(route: Route) -> None:
    path = urlsplit(route.request.url).path.lstrip("/")
    file = page_of(BUILT_IN / path.strip("/")) if path.endswith("/") else BUILT_IN / path
    if file is not None and file.is_file():
        route.fulfill(path=file)
    else:
        route.fulfill(status=404)
