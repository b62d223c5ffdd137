"""All robots of a replay: brings them on and off as the script's cast changes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence

from mixer.journal import Frame, Track
from mixer.replay.outlet import Outlet
from mixer.replay.robot import Robot, Stage
from mixer.replay.script import Cast


class Company:
    """`become` a cast at once; robots get there by themselves. Their tasks are the group's."""

    def __init__(self, stage: Stage, group: asyncio.TaskGroup) -> None:
        self._stage = stage
        self._group = group
        self._robots: dict[str, Robot] = {}
        self._running: dict[asyncio.Task[None], Robot] = {}
        self._octets = 0  # of robots that have left

    def become(self, cast: Cast) -> None:
        for id_ in [id_ for id_ in self._robots if id_ not in cast]:
            self._robots.pop(id_).want(None)
        for id_, role in cast.items():
            if id_ in self._robots:
                self._robots[id_].want(role)
                continue
            presenter = self._stage.presenter(id_)
            robot = self._robots[id_] = Robot(self._stage, role, presenter)
            task = self._group.create_task(robot.run(), name=f"robot-{id_}")
            self._running[task] = robot
            task.add_done_callback(self._gone)

    def moved(self) -> None:
        """The replay's clock stands, goes on, or is elsewhere: videos that are presented, too."""
        for robot in self._robots.values():
            robot.presenter.refresh()

    def begin(self) -> None:
        """From now on a robot that is lost comes back by itself."""
        self._stage.begun.set()

    async def ready(self, timeout_s: float) -> bool:
        """Waits until everybody is in the room and publishes; False if they are not in time."""
        waits = [asyncio.create_task(robot.ready.wait()) for robot in self._robots.values()]
        if not waits:
            return True
        try:
            _, late = await asyncio.wait(waits, timeout=timeout_s)
            return not late
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    def prime(self, pictures: Mapping[str, Sequence[Frame]]) -> int:
        """After a seek: sends these first, by stream. Returns when, on the monotonic clock, the
        rest may follow, in ns."""
        at_ns = time.monotonic_ns()
        for robot in self._robots.values():
            for outlet in robot.outlets:
                at_ns = max(at_ns, outlet.prime(pictures.get(outlet.stream, ())))
        return at_ns

    def outlet(self, track: Track) -> Outlet | None:
        robot = self._robots.get(track.participant)
        return robot.outlet(track.stream, track.kind) if robot else None

    @property
    def drained_ns(self) -> int:
        """When all that was given to the outlets will have been sent, monotonic ns."""
        outlets = (outlet for robot in self._robots.values() for outlet in robot.outlets)
        return max((outlet.drained_ns for outlet in outlets), default=0)

    @property
    def joined(self) -> int:
        """How many robots are in the room now."""
        return sum(robot.joined for robot in self._robots.values())

    @property
    def octets(self) -> int:
        """Sent by all so far."""
        return self._octets + sum(robot.octets for robot in self._running.values())

    def _gone(self, task: asyncio.Task[None]) -> None:
        self._octets += self._running.pop(task).octets
