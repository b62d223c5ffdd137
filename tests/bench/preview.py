"""`mixer preview`: from a file's change on disk to the new picture, live and by the mixer."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import time
from pathlib import Path

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page, async_playwright

from mixer.layout.browser import BrowserSettings, find_browser
from tests.bench.rows import Row, at_most
from tests.preview.test_preview import PAGE, previewed

POLL_S = 0.02
COLOURS = ("#a02020", "#20a020", "#2020a0", "#a0a020")
# The colour of a corner of the mixer's picture, once it is the one that is waited for.
SHOWS = """([kind, colour]) => {
  const image = document.querySelector(`#rendered img${kind}`);
  if (!image?.complete) return false;
  const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 });
  const paint = canvas.getContext('2d');
  paint.drawImage(image, -image.naturalWidth + 5, -image.naturalHeight + 5);
  const seen = [...paint.getImageData(0, 0, 1, 1).data];
  const wanted = colour.match(/[0-9a-f]{2}/g).map((two) => parseInt(two, 16));
  return wanted.every((level, place) => Math.abs(level - seen[place]) < 8);
}"""


def bench(out: Path, *, quick: bool) -> list[Row]:
    """At 1920x1080 with four people, of whom each has a camera."""
    live, draft, final = asyncio.run(_measured(out, 4 if quick else 12))
    return [
        at_most("change on disk -> live page, median", statistics.median(live), 1, "s"),
        at_most("change on disk -> new picture of the mixer, median", statistics.median(draft), 1,
                "s"),
        at_most("the same, slowest", max(draft), 1, "s"),
        Row("change on disk -> with its mode, median", statistics.median(final), "s"),
    ]  # fmt: skip


async def _measured(out: Path, times: int) -> tuple[list[float], list[float], list[float]]:
    folder = out / "layout"
    folder.mkdir(parents=True)
    _write(folder, COLOURS[-1], "before")
    async with async_playwright() as playwright:
        program = find_browser(BrowserSettings(), playwright.chromium.executable_path)
        browser = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        async with previewed(browser, layout=str(folder)) as page:
            await _shown(page, "[data-draft=false]", COLOURS[-1])
            found = [await _once(page, folder, number) for number in range(times)]
        await browser.close()
    live, draft, final = zip(*found, strict=True)
    return list(live), list(draft), list(final)


def _write(folder: Path, colour: str, text: str) -> None:
    page = PAGE.replace("first", text).replace("<style>", f"<style>html {{ background: {colour} }}")
    (folder / "index.html").write_text(page)


async def _shown(page: Page, kind: str, colour: str) -> float:
    await page.wait_for_function(SHOWS, arg=[kind, colour])
    return time.monotonic()


async def _once(page: Page, folder: Path, number: int) -> tuple[float, float, float]:
    """Seconds to the live page's text, to the mixer's first picture, to its last."""
    colour, text = COLOURS[number % len(COLOURS)], f"change-{number}-"
    _write(folder, colour, text)
    began = time.monotonic()

    async def live() -> float:
        while True:
            with contextlib.suppress(PlaywrightError):  # the frame before it goes
                if any([await frame.get_by_text(text).count() for frame in page.frames[1:]]):
                    return time.monotonic()
            await asyncio.sleep(POLL_S)

    seen = asyncio.create_task(live())
    draft = await _shown(page, "", colour)
    final = await _shown(page, "[data-draft=false]", colour)
    return await seen - began, draft - began, final - began
