"""What one robot presents in a room of ours: brings the files, shows them, plays the video in step.

A recording's files are brought from the moment of joining on, in the order in which they are
needed, so that they are there in time. What the room does not take is left out, with a line in the
log.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from mixer.clock import MILLISECOND
from mixer.conference.playing import IN_STEP_MS
from mixer.conference.session import RoomSession
from mixer.errors import ConferenceError
from mixer.replay.presented import Presents

log = structlog.get_logger()

Clock = Callable[[], tuple[int, bool]]  # the replay's position, ns, and whether it goes on


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the room has been told. `at_ms` of the video at `told_ms` of the monotonic clock."""

    id: str  # in the room
    what: Presents
    playing: bool
    at_ms: int
    told_ms: int

    def now_ms(self) -> int:
        return self.at_ms + (_now_ms() - self.told_ms if self.playing else 0)


class Presenter:
    """`want` something at any time; `run` it in each of the robot's stays."""

    def __init__(self, folder: Path, files: Sequence[str], clock: Clock) -> None:
        self._folder = folder
        self._files = files
        self._clock = clock
        self._wanted: Presents | None = None
        self._news = asyncio.Event()
        self._brought: set[str] = set()
        self._bringing: dict[str, asyncio.Lock] = {}  # no file twice at a time
        self._shown: _Shown | None = None
        self._refused = ""  # the id of what the room does not take

    def want(self, presents: Presents | None) -> None:
        if presents != self._wanted:
            self._wanted = presents
            self._news.set()

    def refresh(self) -> None:
        """The replay was paused, goes on, or is elsewhere."""
        self._news.set()

    async def run(self, session: RoomSession) -> None:
        """Until cancelled; the stay may be another one, in a room that knows nothing."""
        self._brought, self._shown = set(), None
        self._news.set()
        bringing = asyncio.create_task(self._bring_all(session))
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                await self._follow(session)
        finally:
            bringing.cancel()
            await asyncio.gather(bringing, return_exceptions=True)

    async def _follow(self, session: RoomSession) -> None:
        wanted = self._wanted
        try:
            if self._shown is not None and (wanted is None or wanted.id != self._shown.what.id):
                id, self._shown = self._shown.id, None
                with contextlib.suppress(ConferenceError):  # something else is presented by now
                    await session.stop_presenting(id)
            if wanted is None or wanted.id == self._refused:
                return
            if not await self._bring(session, wanted.shown):
                return  # the recording has not got it
            if wanted != self._wanted:
                return  # while it came, what is wanted has changed: there is news of that
            if self._shown is None:
                await self._begin(session, wanted)
            else:
                await self._change(session, self._shown, wanted)
        except ConferenceError as error:
            log.warning("robot.not_presented", error=str(error))
            self._refused = wanted.id if wanted is not None else ""

    async def _begin(self, session: RoomSession, wanted: Presents) -> None:
        if wanted.is_video:
            told = self._told("", wanted)
            body = {"file": wanted.shown, "playing": told.playing, "positionMs": told.at_ms}
            id = await session.present({"name": wanted.name, **body})
            self._shown = _Shown(id, wanted, told.playing, told.at_ms, told.told_ms)
            return
        pages = [
            {"file": file, "width": width, "height": height}
            for file, (width, height) in zip(wanted.files, wanted.sizes, strict=True)
        ]
        id = await session.present({"name": wanted.name, "pages": pages, "page": wanted.page})
        self._shown = self._told(id, wanted)

    async def _change(self, session: RoomSession, shown: _Shown, wanted: Presents) -> None:
        told = self._told(shown.id, wanted)
        changes: dict[str, Any] = {}
        if not wanted.is_video:
            changes = {"page": wanted.page} if wanted.page != shown.what.page else {}
        elif told.playing != shown.playing or abs(told.at_ms - shown.now_ms()) >= IN_STEP_MS:
            changes = {"playing": told.playing, "positionMs": told.at_ms}
        if changes:
            await session.change_presentation(shown.id, changes)
            self._shown = told

    def _told(self, id: str, wanted: Presents) -> _Shown:
        """What the room is to be told now."""
        position_ns, going_on = self._clock()
        playing = wanted.playing and going_on
        return _Shown(id, wanted, playing, wanted.video_ms(position_ns), _now_ms())

    async def _bring_all(self, session: RoomSession) -> None:
        for file in self._files:
            try:
                if await self._bring(session, file):
                    self._news.set()
            except ConferenceError as error:
                log.warning("robot.file_not_brought", error=str(error))

    async def _bring(self, session: RoomSession, file: str) -> bool:
        """False where the recording has not got it. Raises ConferenceError."""
        path = self._folder / file
        async with self._bringing.setdefault(file, asyncio.Lock()):
            if file not in self._brought:
                if not await asyncio.to_thread(path.is_file):
                    return False
                await session.bring(path)
                self._brought.add(file)
        return True


def _now_ms() -> int:
    return time.monotonic_ns() // MILLISECOND
