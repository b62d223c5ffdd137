"""What no page may do, seen to from the browser's side: the page cannot talk it out of that.

Pop-ups are closed, dialogs dismissed, downloads and permissions refused, and noted. A page that
leaves its document, closes itself or starts endless workers has failed. The network is the proxy's
(mixer/proxy), requests are `serving.py`'s, memory and CPU `appetite.py`'s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from playwright.async_api import BrowserContext, CDPSession, Dialog, Download, Worker
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page as BrowserPage

from mixer.layout.page import Page, PageFailure

MAX_WORKERS = 32
CLOSED_S = 0.3
BLANK = "about:blank"


class Guard:
    """Guards one page from before it is loaded until its context is closed."""

    def __init__(self, page: Page, bare: BrowserPage) -> None:
        self._page = page
        self._bare = bare
        self._arrived = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def stand(self, context: BrowserContext, cdp: CDPSession) -> None:
        """From now on. Raises PlaywrightError."""
        self._bare.on("dialog", self._dialog)
        self._bare.on("download", self._download)
        self._bare.on("worker", self._worker)
        self._bare.on("close", lambda _: self._soon(self._closed(context)))
        context.on("page", self._popup)
        cdp.on("Page.frameNavigated", self._navigated)
        cdp.on("Page.windowOpen", lambda event: self._tell("popup", event["url"]))
        await cdp.send("Page.enable")
        await context.grant_permissions([])  # everything else is refused

    def _tell(self, kind: str, detail: str) -> None:
        self._page.suppressed.tell(kind, detail)

    def _soon(self, work: Coroutine[Any, Any, None]) -> None:
        async def done() -> None:
            with suppress(PlaywrightError):
                await work

        task = asyncio.create_task(done())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _dialog(self, dialog: Dialog) -> None:
        self._tell("dialog", dialog.message)
        self._soon(dialog.dismiss())

    def _download(self, download: Download) -> None:
        self._tell("download", download.url)
        self._soon(download.cancel())

    def _popup(self, other: BrowserPage) -> None:
        if other is not self._bare:
            self._tell("popup", other.url)
            self._soon(other.close())

    async def _closed(self, context: BrowserContext) -> None:
        await asyncio.sleep(CLOSED_S)  # pages are told of their end before the browser of its own
        if context.browser is not None and context.browser.is_connected():
            self._page.lost(PageFailure("the page closed itself"))

    def _worker(self, worker: Worker) -> None:
        if len(self._bare.workers) > MAX_WORKERS:
            self._page.lost(PageFailure(f"the page started more than {MAX_WORKERS} workers"))

    def _navigated(self, event: dict[str, Any]) -> None:
        frame = event["frame"]
        if "parentId" in frame:
            return
        if self._arrived:
            self._page.lost(PageFailure(f"the page left for {frame['url'][:200]}"))
        self._arrived = self._arrived or frame["url"] != BLANK
