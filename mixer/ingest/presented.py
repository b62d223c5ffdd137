"""Files that are presented: their pages come into the journal's objects before they are told of.

Which event there is, told.py says; what is journalled while a recording is paused, pause.py. An
event that shows a page waits here until that page has been fetched, which takes less time than
the journal's watermark lags; the other pages are fetched while there is nothing else to do. While
paused nothing is fetched: events go on at once. Videos are presented_video.py's: their events wait
for nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import structlog

from mixer.conference.presentation import objects
from mixer.errors import ConferenceError, StorageError
from mixer.ingest.presented_video import MISSING, PresentedVideo
from mixer.journal import write_whole
from mixer.journal.model import Note

log = structlog.get_logger()

MAX_OBJECTS_BYTES = 2 << 30  # of one run; pages that are shown are fetched in any case
BACKOFF_S = (0.2, 0.5, 1.0)  # between attempts to fetch a page

Data = dict[str, Any]


class Presented:
    """`event` takes events of presentations, `run` passes them on to `tell`, `finish` at the end.

    `fetch` gives what is at an address below the room's, or raises ConferenceError; `note` is for
    pages that could not be had: what shows them is not told.
    """

    def __init__(
        self,
        folder: Path,
        fetch: Callable[[str], Awaitable[bytes]],
        tell: Callable[[int, str, Data], None],
        note: Callable[[Note], None],
        paused: Callable[[], bool],
        video: PresentedVideo,
    ) -> None:
        self._folder = folder
        self._fetch = fetch
        self._tell = tell
        self._note = note
        self._paused = paused
        self._video = video
        self._waiting: deque[tuple[int, str, Data]] = deque()
        self._wake = asyncio.Event()
        self._now: Data | None = None  # what is presented after the last event that was taken
        self._told = ""  # the id of what has been told of
        self._given_up: set[str] = set()
        self._bytes = 0

    def follow(self, presentation: Data | None) -> None:
        """What the journal knows of already: its pages may be missing."""
        self._now, self._told = presentation, presentation["id"] if presentation else ""
        if _is_video(presentation):
            self._video.follow(presentation)

    def event(self, t_ns: int, type_: str, data: Data) -> None:
        """An event of docs/presentations.md with journalled addresses."""
        self._waiting.append((t_ns, type_, data))
        self._wake.set()

    def wake(self) -> None:
        """The recording goes on after a pause: what is shown now is fetched."""
        if _is_video(self._now) and not self._paused():
            self._video.load()
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        self.wake()
        while True:
            self._wake.clear()
            while self._waiting:
                self._advance(self._waiting[0][1:])
                shown = self._shown()
                if shown and not self._paused():
                    await self._have(shown)
                self._pass_on(*self._waiting.popleft())
            missing = None if self._paused() else self._next_missing()
            if missing is None:
                await self._wake.wait()
            else:
                await self._unless_woken(self._have(missing))

    async def _unless_woken(self, fetching: Coroutine[Any, Any, None]) -> None:
        """A page that is not shown is no reason to let an event wait."""
        tasks = asyncio.create_task(fetching), asyncio.create_task(self._wake.wait())
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if tasks[0].done():
                tasks[0].result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def finish(self) -> None:
        """The recording ends: what waits is told if it can be shown."""
        while self._waiting:
            self._advance(self._waiting[0][1:])
            self._pass_on(*self._waiting.popleft())

    def _advance(self, event: tuple[str, Data]) -> None:
        type_, data = event
        if type_ == "presentation.started":
            self._now = data["presentation"]
        elif self._now is not None and self._now["id"] == data["id"]:
            self._now = {**self._now, **data} if type_ == "presentation.updated" else None

    def _pass_on(self, t_ns: int, type_: str, data: Data) -> None:
        if type_ == "presentation.stopped":
            if self._told == data["id"]:
                self._told = ""
                self._video.stopped(t_ns)
                self._tell(t_ns, type_, data)
            return
        if _is_video(self._now):
            self._pass_on_video(t_ns, type_, data)
            return
        shown = self._shown()
        if shown is None or not (self._paused() or self._has(shown)):
            page = self._now["page"] if self._now else 0
            self._note(Note(t_ns, MISSING, {"presentation": self._id(data), "page": page}))
        elif type_ == "presentation.started" or self._told == data["id"]:
            self._told = self._id(data)
            self._tell(t_ns, type_, data)
        elif self._now is not None:  # its first page could not be had, this one can
            self._told = self._now["id"]
            self._tell(t_ns, "presentation.started", {"presentation": self._now})

    def _pass_on_video(self, t_ns: int, type_: str, data: Data) -> None:
        if self._now is not None and self._now["id"] == self._id(data):
            self._told = self._now["id"]
            self._tell(t_ns, type_, data)
            if type_ == "presentation.started":
                self._video.shown(t_ns, self._now, self._paused())

    def _id(self, data: Data) -> str:
        return str(data["presentation"]["id"] if "presentation" in data else data["id"])

    def _shown(self) -> str | None:
        """The file of the page that is shown."""
        names = objects(self._now) if self._now is not None else []
        page = self._now["page"] if self._now is not None and names else 0
        return names[page] if page < len(names) else None

    def _next_missing(self) -> str | None:
        """The page to be fetched next, from the one that is shown on."""
        if self._now is None or _is_video(self._now) or self._bytes > MAX_OBJECTS_BYTES:
            return None
        names, page = objects(self._now), self._now["page"]
        ahead = (name for name in names[page:] + names[:page] if name not in self._given_up)
        return next((name for name in ahead if not self._has(name)), None)

    def _has(self, name: str) -> bool:
        return (self._folder / name).exists()

    async def _have(self, name: str) -> None:
        """Fetches a page unless it is there; gives up after some attempts."""
        if self._now is None or self._has(name):
            return
        address = f"presentations/{self._now['id']}/{name}"
        for wait_s in (*BACKOFF_S, None):
            try:
                content = await self._fetch(address)
                if hashlib.sha256(content).hexdigest() != name.partition(".")[0]:
                    raise StorageError("it is not what it is called")
                await _to_its_end(asyncio.to_thread(self._keep, name, content))
            except (ConferenceError, StorageError) as error:
                log.warning("presentation.page_missing", error=str(error))
                if wait_s is None:
                    self._given_up.add(name)
                else:
                    await asyncio.sleep(wait_s)
            else:
                self._bytes += len(content)
                return

    def _keep(self, name: str, content: bytes) -> None:
        try:
            self._folder.mkdir(exist_ok=True)
        except OSError as error:
            raise StorageError(f"cannot write {self._folder}: {error.strerror}") from error
        write_whole(self._folder / name, content)


async def _to_its_end(writing: Coroutine[Any, Any, None]) -> None:
    """Who is cancelled meanwhile waits for it: nobody else may write that file at the same time."""
    task = asyncio.ensure_future(writing)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def _is_video(presentation: Data | None) -> bool:
    return presentation is not None and presentation["kind"] == "video"
