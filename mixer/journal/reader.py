"""Reads a journal, finished or growing: the one door through which later stages see a recording.

Nothing at or after the watermark is ever shown, so what a reader gives does not depend on when it
is asked.
"""

from __future__ import annotations

import bisect
import heapq
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import clock
from ..clock import SECOND
from ..edit import Span
from ..errors import JournalDamaged
from ..lock import is_held
from .absence import Absence
from .identity import read_identity
from .model import PAUSED, RESUMED, Alignment, Event, Frame, FrameFlag, Gap, Note, Picture, Track
from .order import EventOrder
from .run import Damage, Run
from .writer import TRACKS_A_RUN, journal_time_ns, media_path

READ_AHEAD_NS = 2 * SECOND  # how much media time `frames` sorts at once
UNUSABLE = FrameFlag.LATE | FrameFlag.BROKEN


class Journal:
    """A journal as far as it is final. `refresh` shows what has become final since."""

    def __init__(
        self,
        directory: Path,
        identity: dict[str, Any],
        without: Collection[str] = (),
        hindsight: bool = False,
    ) -> None:
        self.directory = directory
        self._identity = identity
        self._absence = Absence(without)
        self._runs: dict[int, Run] = {}
        self._order = EventOrder(hindsight)
        self._fallback: dict[int, Alignment | None] = {}

    @classmethod
    def open(
        cls, directory: Path, without: Collection[str] = (), *, hindsight: bool = False
    ) -> Journal:
        """`without`: ids of participants of whom nothing is to be seen, as if they had never come.
        `hindsight`: videos that were presented are there at once, however late they were loaded;
        for what is made of a recording that has ended.

        Raises JournalMissing, JournalTooNew or JournalDamaged.
        """
        journal = cls(directory, read_identity(directory), without, hindsight)
        journal.refresh()
        try:
            journal.check()
        except JournalDamaged:
            if not journal.is_live():  # a writer that has just begun has said nothing yet
                raise
        return journal

    @property
    def conference(self) -> str:
        return str(self._identity["conference"])

    @property
    def started_wall(self) -> float:
        """Unix time, in seconds, of journal time 0."""
        return float(self._identity["wall"])

    def now_ns(self) -> int:
        """Journal time now; only for those who steer a recording, never in a render."""
        return journal_time_ns(self._identity, clock.monotonic_ns())

    @property
    def runs(self) -> Sequence[Run]:
        return [self._runs[number] for number in sorted(self._runs)]

    @property
    def watermark_ns(self) -> int:
        """Everything before it is final: the least of what each living writer has said."""
        latest = {run.header["writer"]: run for run in self.runs if run.header}
        marks = [self._mark(run) for run in latest.values()]
        return min(marks, default=0)

    @property
    def finished(self) -> bool:
        """The recording has ended; nothing will be added."""
        latest = {run.header["writer"]: run for run in self.runs if run.header}
        return bool(latest) and all((run.end or {}).get("final") for run in latest.values())

    @property
    def tracks(self) -> Mapping[int, Track]:
        return {id_: track for run in self.runs for id_, track in run.tracks.items()}

    @property
    def gaps(self) -> Sequence[Gap]:
        return [gap for run in self.runs for gap in run.gaps]

    @property
    def notes(self) -> Sequence[Note]:
        return sorted((n for run in self.runs for n in run.notes), key=lambda note: note.t_ns)

    @property
    def pauses(self) -> Sequence[Span]:
        """Stretches in which nothing was journalled because the recording was paused, in order."""
        found: list[Span] = []
        for note in self.notes:
            paused = bool(found) and found[-1].stop_ns is None
            if note.type == PAUSED and not paused:
                found.append(Span(note.t_ns))
            elif note.type == RESUMED and paused:
                found[-1] = Span(found[-1].start_ns, note.t_ns)
        return found

    @property
    def damage(self) -> Sequence[Damage]:
        """Damage met so far, in what has been read; and media that nobody can read."""
        met = [damage for run in self.runs for damage in run.damage]
        ended = [run for run in self.runs if run.sealed or self.finished]
        return met + [damage for run in ended for damage in run.lost()]

    @property
    def alignments(self) -> Mapping[int, Sequence[Alignment]]:
        return {id_: made for run in self.runs for id_, made in run.alignments.items()}

    def refresh(self) -> bool:
        """Reads what is new on disk; True if there was anything."""
        for path in self.directory.glob("run-*.meta"):  # `runs` puts them in order
            number = int(path.stem[4:])
            if number not in self._runs:
                self._runs[number] = Run(self.directory, number, self._absence)
        news = [run.refresh() for run in self.runs]
        self._seal_superseded()
        return any(news)

    def events(self, from_ns: int = 0, to_ns: int | None = None) -> list[Event]:
        """Events with from_ns <= t < to_ns (and before the watermark), in order of time."""
        end = self.watermark_ns if to_ns is None else min(to_ns, self.watermark_ns)
        self._order.take(self.runs)
        return self._order.between(from_ns, end)

    def pictures(self, track: int) -> Sequence[Picture]:
        """Key pictures of a video track, in order, as far as they are final."""
        known = self._run_of(track).pictures.get(track, [])
        end = bisect.bisect_left(
            known, self.watermark_ns, key=lambda picture: self.media_ns(track, picture.rtp)
        )
        return known[:end]

    def key_before(self, track: int, t_ns: int) -> int | None:
        """Media time of the last key picture at or before `t_ns`, or None."""
        keys = self.pictures(track)
        at = bisect.bisect_right(keys, t_ns, key=lambda picture: self.media_ns(track, picture.rtp))
        return self.media_ns(track, keys[at - 1].rtp) if at else None

    def media_ns(self, track: int, rtp: int) -> int:
        """Media time of an RTP timestamp; -1 where nothing is known of the track's time yet."""
        alignment = self._alignment(track, rtp)
        if alignment is None:
            return -1
        clock_rate = self._run_of(track).tracks[track].clock_rate
        return media_time_ns(alignment, clock_rate, rtp)

    def frames(
        self, tracks: Collection[int], from_ns: int, to_ns: int
    ) -> Iterator[tuple[int, Frame]]:
        """(media time, frame) with from_ns <= media time < to_ns, sorted by (time, track).

        Late and broken frames are left out; nothing at or after the watermark is given.
        """
        end = min(to_ns, self.watermark_ns)
        at = from_ns
        while at < end:
            until = min(end, at + READ_AHEAD_NS)
            parts = [self._run_frames(run, tracks, at, until) for run in self.runs]
            yield from heapq.merge(*parts, key=lambda item: (item[0], item[1].track))
            at = until

    def is_live(self, besides: str = "") -> bool:
        """Whether a writer, or the recorder that starts them, is alive now; `besides`: a lock that
        does not count. Only for deciding on recovery; never in a render."""
        return any(is_held(path) for path in self.directory.glob("*.lock") if path.name != besides)

    def check(self) -> None:
        """Raises JournalDamaged where nothing can be made of what is there: a run's media file is
        gone, or no run's .meta says what the bytes of its media are.

        One run that can be read is enough, and so is what it says of its tracks.
        """
        for run in self.runs:
            path = media_path(self.directory, run.number)
            if not path.exists():
                raise JournalDamaged(f"{path} is missing; put it back")
        if any(run.header or run.has_tracks for run in self.runs):
            return
        if any(path.stat().st_size for path in self.directory.glob("run-*.m*")):
            raise JournalDamaged(
                f"{self.directory} is damaged: its run-*.meta are empty or unreadable; "
                "put them back from a copy, if there is one"
            )

    def close(self) -> None:
        for run in self.runs:
            run.close()

    def _run_frames(
        self, run: Run, tracks: Collection[int], from_ns: int, to_ns: int
    ) -> list[tuple[int, Frame]]:
        wanted = run.tracks.keys() & set(tracks)
        if not wanted:
            return []
        start, end = run.media_range(from_ns, to_ns)
        found = []
        for frame in run.media(start, end, wanted):
            media_ns = self.media_ns(frame.track, frame.rtp)
            if from_ns <= media_ns < to_ns and not frame.flags & UNUSABLE:
                found.append((media_ns, frame))
        return sorted(found, key=lambda item: (item[0], item[1].track, item[1].rtp))

    def _mark(self, run: Run) -> int:
        """What a writer has said in this run or an earlier one of its own.

        A new writer that has said nothing yet makes nothing final that lies after its beginning.
        """
        writer = run.header["writer"]
        earlier = [
            r for r in self.runs if r.number < run.number and r.header.get("writer") == writer
        ]
        if not earlier and not run.watermark_ns:
            return run.started_ns
        return max([run.watermark_ns, *(r.watermark_ns for r in earlier)])

    def _seal_superseded(self) -> None:
        latest: dict[str, Run] = {}
        for run in self.runs:
            if not run.header:
                continue
            writer = run.header["writer"]
            if writer in latest:
                latest[writer].sealed = True
            latest[writer] = run

    def _run_of(self, track: int) -> Run:
        return self._runs[track // TRACKS_A_RUN]

    def _alignment(self, track: int, rtp: int) -> Alignment | None:
        made = self._run_of(track).alignments.get(track)
        if not made:
            return self._arrival_alignment(track)
        at = bisect.bisect_right(made, rtp, key=lambda alignment: alignment.rtp)
        return made[max(0, at - 1)]

    def _arrival_alignment(self, track: int) -> Alignment | None:
        """For a track whose run died before it was aligned: least arrival − RTP of all it has."""
        run = self._run_of(track)
        if not run.sealed:
            return None
        if track not in self._fallback:
            self._fallback[track] = self._least_arrival(run, track)
        return self._fallback[track]

    def _least_arrival(self, run: Run, track: int) -> Alignment | None:
        clock_rate = run.tracks[track].clock_rate
        offsets = [
            (frame.arrival_ns - frame.rtp * SECOND // clock_rate, frame.rtp)
            for frame in run.media(0, run.media_length, {track})
        ]
        if not offsets:
            return None
        least, rtp = min(offsets)
        media_ns = least + rtp * SECOND // clock_rate
        return Alignment(track, rtp, media_ns, 0.0, "arrival", 50_000_000)


def media_time_ns(alignment: Alignment, clock_rate: int, rtp: int) -> int:
    """What Alignment's docstring says, in integers as far as it goes."""
    ticks = rtp - alignment.rtp
    skew_ns = round(ticks * 1000 * alignment.ppm / clock_rate) if alignment.ppm else 0
    return alignment.media_ns + ticks * SECOND // clock_rate + skew_ns
