"""Which stretches of a recording a file shows, one after the other, and on which grid of frames.

An edit list is a function of where a mix starts and stops and of the recording's pauses, so the
page pass, the workers and the sound derive it each for themselves, live or later. Neighbours:
clock.py counts within one span; journal/ knows the pauses; recorder/ joins the parts of a mix.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from .clock import SECOND, first_frame_showing, frame_time_ns

SAMPLE_RATE_HZ = 48_000


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of journal time, [start_ns, stop_ns). `stop_ns` None: its end is not known yet."""

    start_ns: int
    stop_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """Samples of a file that lie side by side in the journal, too."""

    start_ns: int  # journal time of the first one
    samples: int
    joins: bool  # sound from elsewhere comes before its first sample
    parts: bool  # sound from elsewhere comes after its last one


@dataclass(frozen=True)
class EditList:
    """Spans one after the other. Frames are counted over all of them.

    Each span starts a grid of its own: its frame k shows start + (k + ½) / fps, and it has the
    frames whose time lies in it. `open`: more may come at the end.
    """

    spans: tuple[Span, ...]
    fps: int
    open: bool = False

    @cached_property
    def _firsts(self) -> list[int]:
        """Number of the first frame of each span, and of the one after the last."""
        return [0, *accumulate(self._length(span) for span in self.spans)]

    def _length(self, span: Span) -> int:
        if span.stop_ns is None:
            return 0
        return first_frame_showing(span.start_ns, span.stop_ns, self.fps)

    @property
    def frames(self) -> int | None:
        """Number of frames in all, at least one; None while the end is not known."""
        return None if self.open else max(1, self._firsts[-1])

    @property
    def is_empty(self) -> bool:
        """No frame lies in it, and its end is known: as a file of its own it has one nevertheless,
        but joined with others none."""
        return not self.open and self._firsts[-1] == 0

    def frame_ns(self, frame: int) -> int:
        """Journal time that an output frame shows: the middle of its interval."""
        at = self._span_of(frame)
        return frame_time_ns(self.spans[at].start_ns, frame - self._firsts[at], self.fps)

    def start_ns(self, frame: int) -> int:
        """Journal time at which an output frame's interval begins."""
        at = self._span_of(frame)
        return self.spans[at].start_ns + (frame - self._firsts[at]) * SECOND // self.fps

    def stop_ns(self, frame: int) -> int:
        """Journal time at which the interval of the output frame before this one ends."""
        at = self._span_of(frame - 1)
        return self.spans[at].start_ns + (frame - self._firsts[at]) * SECOND // self.fps

    def first_frame_showing(self, t_ns: int) -> int:
        """The first output frame in which something that holds from `t_ns` on is to be seen: the
        number of frames that show earlier times."""
        at = bisect_right(self.spans, t_ns, key=lambda span: span.start_ns) - 1
        if at < 0:
            return 0
        span = self.spans[at]
        if span.stop_ns is not None and t_ns >= span.stop_ns:
            return self._firsts[at + 1]
        return self._firsts[at] + first_frame_showing(span.start_ns, t_ns, self.fps)

    def output_seconds(self, t_ns: int) -> float:
        """Where in the file a journal time is, in seconds; what no span holds is where the next
        one begins, and what comes after the last is the end."""
        at = bisect_right(self.spans, t_ns, key=lambda span: span.start_ns) - 1
        if at < 0:
            return 0.0
        beyond = (t_ns - self.spans[at].start_ns) / SECOND
        frames = self._firsts[at + 1] - self._firsts[at]
        open_ = self.open and at == len(self.spans) - 1
        return self._firsts[at] / self.fps + (beyond if open_ else min(beyond, frames / self.fps))

    def sample(self, frame: int) -> int:
        """Number of the first 48 kHz sample that belongs to an output frame."""
        return frame * SAMPLE_RATE_HZ // self.fps

    def samples(self, first: int, count: int) -> int:
        """How many samples output frames first … first + count − 1 last."""
        return self.sample(first + count) - self.sample(first)

    def stretches(self, first: int, count: int) -> Iterator[Stretch]:
        """The sound of output frames first … first + count − 1, cut where spans meet."""
        end = first + count
        while first < end:
            at = self._span_of(first)
            last = at == len(self.spans) - 1
            until = end if last else min(end, self._firsts[at + 1])
            offset = self.sample(first) - self.sample(self._firsts[at])
            yield Stretch(
                self.spans[at].start_ns + round(offset * SECOND / SAMPLE_RATE_HZ),
                self.samples(first, until - first),
                joins=at > 0 and first == self._firsts[at],
                parts=not last and until == self._firsts[at + 1],
            )
            first = until

    def _span_of(self, frame: int) -> int:
        """Index of the span in which an output frame lies; one beyond the end lies in the last."""
        return min(bisect_right(self._firsts, frame), len(self.spans)) - 1


def edit_list(start_ns: int, stop_ns: int | None, pauses: Iterable[Span], fps: int) -> EditList:
    """From start to stop without the pauses, which are in order of time and do not overlap."""
    spans = tuple(_without(Span(start_ns, stop_ns), pauses))
    if not spans:
        spans = (Span(start_ns, start_ns),)  # started within a pause
    return EditList(spans, fps, open=stop_ns is None)


def joined(parts: Sequence[EditList]) -> EditList:
    """The parts of a mix one after the other; all have the same frame rate, and an end."""
    return EditList(tuple(span for part in parts for span in part.spans), parts[0].fps)


def _without(span: Span, pauses: Iterable[Span]) -> Iterator[Span]:
    at, end = span.start_ns, span.stop_ns
    for pause in pauses:
        if pause.stop_ns is not None and pause.stop_ns <= at:
            continue
        if end is not None and pause.start_ns >= end:
            break
        if pause.start_ns > at:
            yield Span(at, pause.start_ns)
        if pause.stop_ns is None:
            return
        at = pause.stop_ns
    if end is None or at < end:
        yield Span(at, end)
