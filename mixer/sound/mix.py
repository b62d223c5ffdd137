"""What one hears at a stretch of time: all voices together, or each of them alone.

A segment depends on its arguments and the journal only: decoders start afresh PREROLL samples
before it, and the limiter sees a fixed neighbourhood. Segments can be made in any order and on any
machine; side by side they are one sound. Neighbours: place.py, voice.py, limiter.py; encode/ turns
segments into files.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from mixer.journal.model import Alignment, Event, Frame, Gap, Track
from mixer.sound.limiter import AHEAD, HISTORY, limit, limit_true_peak
from mixer.sound.opus import ENCODER_DELAY, MAX_PACKET_SAMPLES, SAMPLE_RATE_HZ, Samples
from mixer.sound.place import LONGEST_REPAIR, Placement, Run, place
from mixer.sound.played import played_sounds
from mixer.sound.voice import voice

PREROLL = 28_800
"""Samples (0.6 s) that are decoded before a segment, so that decoders agree where segments meet."""

_LOOK_AHEAD = AHEAD + ENCODER_DELAY + LONGEST_REPAIR + 2 * MAX_PACKET_SAMPLES
"""Samples (about 0.35 s) after a segment's end up to which the journal has to be final."""


class SoundSource(Protocol):
    """What is needed of a journal (mixer.journal.Journal)."""

    @property
    def tracks(self) -> Mapping[int, Track]: ...

    @property
    def gaps(self) -> Sequence[Gap]: ...

    @property
    def alignments(self) -> Mapping[int, Sequence[Alignment]]: ...

    @property
    def directory(self) -> Path: ...

    @property
    def watermark_ns(self) -> int: ...

    def events(self, from_ns: int = 0, to_ns: int | None = None) -> Sequence[Event]: ...

    def media_ns(self, track: int, rtp: int) -> int: ...

    def frames(
        self, tracks: Collection[int], from_ns: int, to_ns: int
    ) -> Iterable[tuple[int, Frame]]: ...


def mix_segment(journal: SoundSource, start_ns: int, samples: int) -> Samples:
    """All voices, shared sounds and videos together: float32 (samples, 2), 48 kHz, within -1 dBFS.

    Sample k is what was to be heard at start_ns + k / 48000 s. Where nothing exceeds the limiter's
    ceiling, it is the plain sum. Final once the journal's watermark has reached
    `needed_ns(start_ns, samples)`.
    """
    found = voices(journal, audio_tracks(journal), start_ns, samples)
    sounds = [voice.sound for _, voice in found]
    return together([*sounds, *played_sounds(journal, start_ns, samples)], samples)


@dataclass(frozen=True, slots=True)
class Voice:
    """One track's part of a segment of `samples` samples.

    `sound`: (HISTORY + samples + AHEAD, 1 or 2), what `together` takes. `sent`: the stretches
    [from, to) of the segment, in samples, for which there were packets.
    """

    sound: Samples
    sent: tuple[tuple[int, int], ...]


def voices(
    journal: SoundSource, tracks: Collection[int], start_ns: int, samples: int
) -> Iterator[tuple[int, Voice]]:
    """What each of these tracks gives to a segment, by track, as far as it gives anything."""
    from_ns = start_ns - PREROLL * 1_000_000_000 // SAMPLE_RATE_HZ
    packets: dict[int, list[Frame]] = defaultdict(list)
    for _, frame in journal.frames(tracks, from_ns, needed_ns(start_ns, samples)):
        packets[frame.track].append(frame)
    runs = {
        track: runs
        for track in sorted(packets)
        if (runs := _runs(journal, track, packets[track], start_ns))
    }
    for track, until in _ends(journal, runs).items():
        sound = voice(runs[track], -HISTORY, HISTORY + samples + AHEAD, until)
        yield track, Voice(sound, _sent(runs[track], samples, until))


def together(
    sounds: Iterable[Samples], samples: int, gain: float = 1.0, true_peak: float | None = None
) -> Samples:
    """Voices' sounds of one segment, added, amplified and limited: float32 (samples, 2).

    `true_peak`: what to limit the true peak to (1.0 is full scale); else no sample is above the
    limiter's ceiling.
    """
    total = np.zeros((HISTORY + samples + AHEAD, 2), dtype=np.float32)
    for sound in sounds:
        total += sound
    if gain != 1.0:
        total *= np.float32(gain)
    limited = limit(total) if true_peak is None else limit_true_peak(total, true_peak)
    return limited[HISTORY : HISTORY + samples]


def alone(sounds: Iterable[Samples], samples: int) -> Samples:
    """As `together`, but as one channel, the mean of two: float32 (samples, 1)."""
    total = np.zeros((HISTORY + samples + AHEAD, 1), dtype=np.float32)
    for sound in sounds:
        total += sound.mean(axis=1, keepdims=True) if sound.shape[1] > 1 else sound
    return limit(total)[HISTORY : HISTORY + samples]


def needed_ns(start_ns: int, samples: int) -> int:
    """The watermark at which a segment is final."""
    return start_ns + (samples + _LOOK_AHEAD) * 1_000_000_000 // SAMPLE_RATE_HZ


def audio_tracks(journal: SoundSource) -> list[int]:
    """Tracks with sound."""
    return [track.id for track in journal.tracks.values() if track.kind == "audio"]


def _runs(journal: SoundSource, track: int, frames: Sequence[Frame], start_ns: int) -> list[Run]:
    alignments = journal.alignments.get(track) or _by_arrival(journal, track, frames[0].rtp)
    if not alignments:
        return []
    gaps = [gap for gap in journal.gaps if gap.track == track]
    return place(frames, Placement(alignments, start_ns), gaps)


def _by_arrival(journal: SoundSource, track: int, rtp: int) -> list[Alignment]:
    """For a track whose writer died before it aligned it: as the journal places its packets. None
    while nothing is known of its time (the journal says -1 then)."""
    if journal.media_ns(track, rtp) == -1:
        return []
    return [Alignment(track, 0, journal.media_ns(track, 0), 0.0, "arrival", 0)]


def _sent(runs: Sequence[Run], samples: int, until: int | None) -> tuple[tuple[int, int], ...]:
    end = samples if until is None else min(samples, until)
    cut = [(max(0, run.start), min(end, run.end + run.tail)) for run in runs]
    return tuple((a, b) for a, b in cut if a < b)


def _ends(journal: SoundSource, runs: Mapping[int, Sequence[Run]]) -> dict[int, int | None]:
    """Where each track is taken over by a newer one of the same stream (after a reconnection)."""
    ends: dict[int, int | None] = {}
    newer: dict[str, int] = {}
    for track in sorted(runs, reverse=True):
        stream = journal.tracks[track].stream
        ends[track] = newer.get(stream)
        newer[stream] = runs[track][0].start
    return dict(sorted(ends.items()))
