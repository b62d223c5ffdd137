"""`make demo`: a real conference with real participants, recorded to MP4.

Starts a conference server, brings in a browser (through the join page, with Chromium's fake camera
and microphone), two synthetic publishers, one of whom shares a screen from second 8 to 14, and one
with a microphone only; records 20 s; prints where the MP4, a contact sheet and the report lie.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import structlog
from playwright.async_api import async_playwright

from mixer.clock import SECOND
from mixer.engine import Child
from mixer.journal import Journal
from mixer.layout.browser import BrowserSettings, find_browser
from mixer.recorder import RecordFolder

SECONDS = 20
SCREEN = (8, 14)
SMALL = ("--size", "640x360")
FAKE_DEVICES = (
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
)


@contextlib.asynccontextmanager
async def conference_server(logs: Path) -> AsyncIterator[str]:
    """A conference server of its own on a free port; gives its address."""
    argv = ["mixer.room", "--port", "0", "--log-dir", str(logs)]
    async with Child("room", argv, log_path=logs / "room.log") as child:
        async for event in child.events:
            if event["event"] == "ready":
                yield str(event["url"])
                return
        raise SystemExit(f"demo: the conference server did not start; see {logs}/room.log")


@contextlib.asynccontextmanager
async def browser_participant(url: str, name: str) -> AsyncIterator[None]:
    """A person in headless Chromium who joins through the join page."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=find_browser(BrowserSettings()), args=list(FAKE_DEVICES)
        )
        try:
            page = await browser.new_page()
            await page.goto(f"{url}?name={quote(name)}&autojoin=1")
            await page.wait_for_selector("body[data-view=room]", timeout=60_000)
            yield
        finally:
            await browser.close()


@contextlib.asynccontextmanager
async def publisher(url: str, logs: Path, name: str, *options: str) -> AsyncIterator[Child]:
    """A synthetic participant (publisher.py) in a process of its own."""
    argv = ["tests.instruments.publisher", "--room", url, "--name", name, *options]
    async with Child(name, argv, log_path=logs / f"{name}.log") as child:
        async for event in child.events:
            if event["event"] == "published":
                break
        else:
            raise SystemExit(f"demo: {name} could not join; see {logs}/{name}.log")
        yield child


async def run(out: Path) -> None:
    shutil.rmtree(out, ignore_errors=True)
    logs = out / "logs"
    logs.mkdir(parents=True)
    record = out / "recording"
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(conference_server(logs))
        url = f"{server}/rooms/demo"
        print(f"conference: {url}")
        grace = ("--flash-place", "1", "--tone", "660", "--hum", *SMALL)
        lynn = ("--flash-place", "2", "--tone", "880", "--no-video")
        edsger = ("--tone", "440", "--screen-by-signal", *SMALL)
        *_, sharer = await asyncio.gather(
            stack.enter_async_context(browser_participant(url, "Ada Browser")),
            stack.enter_async_context(publisher(url, logs, "Grace", *grace)),
            stack.enter_async_context(publisher(url, logs, "Lynn", *lynn)),
            stack.enter_async_context(publisher(url, logs, "Edsger", *edsger)),
        )
        sharing = asyncio.create_task(share_screen(record, sharer.pid))
        await record_conference(url, record)
        await sharing
    video = record / "mixes" / "default.mp4"
    await look_at(record)
    report = json.loads((record / "recording.json").read_text())
    people_seen = ", ".join(person["name"] for person in report["participants"])
    print(f"recorded {report['mixes'][0]['frames'] / 30:.1f} s of: {people_seen}")
    print(f"video:         {video}")
    print(f"contact sheet: {record / 'report' / 'default.contact-sheet.jpg'}")
    print(f"report:        {record / 'report' / 'report.html'}")


async def share_screen(record: Path, pid: int) -> None:
    """Has the publisher share a screen from second 8 to 14 of the recording."""
    folder = RecordFolder(record)
    start_ns = None
    while start_ns is None:
        await asyncio.sleep(0.1)
        start_ns = folder.load().mixes[0].start_ns if folder.plan.exists() else None
    journal = Journal.open(folder.journal)
    for second, sig in zip(SCREEN, (signal.SIGUSR1, signal.SIGUSR2), strict=True):
        await asyncio.sleep(second - (journal.now_ns() - start_ns) / SECOND)
        os.kill(pid, sig)


async def record_conference(url: str, record: Path) -> None:
    """`mixer record`, with its own display in this terminal."""
    argv = [sys.executable, "-m", "mixer.cli", "record", url]
    argv += ["--out", str(record), "--duration", str(SECONDS)]
    process = await asyncio.create_subprocess_exec(*argv, env=os.environ)
    if await process.wait() != 0:
        raise SystemExit(f"demo: recording failed; see {record}/ingest.log")


async def look_at(record: Path) -> None:
    """`mixer report`: contact sheet, poster, and a page with a timeline."""
    argv = [sys.executable, "-m", "mixer.cli", "report", str(record)]
    process = await asyncio.create_subprocess_exec(*argv, env=os.environ)
    if await process.wait() != 0:
        raise SystemExit(f"demo: no report could be made of {record}")


def main() -> None:
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger("warning"),
    )
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("demo-out"))
    asyncio.run(run(parser.parse_args().out.absolute()))


if __name__ == "__main__":
    main()
