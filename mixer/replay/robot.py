"""One participant of the recording, back in the room: joins, publishes, mutes, leaves.

What they are to be is told by `want`; the robot brings the room there, one step after the other,
and comes back when its connection is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import structlog

from mixer.errors import ConferenceError, UnsupportedCodec
from mixer.journal.model import Kind
from mixer.publish import Line, PublishedFeed, Sender
from mixer.replay.outlet import Outlet
from mixer.replay.presenter import Presenter
from mixer.replay.script import Feed, Role, Sent
from mixer.replay.settings import ReplaySettings

log = structlog.get_logger()

AT_ONCE = 8  # robots that connect at the same time
BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 3.0)
LAST_WORD_S = 1.0
ENDED = 4001  # code of closing: the conference has ended (docs/conference-state.md)


@dataclass(frozen=True)
class Stage:
    """What all robots of a replay share."""

    settings: ReplaySettings
    on_ended: Callable[[], None]
    presenter: Callable[[str], Presenter]  # of a participant, by their id in the journal
    begun: asyncio.Event = field(default_factory=asyncio.Event)  # until then errors end the replay
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))


@dataclass(frozen=True)
class _Open:
    """A feed that is published."""

    sent: Sent
    feed: PublishedFeed
    ending: AsyncExitStack
    outlets: dict[Kind, Outlet]


class Robot:
    """`run` it in a task; `want(None)` makes it leave."""

    def __init__(self, stage: Stage, role: Role, presenter: Presenter) -> None:
        self.joined = False
        self.presenter = presenter
        presenter.want(role.presents)
        self.ready = asyncio.Event()  # it is in the room as it is wanted
        self._stage = stage
        self._wanted: Role | None = role
        self._news = asyncio.Event()
        self._open: dict[Feed, _Open] = {}
        self._refused: set[str] = set()  # streams that the room does not take
        self._octets = 0  # of feeds that are closed

    def want(self, role: Role | None) -> None:
        self._wanted = role
        self.presenter.want(role.presents if role is not None else None)
        self.ready.clear()
        self._news.set()

    def outlet(self, stream: str, kind: Kind) -> Outlet | None:
        """Where a stream's frames go, if it is published."""
        for one in self._open.values():
            if one.sent.stream == stream:
                return one.outlets.get(kind)
        return None

    @property
    def octets(self) -> int:
        """Sent so far."""
        return self._octets + sum(one.feed.octets for one in self._open.values())

    @property
    def outlets(self) -> Sequence[Outlet]:
        return [outlet for one in self._open.values() for outlet in one.outlets.values()]

    async def run(self) -> None:
        """Until it is not wanted any more. Raises ConferenceError before the replay has begun."""
        failures = 0
        while (role := self._wanted) is not None:
            try:
                if await self._attend(role) == ENDED:
                    self._stage.on_ended()
                    return
                failures = 0
            except ConferenceError as error:
                if not self._stage.begun.is_set():
                    raise
                log.warning("robot.lost", error=str(error))
            if self._wanted is not None:
                await self._rest(BACKOFF_S[min(failures, len(BACKOFF_S) - 1)])
                failures += 1

    async def _rest(self, seconds: float) -> None:
        """Until somebody wants something else of us, at most so long."""
        self._news.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()

    async def _attend(self, role: Role) -> int | None:
        """One stay in the room; the code with which the connection was closed, if it was."""
        settings = self._stage.settings
        sender = Sender(role.name, "robot", role.external_id, role.avatar_url)
        async with self._stage.turns:
            entering = Line.open(settings.url, sender, settings.bare, settings.ssl_context)
            line = await (ending := AsyncExitStack()).enter_async_context(entering)
        try:
            self.joined = True
            try:
                async with self._presenting(line):
                    await self._follow(line, role)
            except ConferenceError:
                if await _closed_with(line) != ENDED:
                    raise
            return line.close_code if line.lost.is_set() else None
        finally:
            self.joined = False
            await asyncio.shield(self._leave(ending))

    @contextlib.asynccontextmanager
    async def _presenting(self, line: Line) -> AsyncIterator[None]:
        """A bare room has no presentations."""
        if line.session is None:
            yield
            return
        presenting = asyncio.create_task(self.presenter.run(line.session))
        try:
            yield
        finally:
            presenting.cancel()
            await asyncio.gather(presenting, return_exceptions=True)

    async def _leave(self, ending: AsyncExitStack) -> None:
        for name in list(self._open):
            await self._close(name)
        await ending.aclose()

    async def _follow(self, line: Line, role: Role) -> None:
        """Brings the room to what is wanted, again and again, until we leave or are lost."""
        known = role
        while self._wanted is not None and not line.lost.is_set():
            self._news.clear()
            wanted = self._wanted
            async with self._stage.turns:
                await self._become(line, known, wanted)
            known = wanted
            if self._wanted is wanted:
                self.ready.set()
            ends = (one.feed.ended for one in self._open.values())
            await _any_of(self._news, line.lost, *ends)

    async def _become(self, line: Line, known: Role, wanted: Role) -> None:
        if line.session is not None and (changes := _changes(known, wanted)):
            await line.session.update(**changes)
        for name, one in list(self._open.items()):
            sent = wanted.feeds.get(name)
            other = sent is None or (sent.stream, sent.sections) != _what(one.sent)
            if other or one.feed.ended.is_set():
                await self._close(name)
        for name, sent in wanted.feeds.items():
            await self._tell_mutes(line, name, sent)
            if name not in self._open and sent.stream not in self._refused:
                await self._publish(line, name, sent)

    async def _tell_mutes(self, line: Line, name: Feed, sent: Sent) -> None:
        one = self._open.get(name)
        before = (one.sent.audio_muted, one.sent.video_muted) if one else (False, False)
        if line.session is None or before == (sent.audio_muted, sent.video_muted):
            return
        audio, video = {"muted": sent.audio_muted}, {"muted": sent.video_muted}
        await line.session.update(streams={name: {"audio": audio, "video": video}})
        if one is not None:
            self._open[name] = _Open(sent, one.feed, one.ending, one.outlets)

    async def _publish(self, line: Line, name: Feed, sent: Sent) -> None:
        ending = AsyncExitStack()
        try:
            feed = await ending.enter_async_context(line.publish(name, sent.sections))
        except UnsupportedCodec as error:
            if not self._stage.begun.is_set():
                raise
            log.warning("robot.refused", stream=sent.stream, error=str(error))
            self._refused.add(sent.stream)
            return
        up_ns = time.monotonic_ns()
        outlets = {one.kind: Outlet(feed, sent.stream, one, up_ns) for one in sent.sections}
        self._open[name] = _Open(sent, feed, ending, outlets)

    async def _close(self, name: Feed) -> None:
        one = self._open.pop(name)
        for outlet in one.outlets.values():
            outlet.close()
        self._octets += one.feed.octets
        with contextlib.suppress(ConferenceError):
            await one.ending.aclose()


async def _closed_with(line: Line) -> int | None:
    """The code of closing, which may come a moment after what it is the reason of."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LAST_WORD_S):
            await line.lost.wait()
            return line.close_code
    return None


def _what(sent: Sent) -> tuple[Any, ...]:
    return sent.stream, sent.sections


def _changes(known: Role, wanted: Role) -> dict[str, str]:
    """The profile's fields that are not as known."""
    fields = {
        "name": (known.name, wanted.name),
        "externalId": (known.external_id, wanted.external_id),
        "avatarUrl": (known.avatar_url, wanted.avatar_url),
    }
    return {name: new for name, (old, new) in fields.items() if old != new}


async def _any_of(*events: asyncio.Event) -> None:
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
