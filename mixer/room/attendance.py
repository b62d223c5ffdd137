"""One participant's presence in a conference: who they are to the server, who reads their events.

What everybody may know of them is in the conference's state (mixer/room/live.py).
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Protocol

from mixer.conference.difference import ConferenceEvent
from mixer.conference.state import ParticipantType

QUEUE_EVENTS = 256  # a reader who is further behind than that has to read the state anew


class Connection(Protocol):
    """A participant's connection to Janus, as the conference sees it."""

    @property
    def feeds(self) -> frozenset[str]: ...

    def close(self, code: int, reason: str) -> None: ...

    def permit(self, permissions: frozenset[str]) -> None:
        """Other permissions from now on: what is sent against them ends."""
        ...


class Follower:
    """A reader of the events. Bounded: one that does not keep up is dropped."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[ConferenceEvent | None] = asyncio.Queue(QUEUE_EVENTS + 1)
        self.dropped = False

    def put(self, event: ConferenceEvent) -> bool:
        """False when the reader is too far behind: it gets nothing more."""
        if self.dropped:
            return False
        if self._queue.qsize() >= QUEUE_EVENTS:
            self.close()
            return False
        self._queue.put_nowait(event)
        return True

    def close(self) -> None:
        """Ends the reader after what is queued."""
        if not self.dropped:
            self.dropped = True
            self._queue.put_nowait(None)

    async def get(self, timeout_s: float) -> ConferenceEvent | None:
        """The next event, None at the end. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            return await self._queue.get()


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a participant's request to join came from."""

    ip_address: str = ""
    user_agent: str = ""


@dataclass(slots=True)
class Attendance:
    """What the server knows of a participant beside the state."""

    id: str
    token: str
    type: ParticipantType
    records: bool = True  # as far as a mixer has told
    permissions: frozenset[str] = frozenset()
    origin: Origin = Origin()
    joined_at: int = 0  # epoch ms
    connections: set[Connection] = field(default_factory=set)
    followers: set[Follower] = field(default_factory=set)
    muted: dict[str, dict[str, bool]] = field(default_factory=dict)  # feed -> kind -> muted
    leaving: asyncio.TimerHandle | None = None
    falling_silent: asyncio.TimerHandle | None = None
    _spoken_s: float = 0.0
    _speaking_since: float | None = None

    def cancel_timers(self) -> None:
        for timer in (self.leaving, self.falling_silent):
            if timer is not None:
                timer.cancel()
        self.leaving = self.falling_silent = None

    @property
    def present(self) -> bool:
        return bool(self.connections or self.followers)

    def speaks(self, speaking: bool) -> None:
        """Counts for how long."""
        now = time.monotonic()
        if speaking and self._speaking_since is None:
            self._speaking_since = now
        elif not speaking and self._speaking_since is not None:
            self._spoken_s += now - self._speaking_since
            self._speaking_since = None

    @property
    def spoken_ms(self) -> int:
        """For how long they have spoken in this stay."""
        now = time.monotonic()
        going_on = now - self._speaking_since if self._speaking_since is not None else 0.0
        return round(1000 * (self._spoken_s + going_on))
