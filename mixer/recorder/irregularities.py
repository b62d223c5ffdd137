"""Everything about a recording that did not go as it should, for `recording.json`.

docs/recording.md describes the entries. `result.py` puts them beside what was recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from ..clock import SECOND
from ..edit import Span
from ..journal import (
    PAUSED,
    RECEIVED,
    RESUMED,
    FrameFlag,
    Journal,
    UnusedFrames,
    damage_within,
)
from ..journal.run import Damage

MERGE_NS = 2 * SECOND  # unused frames nearer to each other than that are one entry
MAX_STRETCHES = 20  # of one track and type; where there are more, nearer ones are merged
UNUSED = {FrameFlag.LATE: "late", FrameFlag.BROKEN: "broken"}

Entry = dict[str, Any]


def irregularities(
    journal: Journal,
    notes_of_mixes: Mapping[str, Iterable[Mapping[str, Any]]],
    unused: UnusedFrames | None = None,
) -> list[Entry]:
    """Gaps, unused frames, reconnects, restarts, page failures, damage: in order of time.

    `notes_of_mixes`: what each mix's render noted, with `type` and perhaps `t_ns`, by the mix's id.
    `unused`: of this journal, as far as it was looked through before.
    """
    unused = unused or UnusedFrames()
    found = [
        *_gaps(journal),
        *_unused(journal, unused),
        *_notes(journal),
        *_of_mixes(notes_of_mixes),
    ]
    found += map(_timed, damage_notes(journal, [Span(0)], read=False))
    return sorted(found, key=lambda entry: (entry["t"] is None, entry["t"] or 0.0))


def damage_notes(journal: Journal, spans: Iterable[Span], *, read: bool = True) -> list[Entry]:
    """As a render's own notes: what of these stretches could not be read; stretches of damage, as
    of unused frames. Reads the stretches' media, or tells what the journal knows already."""
    found = damage_within(journal, spans, read=read)
    notes = [_damage(None, [damage]) for t_ns, damage in found if t_ns is None]
    for run in journal.runs:
        lost = [(t, d) for t, d in found if t is not None and d.run == run.number]
        taken = 0
        for stretch in stretches([t_ns for t_ns, _ in lost]):
            part = lost[taken : taken + len(stretch)]
            notes.append(_damage(stretch[0], [damage for _, damage in part]))
            taken += len(stretch)
    return notes


def _damage(t_ns: int | None, found: Sequence[Damage]) -> Entry:
    length = sum(damage.length for damage in found)
    where = {"file": found[0].file, "run": found[0].run, "bytes": length}
    return {"t_ns": t_ns, "type": "damage", **where}


def _gaps(journal: Journal) -> Iterable[Entry]:
    for gap in journal.gaps:
        seconds = _t(gap.to_ns - gap.from_ns)
        entry = {"t": _t(gap.from_ns), "type": "gap", "seconds": seconds, "reason": gap.reason}
        yield entry | _whose(journal, gap.track)


def _unused(journal: Journal, unused: UnusedFrames) -> Iterable[Entry]:
    """Frames that came late, and pictures whose reference is missing: one entry a stretch."""
    times: dict[tuple[int, FrameFlag], list[int]] = {}
    begun = {track: _first_picture_ns(journal, track) for track in journal.tracks}
    for frame in unused.told(journal):
        if frame.flag is FrameFlag.BROKEN and frame.t_ns < begun[frame.track]:
            continue  # what is sent before the first key picture is of no use to anybody
        times.setdefault((frame.track, frame.flag), []).append(frame.t_ns)
    for (track, flag), found in times.items():
        for stretch in stretches(sorted(found)):
            seconds = _t(stretch[-1] - stretch[0])
            entry = {"t": _t(stretch[0]), "type": UNUSED[flag], "seconds": seconds}
            yield entry | {"frames": len(stretch)} | _whose(journal, track)


def _first_picture_ns(journal: Journal, track: int) -> int:
    """Media time of a track's first key picture; 0 where there is none."""
    pictures = journal.pictures(track)
    return journal.media_ns(track, pictures[0].rtp) if pictures else 0


def stretches(times_ns: Sequence[int], most: int = MAX_STRETCHES) -> list[Sequence[int]]:
    """Sorted times, in stretches: cut where at least MERGE_NS lies between two of them.

    At most `most` stretches: cut at the longest of those distances, and nowhere else.
    """
    distances = [(b - a, at) for at, (a, b) in enumerate(pairwise(times_ns), 1)]
    long = sorted((d for d in distances if d[0] >= MERGE_NS), reverse=True)
    cuts = [0, *sorted(at for _, at in long[: most - 1]), len(times_ns)]
    return [times_ns[a:b] for a, b in pairwise(cuts) if a < b]


def _whose(journal: Journal, track_id: int) -> Entry:
    track = journal.tracks.get(track_id)
    return {
        "participantId": track.participant if track else None,
        "stream": track.stream if track else None,
        "kind": track.kind if track else None,
    }


def _notes(journal: Journal) -> Iterable[Entry]:
    for note in journal.notes:
        if note.type in (PAUSED, RESUMED, RECEIVED):
            continue
        yield {"t": _t(note.t_ns), "type": note.type, **note.data}


def _of_mixes(notes: Mapping[str, Iterable[Mapping[str, Any]]]) -> Iterable[Entry]:
    for mix_id, told in notes.items():
        for note in told:
            yield _timed(note) | {"mix": mix_id}


def _timed(note: Mapping[str, Any]) -> Entry:
    t_ns = note.get("t_ns")
    fields = {key: value for key, value in note.items() if key != "t_ns"}
    return {"t": None if t_ns is None else _t(t_ns), **fields}


def _t(t_ns: int) -> float:
    return round(t_ns / SECOND, 3)
