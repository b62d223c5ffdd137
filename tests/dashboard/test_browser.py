"""The dashboard in real Chromium: every page, light and dark, wide and on a phone.

With MIXER_SHOTS=FOLDER the pages' pictures are written there.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from mixer import dashboard
from mixer.service.context import Service, now_ms
from tests.service.conftest import served

from .conftest import EMAIL, PASSWORD
from .seeded import Site, recorder, seed

pytestmark = pytest.mark.system

CHROMIUM = "/usr/bin/chromium-headless-shell"
TIMEOUT_MS = 60_000
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 900}},
    "phone": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}},
    "phone-dark": {"color_scheme": "dark", "viewport": {"width": 390, "height": 844}},
}

# Texts that have less contrast than WCAG's AA asks for, as [text, ratio].
PALE = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
  const rgba = (css) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = css;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => v / 255)
      .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour[3] > 250) return colour;
    }
    return [255, 255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll('body *')) {
    const text = [...element.childNodes].filter((n) => n.nodeType === 3 && n.data.trim());
    if (!text.length || !element.checkVisibility() || element.closest('video, option')) continue;
    const style = getComputedStyle(element);
    const [a, b] = [light(rgba(style.color)), light(ground(element))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const large = parseFloat(style.fontSize) >= 24;
    if (ratio < (large ? 3 : 4.5)) found.push([text[0].data.trim().slice(0, 40), ratio]);
  }
  return found;
}"""

# Fields and buttons without a name for those who hear pages instead of seeing them.
NAMELESS = """() => [...document.querySelectorAll(
  'input:not([type=hidden]), select, button, a, img')].filter((e) =>
    e.matches('img') ? !e.hasAttribute('alt')
    : !(e.labels?.length || e.textContent.trim() || e.getAttribute('aria-label')))
  .map((e) => e.outerHTML.slice(0, 120))"""


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=CHROMIUM)
        yield running
        await running.close()


