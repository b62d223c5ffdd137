"""Goes through a recording's sound once, in order, as it becomes final: the mix and each leg.

Always in the same segments, whose sound does not depend on when they are made: live, later, or
again after a kill, everything is the same to the bit. Neighbours: sound/ makes the samples,
attendance.py says whose stay they belong to, audio_making.py encodes them.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..clock import SECOND
from ..edit import EditList, Span, Stretch, edit_list
from ..journal import Journal
from ..sound import audio_tracks, edited_needed_ns
from ..sound.edited import fade_at_seams
from ..sound.mix import Voice, alone, together, voices
from ..sound.opus import SAMPLE_RATE_HZ, Samples
from ..sound.played import played_sounds
from .attendance import Attendance

FPS = 30  # the grid of frames that lengths and seams lie on: that of videos at the default rate
SEGMENT_FRAMES = 150  # 5 s: what is left to do at a stop, at most
POLL_S = 0.05


class EndedEarlier(Exception):
    """More has been made than there is: all is to be made again, with the end known."""


@dataclass(frozen=True, slots=True, order=True)
class LegKey:
    """A participant's sound of one source in one stay (the participant's n-th, from 0)."""

    participant: str
    source: str
    stay: int


@dataclass(slots=True)
class LegSound:
    """A leg's part of a portion: (samples, 1), and for which stretches [from, to) of it, in
    samples, something was sent."""

    sound: Samples
    sent: list[tuple[int, int]] = field(default_factory=list)


@dataclass(slots=True)
class Portion:
    """The next samples of all files. Legs that are not in it are silent."""

    first: int  # number of its first sample
    mix: Samples  # (samples, 2)
    legs: dict[LegKey, LegSound]

    @property
    def samples(self) -> int:
        return len(self.mix)


@dataclass(frozen=True, slots=True)
class Loud:
    """What the mix is multiplied with, and what its true peak is then limited to."""

    gain: float
    ceiling: float


class AudioPass:
    """One job's way through its journal. `stop_ns` is the end of the last part, once known."""

    def __init__(self, journal: Journal, parts: Sequence[Span]) -> None:
        self.stop_ns = parts[-1].stop_ns
        self.attendance = Attendance()
        self._journal = journal
        self._parts = parts

    @property
    def edits(self) -> EditList:
        """The parts one after the other, each without the pauses in it, as far as known."""
        stop_ns = self.stop_ns
        if stop_ns is None and self._journal.finished:
            stop_ns = max(self._parts[-1].start_ns, self._journal.watermark_ns)
        parts = [*self._parts[:-1], Span(self._parts[-1].start_ns, stop_ns)]
        pauses = self._journal.pauses
        lists = [edit_list(part.start_ns, part.stop_ns, pauses, FPS) for part in parts]
        spans = tuple(span for one in lists for span in one.spans)
        return EditList(spans, FPS, open=stop_ns is None)

    def total(self, edits: EditList) -> int | None:
        """Number of output frames; None while the end, or a pause before it, may be unknown."""
        journal = self._journal
        seen = journal.finished or journal.watermark_ns >= (self.stop_ns or 0)
        return edits.frames if seen else None

    def known(self, edits: EditList) -> int:
        """Output frames whose times are final."""
        if self._journal.finished and edits.frames is not None:
            return edits.frames
        return edits.first_frame_showing(self._journal.watermark_ns)

    def portions(self, *, legs: bool, loud: Loud | None = None) -> Iterator[Portion]:
        """All of them, each as soon as it is final; waits for them if need be.

        Raises EndedEarlier when the end, told late, lies before what has been given already.
        """
        first = 0
        while True:
            edits = self.edits  # one view of it: the end may be told at any time
            total = self.total(edits)
            if total is not None and first >= total:
                break
            end = first + SEGMENT_FRAMES if total is None else min(first + SEGMENT_FRAMES, total)
            if self._is_final(edits, first, end):
                yield self._portion(edits, first, end - first, legs, loud)
                first = end
            else:
                time.sleep(POLL_S)
                self._journal.refresh()
        if first > total:
            raise EndedEarlier

    def _is_final(self, edits: EditList, first: int, end: int) -> bool:
        """Also that the next frame is known, or that there is none: whether the sound goes before
        a seam depends on it."""
        if self.total(edits) is None and self.known(edits) <= end:
            return False
        needed_ns = edited_needed_ns(edits, first, end - first)
        return self._journal.finished or self._journal.watermark_ns >= needed_ns

    def _portion(
        self, edits: EditList, first: int, count: int, legs: bool, loud: Loud | None
    ) -> Portion:
        self.attendance.advance(self._journal)
        samples = edits.samples(first, count)
        portion = Portion(edits.sample(first), np.zeros((samples, 2), dtype=np.float32), {})
        at = 0
        for stretch in edits.stretches(first, count):
            self._add(portion, at, stretch, legs, loud)
            at += stretch.samples
        return portion

    def _add(
        self, portion: Portion, at: int, stretch: Stretch, legs: bool, loud: Loud | None
    ) -> None:
        """Lays a stretch's sound into a portion, from sample `at` on."""
        chosen = audio_tracks(self._journal)
        found = dict(voices(self._journal, chosen, stretch.start_ns, stretch.samples))
        sounds = [voice.sound for voice in found.values()]
        sounds += played_sounds(self._journal, stretch.start_ns, stretch.samples)
        gain = (loud.gain, loud.ceiling) if loud else ()
        sound = together(sounds, stretch.samples, *gain)
        portion.mix[at : at + stretch.samples] = fade_at_seams(sound, stretch)
        if legs:
            self._add_legs(portion, at, stretch, found)

    def _add_legs(
        self, portion: Portion, at: int, stretch: Stretch, found: dict[int, Voice]
    ) -> None:
        """Lays each participant's sound into the legs of a portion, from sample `at` on."""
        by_source: dict[tuple[str, str], list[Voice]] = defaultdict(list)
        for track, voice in found.items():
            about = self._journal.tracks[track]
            by_source[about.participant, about.source].append(voice)
        for (participant, source), given in by_source.items():
            sound = alone([voice.sound for voice in given], stretch.samples)
            fade_at_seams(sound, stretch)
            sent = [span for voice in given for span in voice.sent]
            for stay, begin, end in self._by_stay(participant, stretch):
                cut = [(max(a, begin), min(b, end)) for a, b in sent if a < end and begin < b]
                if cut:
                    key = LegKey(participant, source, stay)
                    _lay(portion, key, at, sound[begin:end], begin, cut)

    def _by_stay(self, participant: str, stretch: Stretch) -> Iterator[tuple[int, int, int]]:
        """(stay, from, to): the samples of a stretch that belong to each stay."""
        begin = 0
        end_ns = stretch.start_ns + stretch.samples * SECOND // SAMPLE_RATE_HZ
        first = self.attendance.stay_at(participant, stretch.start_ns)
        starts: Iterable[int] = self.attendance.owned(participant)[first + 1 :]
        for stay, start_ns in enumerate(starts, first):
            if start_ns >= end_ns:
                break
            end = -(-(start_ns - stretch.start_ns) * SAMPLE_RATE_HZ // SECOND)
            yield stay, begin, end
            begin, first = end, stay + 1
        yield first, begin, stretch.samples


def _lay(
    portion: Portion,
    key: LegKey,
    at: int,
    sound: Samples,
    begin: int,
    sent: Sequence[tuple[int, int]],
) -> None:
    leg = portion.legs.get(key)
    if leg is None:
        leg = portion.legs[key] = LegSound(np.zeros((portion.samples, 1), dtype=np.float32))
    leg.sound[at + begin : at + begin + len(sound)] = sound
    leg.sent += [(at + a, at + b) for a, b in sent]
