"""The journal's events, told in output frames: what happens when, and how far all is final."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from typing import Any

from mixer.clock import SECOND, first_frame_showing, frame_time_ns
from mixer.conference import state as conference
from mixer.journal import Event, Journal

EventJson = Mapping[str, Any]


class Timeline:
    """Events of a growing journal from `start_ns` on. `stop_ns` None: the end is not known yet."""

    def __init__(self, journal: Journal, *, start_ns: int, stop_ns: int | None, fps: int) -> None:
        self.start_ns = start_ns
        self.fps = fps
        self._journal = journal
        self._stop_ns = stop_ns
        self._read_ns = 0
        self._frames: list[int] = []  # the frame in which each event is first to be seen
        self._events: list[Event] = []
        self._take()

    def stop_at(self, stop_ns: int) -> None:
        self._stop_ns = stop_ns

    def refresh(self) -> bool:
        """Reads what is new; True if anything is."""
        if not self._journal.refresh():
            return False
        self._take()
        return True

    def _take(self) -> None:
        until = self._journal.watermark_ns
        for event in self._journal.events(self._read_ns, until):
            self._frames.append(first_frame_showing(self.start_ns, event.t_ns, self.fps))
            self._events.append(event)
        self._read_ns = max(self._read_ns, until)

    def time_ns(self, frame: int) -> int:
        return frame_time_ns(self.start_ns, frame, self.fps)

    @property
    def total(self) -> int | None:
        """Number of frames in all; None while the end is not known."""
        stop_ns = self._stop_ns
        if stop_ns is None:
            if not self._journal.finished:
                return None
            stop_ns = self._journal.watermark_ns
        return max(1, ((stop_ns - self.start_ns) * self.fps + SECOND // 2) // SECOND)

    @property
    def known(self) -> int:
        """All events that are to be seen in frames before this one are known."""
        total = self.total
        if self._journal.finished and total is not None:
            return total
        seen = 0
        if self._journal.watermark_ns > self.start_ns:
            seen = first_frame_showing(self.start_ns, self._journal.watermark_ns, self.fps)
        return seen if total is None else min(seen, total)

    def state_at(self, frame: int) -> conference.State:
        """The conference as it is to be seen in a frame."""
        state = conference.empty(self._journal.conference)
        for event in self._events[: bisect_right(self._frames, frame)]:
            state = conference.apply(state, event.type, event.data)
        return state

    def events_at(self, frame: int) -> list[EventJson]:
        """What is first to be seen in this frame."""
        first, end = bisect_left(self._frames, frame), bisect_right(self._frames, frame)
        return [{"type": event.type, "data": event.data} for event in self._events[first:end]]

    def next_event_after(self, frame: int) -> int | None:
        """The next frame with events, as far as they are known."""
        index = bisect_right(self._frames, frame)
        return self._frames[index] if index < len(self._frames) else None
