"""A PDF that is presented at the join page is seen in the video, and in a remix without a room."""

from __future__ import annotations

import io
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from mixer.conference.presentation import OBJECTS
from mixer.journal import Journal
from mixer.journal.presented import object_files
from tests.instruments.chromium import EXECUTABLE
from tests.system.processes import mixer, process, room, until
from tests.system.test_record import recorded_s

pytestmark = [pytest.mark.system, pytest.mark.timeout(420)]

MIX = "id=default,size=640x360,preset=superfast"
PAGES = {"red": (200, 30, 30), "blue": (20, 60, 190), "green": (20, 140, 60)}
ARGUMENTS = [
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
]
WHERE = (slice(100, 120), slice(150, 200))  # rows, columns: no face of the presenter is there
PATIENCE_MS = 60_000


def pdf() -> bytes:
    pages = [Image.new("RGB", (960, 540), colour) for colour in PAGES.values()]
    written = io.BytesIO()
    pages[0].save(written, "PDF", save_all=True, append_images=pages[1:])
    return written.getvalue()


@contextmanager
def at_the_join_page(url: str) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=EXECUTABLE, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(PATIENCE_MS)
        page.goto(f"{url}?name=Ada&autojoin=1&audio=0")
        until(lambda: page.evaluate("!!globalThis.conference?.local.camera"), "Ada to send")
        yield page
        browser.close()


def seen(video: Path) -> list[str]:
    """What is shown there, in order: names of pages, "" for anything else."""
    found: list[str] = []
    with av.open(str(video)) as container:
        for frame in container.decode(video=0):
            colour = frame.to_ndarray(format="rgb24")[WHERE].reshape(-1, 3).mean(axis=0)
            names = [n for n, one in PAGES.items() if np.abs(colour - np.array(one)).max() < 12]
            name = names[0] if names else ""
            if not found or found[-1] != name:
                found.append(name)
    return found


def test_pages_in_the_video(tmp_path: Path) -> None:
    out = tmp_path / "rec"
    (tmp_path / "plan.pdf").write_bytes(pdf())
    with room(tmp_path) as url, at_the_join_page(url) as page:
        argv = ("mixer.cli", "record", url, "--out", str(out), "--mix", MIX)
        with process(*argv, log=tmp_path / "record.log") as recorder:
            until(lambda: recorded_s(out, 2), "two seconds were recorded")
            page.locator("#file-input").set_input_files(tmp_path / "plan.pdf")
            expect(page.locator("#pages span")).to_have_text("1 / 3", timeout=PATIENCE_MS)
            until(lambda: recorded_s(out, 4), "the first page was recorded")
            page.locator('[data-turn="next"]').click()
            expect(page.locator("#pages span")).to_have_text("2 / 3", timeout=PATIENCE_MS)
            page.screenshot(path=tmp_path / "page.png")
            until(lambda: recorded_s(out, 6), "the second page was recorded")
            page.locator("#file").click()
            expect(page.locator("#pages")).to_be_hidden(timeout=PATIENCE_MS)
            until(lambda: recorded_s(out, 8), "Ada was recorded again")
            recorder.send_signal(signal.SIGTERM)
            assert recorder.wait(180) == 0
    video = out / "mixes" / "default.mp4"
    assert seen(video) == ["", "red", "blue", ""]
    directory = next(path.parent for path in out.rglob("journal.json"))
    there = {path.name for path in (directory / OBJECTS).iterdir()}
    assert there == object_files(Journal.open(directory)) and len(there) == len(PAGES)

    again = tmp_path / "again.mp4"  # there is no room any more
    mixer("render", str(out), "--layout", "presentation", "--size", "640x360", "--out", str(again))
    assert [name for name in seen(again) if name] == ["red", "blue"]
