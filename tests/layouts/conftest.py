"""A real browser with the layout SDK and the default layout, driven as a host drives them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import jinja2
import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

from mixer.layout.browser import BrowserSettings, find_browser
from tests.layouts.people import Opener

LAYOUTS = Path(__file__).parents[2] / "layouts"
PAGE = "http://layout.mixer/default/index.html"

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
    page.add_init_script((LAYOUTS / "sdk" / "mixer-layout.js").read_text("utf-8") + HOST)
    page.route("**/*", lambda route: route.fulfill(body="<body>", content_type="text/html"))
    page.goto(PAGE)
    yield page
    page.close()


@pytest.fixture
def open_default(browser: Browser) -> Iterator[Opener]:
    """Opens the default layout at a size."""
    pages: list[Page] = []

    def opened(width: int = 1280, height: int = 720) -> Page:
        page = browser.new_page(viewport={"width": width, "height": height})
        pages.append(page)
        page.add_init_script((LAYOUTS / "sdk" / "mixer-layout.js").read_text("utf-8") + HOST)
        page.route("**/*", lambda route: _serve(route, width, height))
        page.goto(PAGE)
        return page

    yield opened
    for page in pages:
        page.close()


def _serve(route: Route, width: int, height: int) -> None:
    name = route.request.url.rpartition("/")[2]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(LAYOUTS / "default"), autoescape=True
    )
    if name == "index.html":
        body = environment.get_template("index.html.j2").render(width=width, height=height)
        route.fulfill(body=body, content_type="text/html; charset=utf-8")
    elif (LAYOUTS / "default" / name).is_file():
        route.fulfill(path=LAYOUTS / "default" / name)
    else:
        route.fulfill(status=404)
