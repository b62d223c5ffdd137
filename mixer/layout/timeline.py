"""The journal's events, told in output frames: what happens when, and how far all is final."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from typing import Any

from mixer.clock import MILLISECOND, SECOND
from mixer.conference import state as conference
from mixer.conference.presentation import placed
from mixer.edit import EditList, edit_list
from mixer.journal import Event, Journal

EventJson = Mapping[str, Any]
OBJECTS_URL = "http://layout.localhost/objects/"  # where pages get the journal's (serving.py)


class Timeline:
    """Events of a growing journal from `start_ns` on. `stop_ns` None: the end is not known yet.

    What happens between two frames, or in a pause, is to be seen in the next frame.
    """

    def __init__(self, journal: Journal, *, start_ns: int, stop_ns: int | None, fps: int) -> None:
        self.fps = fps
        self._start_ns = start_ns
        self._journal = journal
        self._stop_ns = stop_ns
        self._read_ns = 0
        self._frames: list[int] = []  # the frame in which each event is first to be seen
        self._events: list[Event] = []
        self._take()

    def stop_at(self, stop_ns: int) -> None:
        self._stop_ns = stop_ns
        self._take()

    def refresh(self) -> bool:
        """Reads what is new; True if anything is."""
        if not self._journal.refresh():
            return False
        self._take()
        return True

    def _take(self) -> None:
        self._edits = self._edit_list()
        spans = self._edits.spans[1:]
        self._resuming = {self._edits.first_frame_showing(span.start_ns) for span in spans}
        until = self._journal.watermark_ns
        for event in self._journal.events(self._read_ns, until):
            self._frames.append(self._edits.first_frame_showing(event.t_ns))
            self._events.append(_placed(event))
        self._read_ns = max(self._read_ns, until)

    def _edit_list(self) -> EditList:
        stop_ns = self._stop_ns
        if stop_ns is None and self._journal.finished:
            stop_ns = self._journal.watermark_ns
        return edit_list(self._start_ns, stop_ns, self._journal.pauses, self.fps)

    def time_ns(self, frame: int) -> int:
        return self._edits.frame_ns(frame)

    def skipped_ms(self, first: int, frame: int) -> int:
        """How much longer it is from one frame's time to another's than they lie apart: pauses."""
        apart_ns = (frame - first) * SECOND // self.fps
        return round((self.time_ns(frame) - self.time_ns(first) - apart_ns) / MILLISECOND)

    @property
    def total(self) -> int | None:
        """Number of frames in all; None while the end, or a pause before it, may not be known."""
        seen = self._journal.finished or self._journal.watermark_ns >= (self._stop_ns or 0)
        return self._edits.frames if seen else None

    @property
    def known(self) -> int:
        """All events that are to be seen in frames before this one are known."""
        total = self.total
        if total is None:
            return self._edits.first_frame_showing(self._journal.watermark_ns)
        return total

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

    def resumes(self, frame: int) -> bool:
        """True for the first frame after a pause: much page time lies before it."""
        return frame in self._resuming

    def next_resuming_after(self, frame: int) -> int | None:
        """The next first frame after a pause, as far as it is known."""
        return min((at for at in self._resuming if at > frame), default=None)

    def next_event_after(self, frame: int) -> int | None:
        """The next frame with events, as far as they are known."""
        index = bisect_right(self._frames, frame)
        return self._frames[index] if index < len(self._frames) else None


def _placed(event: Event) -> Event:
    """The event with the pages of what is presented where a layout can load them."""
    if event.type != "presentation.started":
        return event
    presentation = placed(event.data["presentation"], OBJECTS_URL)
    return Event(event.t_ns, event.type, {**event.data, "presentation": presentation})