class Watched:
    """A page whose errors are noted: of scripts, of the policy, of what could not be loaded."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        page.set_default_timeout(TIMEOUT_MS)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)


async def opened(context: BrowserContext, url: str) -> Watched:
    watched = Watched(await context.new_page())
    await watched.page.goto(url)
    return watched


async def log_in(page: Page) -> None:
    await page.get_by_label("E-mail address").fill(EMAIL)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    await page.get_by_role("heading", name="Overview").wait_for()


async def examine(watched: Watched, name: str, look: str) -> None:
    """Nothing is wider than the screen, pale, nameless, or was complained about."""
    page = watched.page
    assert watched.errors == [], name
    wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, f"{name} is {wide} px too wide ({look})"
    assert await page.evaluate(PALE) == [], f"{name} ({look})"
    assert await page.evaluate(NAMELESS) == [], name
    if folder := os.environ.get("MIXER_SHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=f"{folder}/{look}-{name}.png", full_page=True)


def pages_of(site: Site, event: str) -> dict[str, str]:
    return {
        "overview": "/",
        "live": "/live",
        "conferences": "/conferences",
        "conference-ended": f"/conferences/{site.recorded.id}",
        "conference-live": f"/conferences/{site.live.id}",
        "recordings": "/recordings",
        "webhooks": "/webhooks",
        "webhook": f"/webhooks/{event}",
        "applications": "/applications",
        "application": f"/applications/{site.keys[0]}",
        "storage": "/storage",
        "retention": "/retention",
        "usage": "/usage",
        "account": "/account",
    }


async def test_every_page_in_every_look(service: Service, browser: Browser) -> None:
    """An operator walks through all pages as they are after some weeks of use."""
    from sqlalchemy import select

    from mixer.dashboard import operators
    from mixer.records.models import Event

    site = await seed(service)
    await operators.put(service.database, EMAIL, PASSWORD)
    async with service.database.reading() as db:
        event = await db.scalar(select(Event.uid).where(Event.state == "dead").limit(1))
    async with served(service) as there, recorder(site):
        for look, options in LOOKS.items():
            context = await browser.new_context(**options)
            watched = await opened(context, f"{there.url}/dashboard/")
            await examine(watched, "login", look)
            await log_in(watched.page)
            for name, path in pages_of(site, str(event)).items():
                await watched.page.goto(f"{there.url}/dashboard{path}")
                await _loaded(watched.page)
                await examine(watched, name, look)
            await context.close()


async def test_long_names_fit(service: Service, browser: Browser) -> None:
    """250 characters without a space, wherever they are shown."""
    from mixer.dashboard import operators
    from tests.service.published import Archive

    site = await seed(service, conferences=2)
    archive = Archive(service, site.keys[0])
    long = await archive.conference("W" * 250, created_at=now_ms() + 1000)
    await archive.stay(long, "p", name="M" * 250, external_id="i" * 250)
    session = await archive.session(long)
    await archive.publish(session, archive.made(session, "audio/all.mp3", b"x", merged=True))
    await operators.put(service.database, EMAIL, PASSWORD)
    async with served(service) as there:
        for look in ("light", "phone"):
            context = await browser.new_context(**LOOKS[look])
            watched = await opened(context, f"{there.url}/dashboard/")
            await log_in(watched.page)
            for path in (f"conferences/{long.id}", "conferences", "recordings", "webhooks"):
                await watched.page.goto(f"{there.url}/dashboard/{path}")
                watched.errors.clear()  # the sound is none that plays
                await examine(watched, f"long-{path[:11]}", look)
            await context.close()


async def _loaded(page: Page) -> None:
    """All pictures are there."""
    for picture in await page.locator("img").all():
        await picture.scroll_into_view_if_needed()
    await page.wait_for_function("[...document.images].every((i) => i.complete && i.naturalWidth)")
    await page.evaluate("scrollTo(0, 0)")


async def test_from_the_first_link_to_the_first_conference(
    service: Service, browser: Browser
) -> None:
    """By keyboard and mouse: set up, create an application, open a conference."""
    async with served(service) as there:
        context = await browser.new_context(**LOOKS["light"])
        watched = await opened(context, await dashboard.address(service))
        page = watched.page
        await examine(watched, "setup", "light")
        await page.get_by_label("E-mail address").fill(EMAIL)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await page.get_by_role("link", name="Create one").click()
        await page.get_by_label("Name").fill("Town hall")
        await page.keyboard.press("Enter")
        await page.get_by_role("heading", name="Town hall has been created").wait_for()
        await examine(watched, "created", "light")
        await page.get_by_role("link", name="Town hall").click()
        await page.get_by_label("Format").select_option("both")
        await page.locator("[name=retention_mix_days]").fill("90")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("status")).to_have_text("The settings have been saved.")
        assert await page.locator("[name=retention_mix_days]").input_value() == "90"
        await page.get_by_role("button", name="Show the webhooks’ secret").click()
        await expect(page.get_by_role("status")).to_contain_text("whsec_")
        await examine(watched, "webhooks-secret", "light")
        await page.get_by_text("New secret for the API").click()
        await page.get_by_label("Yes, nobody gets a token").check()
        await page.get_by_role("button", name="Make a new secret").click()
        await expect(page.get_by_role("status")).to_contain_text("The new secret")
        await examine(watched, "new-secret", "light")
        await page.get_by_role("link", name="Webhooks", exact=True).click()
        await page.get_by_role("button", name="Rotate the key").click()
        await expect(page.get_by_role("status")).to_contain_text("has been published")
        await examine(watched, "rotated", "light")
        await page.get_by_role("link", name="Conferences", exact=True).click()
        await page.get_by_label("Alias can").fill("weekly sync")
        await page.get_by_role("button", name="Open conference").click()
        await page.get_by_role("heading", name="weekly sync").wait_for()
        join = await page.get_by_role("link", name="Open the join page").get_attribute("href")
        assert join is not None and join.startswith(f"{there.url}/rooms/")
        assert watched.errors == []
        await context.close()


async def test_live_pictures_and_figures_move(service: Service, browser: Browser) -> None:
    """Server-sent events bring new health and, with a new segment, a new picture."""
    from mixer.dashboard import operators
    from mixer.recorder.plan import RecordFolder

    from .seeded import PEOPLE, video

    site = await seed(service, conferences=2)
    await operators.put(service.database, EMAIL, PASSWORD)
    async with served(service) as there, recorder(site) as said:
        context = await browser.new_context(**LOOKS["dark"])
        watched = await opened(context, f"{there.url}/dashboard/login?next=/live")
        page = watched.page
        await page.get_by_label("E-mail address").fill(EMAIL)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await page.get_by_text("All is well").wait_for()
        before = await page.locator(".picture img").get_attribute("src")
        button = page.get_by_role("button", name="Pause")
        await button.focus()
        said["ingest"]["lost"] = 90_000
        await page.get_by_text("Packets are lost").wait_for()
        folder = RecordFolder(service.settings.data / site.live_session.folder)
        video(folder.mix_work(folder.load().mixes[0]).segment(1), PEOPLE[:2], 0.5)
        await expect(page.locator(".picture img")).not_to_have_attribute(
            "src", str(before), timeout=TIMEOUT_MS
        )
        await expect(button).to_be_focused()
        await button.click()
        await page.get_by_role("button", name="Resume").wait_for()
        assert watched.errors == []
        await context.close()


async def test_it_works_without_javascript(service: Service, browser: Browser) -> None:
    """Search, play, download, start, delete with its confirmation: forms and links are enough."""
    from mixer.dashboard import operators

    site = await seed(service, conferences=8)
    await operators.put(service.database, EMAIL, PASSWORD)
    async with served(service) as there:
        context = await browser.new_context(java_script_enabled=False, **LOOKS["light"])
        watched = await opened(context, f"{there.url}/dashboard/")
        page = watched.page
        await log_in(page)
        await page.get_by_role("link", name="Conferences", exact=True).click()
        await page.get_by_label("Alias or id").fill(site.recorded.alias)
        await page.get_by_role("button", name="Find").click()
        await page.get_by_role("link", name=site.recorded.alias).click()
        async with page.expect_download() as started:
            await page.get_by_role("link", name="Download", exact=True).first.click()
        assert (await started.value).suggested_filename.endswith(".mp4")
        await page.get_by_text("Delete", exact=True).click()
        await page.get_by_label("Yes, delete all").check()
        await page.get_by_role("button", name="Delete recordings").click()
        await expect(page.get_by_role("status")).to_contain_text("Deleted: 4 files")
        await context.close()


async def test_a_report_is_a_site_of_its_own(service: Service, browser: Browser) -> None:
    """Its videos load; the dashboard's cookies and pages are out of its reach."""
    from mixer.dashboard import operators

    site = await seed(service, conferences=2)
    await operators.put(service.database, EMAIL, PASSWORD)
    async with served(service) as there:
        context = await browser.new_context(**LOOKS["light"])
        watched = await opened(context, f"{there.url}/dashboard/")
        page = watched.page
        await log_in(page)
        await page.goto(f"{there.url}/dashboard/conferences/{site.recorded.id}")
        async with context.expect_page() as coming:
            await page.get_by_role("link", name="Report of").click()
        report = await coming.value
        await report.get_by_role("heading", name="Report").wait_for()
        await report.wait_for_function("document.querySelector('video').readyState >= 1")
        assert await report.evaluate("origin") == "null"
        answer = await context.request.get(report.url.replace("/report/report.html", "/plan.json"))
        assert answer.status == 404
        await context.close()
