"""One section of a robot's feed: gives a journal's frames new timestamps and sends them in order.

A frame is due at a moment of our monotonic clock; its RTP timestamp follows the journal's to the
tick as long as its media time does, and is set anew where that jumps (another track, a seek, a
pause). A picture needs those before it back to the last key picture: what cannot be sent yet is
kept from the last key picture on, and sent as fast as the way allows once it can be.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from mixer.clock import MILLISECOND, SECOND
from mixer.journal import Frame
from mixer.publish import PublishedFeed, Section

SETTLED_NS = SECOND  # after publishing, until viewers have subscribed
CATCH_UP_BPS = 25_000_000
CATCH_UP_LEAST_NS = MILLISECOND  # between two pictures
JUMP_NS = 5 * MILLISECOND
MAX_KEPT = 2000  # pictures from a key picture on


@dataclass(frozen=True, slots=True)
class _Mark:
    """The last frame that was sent: what the next one's timestamp is counted from."""

    track: int
    rtp_in: int
    rtp: int
    at_ns: int


class Outlet:
    """`offer` each frame when it is due. Sound that cannot be sent is left out."""

    def __init__(self, feed: PublishedFeed, stream: str, section: Section, up_ns: int) -> None:
        self.stream = stream
        self._feed = feed
        self._section = section
        self._video = section.kind == "video"
        self._free_ns = up_ns + SETTLED_NS  # nothing leaves earlier
        self._kept: deque[Frame] = deque()
        self._begun = not self._video  # a key picture has been there
        self._track = 0  # the newest that has begun: older ones may end a little later
        self._mark: _Mark | None = None
        self._timer: asyncio.TimerHandle | None = None

    def prime(self, pictures: Sequence[Frame]) -> int:
        """What comes next is after a seek. A video needs these pictures first, of which the first
        is a key picture. Returns when the next may follow, ns of the monotonic clock."""
        self.close()
        self._begun = not self._video
        self._track = 0
        for picture in pictures if self._video else ():
            self._keep(picture)
        return max(self._free_ns, time.monotonic_ns(), self.drained_ns)

    def offer(self, frame: Frame, due_ns: int) -> None:
        """A frame whose moment, on the monotonic clock, has come."""
        if frame.track < self._track:
            return
        self._track = frame.track
        if not self._kept and due_ns >= self._free_ns and (self._begun or frame.key):
            self._begun = True
            self._send(frame, due_ns)
        elif self._video:
            self._keep(frame)

    @property
    def drained_ns(self) -> int:
        """When all that is kept will have been sent, ns of the monotonic clock; 0 if nothing is."""
        if not self._kept:
            return 0
        start_ns = max(self._free_ns, time.monotonic_ns())
        return start_ns + sum(_cost_ns(picture) for picture in self._kept)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._kept.clear()

    def _keep(self, picture: Frame) -> None:
        now_ns = time.monotonic_ns()
        if picture.key:
            self._kept.clear()  # what is late would only be seen for an instant
            self._begun = True
        if not self._begun or len(self._kept) >= MAX_KEPT:
            self.close()
            self._begun = False
            return
        self._kept.append(picture)
        if self._timer is None:
            self._wait(self._free_ns - now_ns)

    def _wait(self, wait_ns: int) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(max(0, wait_ns) / SECOND, self._catch_up)

    def _catch_up(self) -> None:
        """Sends the first picture that is kept: its moment is now."""
        self._timer = None
        picture, now_ns = self._kept.popleft(), time.monotonic_ns()
        self._send(picture, now_ns)
        self._free_ns = now_ns + _cost_ns(picture)
        if self._kept:
            self._wait(_cost_ns(picture))

    def _send(self, frame: Frame, at_ns: int) -> None:
        rtp = self._timestamp(frame, at_ns)
        self._mark = _Mark(frame.track, frame.rtp, rtp, at_ns)
        self._feed.send(self._section.kind, frame.data, rtp, at_ns, frame.level)

    def _timestamp(self, frame: Frame, at_ns: int) -> int:
        rate, last = self._section.clock_rate, self._mark
        if last is None:
            return 0
        step_ns = at_ns - last.at_ns
        ticks = frame.rtp - last.rtp_in
        strays_ns = abs(ticks * SECOND // rate - step_ns)
        if frame.track == last.track and strays_ns <= JUMP_NS + step_ns // 1000:
            return last.rtp + ticks
        return last.rtp + max(1, step_ns * rate // SECOND)


def _cost_ns(picture: Frame) -> int:
    return max(CATCH_UP_LEAST_NS, len(picture.data) * 8 * SECOND // CATCH_UP_BPS)
