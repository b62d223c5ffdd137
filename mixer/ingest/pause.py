"""What of a conference goes into the journal while its recording is paused, and when it goes on.

Stands between those who receive (timeline.py, told.py) and the journal's writer; they go on as if
nothing were paused. From the pause on nothing is written that has its media time in it, whenever
it arrives. When the recording is to go on, what comes is held back until it is final what there
is to see (mixer/conference/shown.py): then the moment is decided, and what follows it is written.
A track begins again with a key picture of after the command, so nothing of the paused time is
needed to decode it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from mixer.clock import SECOND
from mixer.conference.difference import as_events, difference
from mixer.conference.shown import LIMIT_NS, first_moment_ns
from mixer.conference.state import State, apply, empty, find_stream
from mixer.edit import Span, edit_list
from mixer.ingest.timeline import MIN_GAP_NS
from mixer.journal import (
    PAUSED,
    RECEIVED,
    RESUMED,
    Alignment,
    Event,
    Frame,
    FrameFlag,
    Gap,
    JournalWriter,
    Note,
    Track,
    media_time_ns,
)
from mixer.journal.model import Codec, Kind, Source

UNPLACED_NS = SECOND  # so long after a pause frames of unaligned tracks wait for their media time
MAX_UNPLACED = 1000  # of each track; a track is aligned within 0.6 s
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing was journalled from `paused_ns` to `resumed_ns`, but for pictures from `asked_ns`
    on: the first of them is a key picture, and they lead to what is seen at `resumed_ns`."""

    paused_ns: int
    asked_ns: int
    resumed_ns: int


