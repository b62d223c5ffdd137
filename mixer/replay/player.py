"""The clock of a replay: frames and changes of the cast at their moments; pause, seek, stop.

Every frame is due at `origin + position` of the monotonic clock. A stretch without a command is a
task; a command ends it and begins another one where it was left.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import Literal

from mixer.clock import MILLISECOND, SECOND
from mixer.errors import ConferenceUnreachable
from mixer.replay.company import Company
from mixer.replay.reader import Batch, Reader
from mixer.replay.script import Script

State = Literal["starting", "playing", "paused", "ended"]

JOINING_TIMEOUT_S = 60.0
SEEKING_TIMEOUT_S = 5.0  # to wait for who was not in the room; then it goes on without them
DRAINED_TIMEOUT_S = 3.0
LAST_S = 0.1  # until the last packets are through
MAX_COMMANDS = 64
YIELD_EVERY = 32  # frames that are late, one after the other


@dataclass(frozen=True, slots=True)
class Command:
    """`seconds`: of a seek, the position; relative to where it is if `relative`."""

    name: Literal["pause", "resume", "toggle", "seek", "stop"]
    seconds: float = 0.0
    relative: bool = False
    reason: str = "stopped"


class Player:
    """`run` it; `tell` it from anywhere on the loop's thread."""

    def __init__(self, script: Script, reader: Reader, company: Company) -> None:
        self.state: State = "starting"
        self.behind_ns = 0  # how late the last frame was
        self._script = script
        self._reader = reader
        self._company = company
        self._commands: asyncio.Queue[Command] = asyncio.Queue(MAX_COMMANDS)
        self._origin_ns = 0
        self._reached_ns = 0  # position up to which everything has been sent
        self._next_cast = 0
        self._begun = False
        self._standing = True  # the clock does: paused, or on its way to another position
        self._unslept = 0

    def tell(self, command: Command) -> None:
        """What comes while MAX_COMMANDS wait is dropped, but for a stop, which drops them."""
        if self._commands.full() and command.name == "stop":
            self._commands.get_nowait()
        if not self._commands.full():
            self._commands.put_nowait(command)

    @property
    def clock(self) -> tuple[int, bool]:
        """The position, and whether it goes on now."""
        return self._reached_ns if self._standing else self.position_ns, not self._standing

    @property
    def position_ns(self) -> int:
        if self.state != "playing":
            return self._reached_ns
        now_ns = time.monotonic_ns() - self._origin_ns
        return max(self._reached_ns, min(now_ns, self._script.length_ns))

    async def run(self, offset_ns: int) -> str:
        """Plays from a position: "ended", "stopped", or the reason of a stop. Raises
        ConferenceError if the robots do not get into the room."""
        self._reached_ns = offset_ns
        moved, playing = True, True
        while True:
            stretch = asyncio.create_task(self._stretch(moved, playing))
            command = await self._next_command(stretch)
            if command is None or command.name == "stop":
                self.state = "ended"
                return "ended" if command is None else command.reason
            moved = command.name == "seek"
            if moved:
                self._reached_ns = self._target_ns(command)
            elif command.name == "toggle":
                playing = not playing
            else:
                playing = command.name == "resume"

    async def _next_command(self, stretch: asyncio.Task[bool]) -> Command | None:
        """The next command, which ends the stretch; None when the replay has come to its end."""
        asking = asyncio.create_task(self._commands.get())
        try:
            await asyncio.wait({asking, stretch}, return_when=asyncio.FIRST_COMPLETED)
            if stretch.done() and stretch.result() and not asking.done():
                return None
            return await asking
        finally:
            asking.cancel()
            stretch.cancel()
            await asyncio.gather(asking, stretch, return_exceptions=True)

    def _target_ns(self, command: Command) -> int:
        target = round(command.seconds * SECOND)
        target += self._reached_ns if command.relative else 0
        return max(0, min(target, self._script.length_ns))

    async def _stretch(self, moved: bool, playing: bool) -> bool:
        """True if the end was reached."""
        if moved or not playing:
            self._stand(True)
        start_ns = await self._move() if moved else time.monotonic_ns()
        if not playing:
            self.state = "paused"
            return False
        self._origin_ns = start_ns - self._reached_ns
        self.state = "playing"
        self._stand(False)
        async with contextlib.aclosing(self._reader.batches(self._reached_ns)) as batches:
            async for batch in batches:
                await self._play(batch)
        wait_ns = self._company.drained_ns - time.monotonic_ns()
        await asyncio.sleep(min(DRAINED_TIMEOUT_S, max(0, wait_ns) / SECOND + LAST_S))
        return True

    def _stand(self, standing: bool) -> None:
        self._standing = standing
        self._company.moved()

    async def _move(self) -> int:
        """Cast and pictures of a position; when the clock may start there, monotonic ns."""
        self._next_cast = self._script.cast_at(self._reached_ns)
        self._change_cast()
        timeout_s = SEEKING_TIMEOUT_S if self._begun else JOINING_TIMEOUT_S
        if not await self._company.ready(timeout_s) and not self._begun:
            raise ConferenceUnreachable("the robots could not join the room in time")
        self._company.begin()
        self._begun = True
        pictures = await self._reader.preroll(self._reached_ns)
        return self._company.prime(pictures) + 5 * MILLISECOND

    async def _play(self, batch: Batch) -> None:
        tracks, outlet_of = self._script.tracks, self._company.outlet
        for at_ns, frame in batch.frames:
            await self._until(at_ns)
            outlet = outlet_of(tracks[frame.track])
            if outlet is not None:
                outlet.offer(frame, self._origin_ns + at_ns)
            self._reached_ns = at_ns + 1
        await self._until(batch.end_ns)
        self._reached_ns = batch.end_ns

    async def _until(self, position_ns: int) -> None:
        """Waits for a position, changing the cast on the way."""
        casts = self._script.casts
        while self._next_cast < len(casts) and casts[self._next_cast][0] <= position_ns:
            await self._sleep(casts[self._next_cast][0])
            self._change_cast()
        await self._sleep(position_ns)

    def _change_cast(self) -> None:
        self._company.become(self._script.casts[self._next_cast][1])
        self._next_cast += 1

    async def _sleep(self, position_ns: int) -> None:
        wait_ns = self._origin_ns + position_ns - time.monotonic_ns()
        self.behind_ns = max(0, -wait_ns)
        if wait_ns > 0:
            self._unslept = 0
            await asyncio.sleep(wait_ns / SECOND)
            return
        self._unslept += 1
        if self._unslept % YIELD_EVERY == 0:
            await asyncio.sleep(0)
