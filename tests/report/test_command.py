"""`mixer report DIR` on the folder of a recording, and its page in a real browser."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright

from mixer.clock import SECOND
from mixer.layout.browser import BrowserSettings, find_browser
from mixer.recorder.plan import MixPlan, Plan
from tests.report.scenes import film, moving
from tests.report.test_report import journal_in

SIZES = ((1280, 800), (390, 800))


def mixer(*argv: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mixer.cli", *map(str, argv)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished recording of one mix, from 1 s to 30 s with a pause of 4 s, without a report."""
    base = tmp_path_factory.mktemp("recording")
    journal_in(base / "journal").close()
    mix = MixPlan(start_ns=SECOND, stop_ns=30 * SECOND, fps=10, finished=True)
    (base / "plan.json").write_text(json.dumps(asdict(Plan("http://x", mixes=(mix,)))))
    film(base / "mixes" / "default.mp4", moving, seconds=25, fps=10)
    return base


@pytest.fixture(scope="module")
def told(folder: Path) -> dict[str, Any]:
    done = mixer("report", folder, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_command_makes_the_report_of_a_folder(folder: Path, told: dict[str, Any]) -> None:
    """Length as the plan and the pause give it; every file that is named is there."""
    (file,) = told["report"]["files"]
    assert (file["id"], file["file"]) == ("default", "mixes/default.mp4")
    assert file["durationSeconds"] == 25.0
    assert all(Path(path).exists() for path in told["files"])
    assert (folder / "report" / "report.html").exists()
    spoken = mixer("report", folder, "--out", folder / "again")
    assert spoken.returncode == 0
    assert "Ada's picture stood still" in spoken.stdout
    assert (folder / "again" / "report.html").exists()


def test_what_is_no_recording_is_said(tmp_path: Path, folder: Path) -> None:
    """One line, exit code 2: no plan, or no files yet."""
    done = mixer("report", tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    (tmp_path / "plan.json").write_text((folder / "plan.json").read_text())
    journal_in(tmp_path / "journal").close()
    done = mixer("report", tmp_path)
    assert done.returncode == 2
    assert "mixer render" in done.stderr


@pytest.mark.system
async def test_the_page_works_in_a_browser(folder: Path, told: dict[str, Any]) -> None:
    """Wide or narrow, light or dark: no error, nothing loaded, nothing wider than the page; lanes
    have their places in time."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_browser(BrowserSettings()))
        for width, height in SIZES:
            context = await browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme="dark" if width > 500 else "light",
            )
            page = await context.new_page()
            await _check(page, folder / "report" / "report.html")
        await browser.close()


async def _check(page: Page, path: Path) -> None:
    complaints: list[str] = []
    loaded: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: loaded.append(request.url.partition(":")[0]))
    await page.goto(path.as_uri())
    assert complaints == []
    assert loaded.count("file") == 1
    assert set(loaded) <= {"file", "data"}
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    heads = await page.locator(".heads").bounding_box()
    freeze = await page.locator(".lane .mark.freeze").first.bounding_box()
    assert heads and freeze
    assert abs((freeze["x"] - heads["x"]) / heads["width"] - 4 / 25) < 0.01
    await page.locator(".lane a.mark.gap").first.focus()
    await page.locator(".findings a[data-t]").first.click()
    now = "document.querySelector('video').currentTime"
    await page.wait_for_function(f"{now} > 0 || document.querySelector('.player.missing')")