class PausableWriter:
    """Fulfils timeline.Writer. `pause`, `resume` as told, `watermark` often, `finish` at the end.

    `emit` is told `paused` {t_ns} and `resumed` {t_ns} once that is certain. `pauses`, `state`:
    what the journal's earlier runs have left; an open pause goes on.
    """

    def __init__(
        self,
        writer: JournalWriter,
        emit: Callable[..., None],
        pauses: Sequence[Span] = (),
        state: State | None = None,
    ) -> None:
        self._writer = writer
        self._emit = emit
        self._closed = [_closed(one) for one in pauses if one.stop_ns is not None]
        self._paused_ns = next((one.start_ns for one in pauses if one.stop_ns is None), None)
        self._asked_ns: int | None = None  # since when the recording is to go on
        self._plain = not pauses
        self._state = self._journalled = state or empty()  # that is, and as the journal has it
        self._tracks: dict[int, Track] = {}
        self._unannounced: set[int] = set()
        self._latest: dict[int, Alignment] = {}
        self._aligned: set[int] = set()  # tracks with an alignment in the journal
        self._alignments: dict[int, list[Alignment]] = {}  # to be written before the next frame
        self._awaits_key: dict[int, int] = {}  # track → from when on a key picture serves
        self._unplaced: dict[int, list[Frame]] = {}  # of tracks that are not aligned yet
        self._frames: list[tuple[int, Frame]] = []  # held while it is decided when to go on
        self._events: list[Event] = []
        self._gaps: list[Gap] = []
        self._notes: list[Note] = []

    @property
    def paused(self) -> bool:
        """Nothing is journalled, and nothing is to be."""
        return self._paused_ns is not None and self._asked_ns is None

    @property
    def resuming(self) -> bool:
        """Asked to go on; since when the recording does is not decided yet."""
        return self._asked_ns is not None

    @property
    def anew_ns(self) -> int:
        """Pictures begin anew there: earlier ones are of a pause. 0 before the first pause."""
        if self._asked_ns is not None:
            return self._asked_ns
        return self._closed[-1].asked_ns if self._closed else 0

    @property
    def watermark_ns(self) -> int:
        return self._writer.watermark_ns

    @property
    def media_bytes(self) -> int:
        return self._writer.media_bytes

    # --- when ---------------------------------------------------------------------------------

    def pause(self, t_ns: int, state: State) -> None:
        """From `t_ns` on nothing is journalled. `state`: what all events so far add up to."""
        if self._asked_ns is not None:
            self._settle(t_ns)
        if self._paused_ns is None:
            after_ns = self._closed[-1].resumed_ns + 1 if self._closed else 0
            self._paused_ns = max(t_ns, self._writer.watermark_ns, after_ns)
            self._plain = False
            self._state = self._journalled = state
            self._writer.note(Note(self._paused_ns, PAUSED))
        self._emit("paused", t_ns=self._paused_ns)

    def resume(self, t_ns: int) -> None:
        """Goes on as soon as there is something to see, at most LIMIT_NS after `t_ns`."""
        if self._paused_ns is None:
            self._emit("resumed", t_ns=self._closed[-1].resumed_ns if self._closed else 0)
        elif self._asked_ns is None:
            self._asked_ns = t_ns
            videos = (track.id for track in self._tracks.values() if track.kind == "video")
            self._awaits_key = dict.fromkeys(videos, t_ns)

    def watermark(self, t_ns: int) -> None:
        """Everything before `t_ns` has been received; final in the journal unless held back."""
        if self._asked_ns is not None:
            if t_ns <= self._asked_ns + LIMIT_NS:
                self._writer.watermark(min(t_ns, self._asked_ns))
                return
            self._go_on(self._moment_ns())
        self._writer.watermark(t_ns)

    def finish(self, end_ns: int) -> None:
        """The recording ends at `end_ns`; everything has been received."""
        if self._asked_ns is not None:
            self._settle(end_ns)
        self._writer.watermark(end_ns)

    def _settle(self, t_ns: int) -> None:
        """Goes on as far as there is time before `t_ns`; else the pause has never been left."""
        moment_ns = self._moment_ns()
        if moment_ns < t_ns:
            self._go_on(moment_ns, t_ns)
            return
        self._asked_ns = None
        for event in _taken(self._events):
            self._state = apply(self._state, event.type, event.data)
        self._frames.clear()
        for gap in _taken(self._gaps):
            self.gap(gap)

    def _moment_ns(self) -> int:
        assert self._asked_ns is not None
        asked_ns = self._asked_ns
        first = [Event(asked_ns, type_, data) for type_, data in as_events(self._state)]
        told = sorted(self._events, key=lambda event: event.t_ns)
        return first_moment_ns([*first, *told], asked_ns)

    def _go_on(self, moment_ns: int, until_ns: int | None = None) -> None:
        """The recording goes on at `moment_ns`; of what is held, what lies before `until_ns`."""
        assert self._paused_ns is not None and self._asked_ns is not None
        self._writer.note(Note(moment_ns, RESUMED))
        self._closed.append(Pause(self._paused_ns, self._asked_ns, moment_ns))
        self._paused_ns = self._asked_ns = None
        later = []
        for event in sorted(_taken(self._events), key=lambda event: event.t_ns):
            # the conference is told at once that it is recorded, and answers a little later
            if event.t_ns <= moment_ns or event.type == "recording.updated":
                self._state = apply(self._state, event.type, event.data)
            else:
                later.append(event)
        for type_, data in difference(self._journalled, self._state):
            self._writer.event(Event(moment_ns, type_, data))
        for note in _taken(self._notes):
            if find_stream(self._state, str(note.data["stream"])) is not None:
                self._writer.note(Note(max(note.t_ns, moment_ns), note.type, note.data))
        for event in later:
            self.event(event)
        for media_ns, frame in _taken(self._frames):
            if until_ns is None or media_ns < until_ns:
                self._place(frame, media_ns)
        for gap in _taken(self._gaps):
            self.gap(gap)
        self._emit("resumed", t_ns=moment_ns)

    # --- what ---------------------------------------------------------------------------------

    def track(
        self,
        *,
        participant: str,
        stream: str,
        source: Source,
        kind: Kind,
        codec: Codec,
        clock_rate: int,
        ssrc: int = 0,
        fmtp: str = "",
    ) -> Track:
        id_ = self._writer.next_track()
        made = Track(id_, participant, stream, source, kind, codec, clock_rate, ssrc, fmtp)
        self._tracks[id_] = made
        if self._plain:
            self._writer.announce(made)
            return made
        self._unannounced.add(id_)
        if kind == "video" and self._asked_ns is not None:
            self._awaits_key[id_] = self._asked_ns
        return made

    def frame(self, frame: Frame) -> None:
        if self._plain:
            self._writer.frame(frame)
            return
        alignment = self._latest.get(frame.track)
        if alignment is None:
            self._await_alignment(frame)
            return
        media_ns = media_time_ns(alignment, self._tracks[frame.track].clock_rate, frame.rtp)
        key_ns = self._awaits_key.get(frame.track)
        if key_ns is not None and media_ns >= key_ns:
            if frame.flags != FrameFlag.KEY:
                return
            del self._awaits_key[frame.track]
        self._place(frame, media_ns)

    def align(self, alignment: Alignment) -> None:
        track = alignment.track
        self._latest[track] = alignment
        if self._plain or self._passes(alignment):
            self._aligned.add(track)
            self._writer.align(alignment)
        else:
            before = self._alignments.get(track, []) if self._asked_ns is not None else []
            self._alignments[track] = [*before, alignment]
        if self._unplaced:
            for frame in self._unplaced.pop(track, ()):
                self._release(frame)

    def gap(self, gap: Gap) -> None:
        if self._plain:
            self._writer.gap(gap)
        elif self._asked_ns is not None:
            self._gaps.append(gap)
        elif gap.track not in self._unannounced:
            for from_ns, to_ns in self._recorded(gap.from_ns, gap.to_ns):
                self._writer.gap(Gap(gap.track, from_ns, to_ns, gap.reason))

    def event(self, event: Event) -> None:
        if self._paused_ns is None or event.t_ns < self._paused_ns:
            if self._paused_ns is not None:
                self._state = apply(self._state, event.type, event.data)
                self._journalled = apply(self._journalled, event.type, event.data)
            self._writer.event(Event(self._recorded_ns(event.t_ns), event.type, event.data))
        elif self._asked_ns is None:
            self._state = apply(self._state, event.type, event.data)
        else:
            self._events.append(event)

    def note(self, note: Note) -> None:
        """Notes about a stream are held back: who came and left during a pause is not noted."""
        if note.type == RECEIVED:
            if note.data["track"] not in self._unannounced:
                self._writer.note(note)
        elif self._paused_ns is not None and "stream" in note.data:
            self._notes.append(note)
        else:
            self._writer.note(note)

    def _place(self, frame: Frame, media_ns: int) -> None:
        """Writes the frame, holds it back or drops it, by its media time."""
        if self._paused_ns is not None and media_ns >= self._paused_ns:
            if self._asked_ns is not None and media_ns >= self._asked_ns:
                self._frames.append((media_ns, frame))
            return
        video = self._tracks[frame.track].kind == "video"
        pause = self._pause_at(media_ns)
        if pause is None or (video and media_ns >= pause.asked_ns):
            self._write(frame)

    def _write(self, frame: Frame) -> None:
        """With the track and its alignments, if they have been held back."""
        track = frame.track
        if self._paused_ns is None:
            if track in self._unannounced:
                self._unannounced.discard(track)
                self._writer.announce(self._tracks[track])
            for alignment in self._alignments.pop(track, ()):
                self._aligned.add(track)
                self._writer.align(alignment)
        elif track in self._unannounced:
            return
        self._writer.frame(frame)

    def _await_alignment(self, frame: Frame) -> None:
        """Media time is not later than arrival; by how much it is earlier is not known yet."""
        after_ns = self._closed[-1].resumed_ns + UNPLACED_NS if self._closed else 0
        until_ns = self._paused_ns if self._paused_ns is not None else frame.arrival_ns + 1
        if after_ns <= frame.arrival_ns < until_ns:
            self._write(frame)
            return
        waiting = self._unplaced.setdefault(frame.track, [])
        if len(waiting) < MAX_UNPLACED:
            waiting.append(frame)

    def _release(self, frame: Frame) -> None:
        """Its track is aligned now; where that took too long, the frame is of no use any more."""
        track = self._tracks[frame.track]
        media_ns = media_time_ns(self._latest[track.id], track.clock_rate, frame.rtp)
        if media_ns >= self._writer.watermark_ns:
            self.frame(frame)
        elif track.kind == "video":
            self._awaits_key.setdefault(track.id, media_ns)

    def _passes(self, alignment: Alignment) -> bool:
        """Whether it is written at once: it is needed for frames that are in the journal."""
        track = alignment.track
        if track in self._unannounced or track in self._alignments:
            return False
        if self._paused_ns is None or alignment.media_ns < self._paused_ns:
            return True
        return track not in self._aligned

    def _recorded(self, from_ns: int, to_ns: int) -> Iterator[tuple[int, int]]:
        """The parts of a stretch of time that lie in no pause."""
        pauses = [Span(one.paused_ns, one.resumed_ns) for one in self._closed]
        if self._paused_ns is not None:
            pauses.append(Span(self._paused_ns))
        for span in edit_list(from_ns, to_ns, pauses, 1).spans:
            if span.stop_ns is not None and span.stop_ns - span.start_ns > MIN_GAP_NS:
                yield span.start_ns, span.stop_ns

    def _recorded_ns(self, t_ns: int) -> int:
        """That time, or the end of the pause in which it lies."""
        pause = self._pause_at(t_ns)
        return t_ns if pause is None else pause.resumed_ns

    def _pause_at(self, t_ns: int) -> Pause | None:
        for pause in reversed(self._closed):
            if t_ns >= pause.resumed_ns:
                return None
            if t_ns >= pause.paused_ns:
                return pause
        return None


def _taken(held: list[T]) -> list[T]:
    taken = held.copy()
    held.clear()
    return taken


def _closed(span: Span) -> Pause:
    assert span.stop_ns is not None
    return Pause(span.start_ns, span.stop_ns, span.stop_ns)
