"""What a journal holds, as one JSON-able report: `mixer inspect`. Schema: docs/journal.md.

Reads the media once, in file order, and keeps a few numbers a frame; nothing is decoded. How the
report looks in a terminal is `inspect_text.py`'s job.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..clock import SECOND
from .inspect_text import render_text
from .model import RECEIVED, Alignment, Frame, FrameFlag, Track
from .presented import described
from .reader import Journal
from .run import Run
from .writer import media_path, meta_path

__all__ = ["VERSION", "Counts", "count", "inspect", "media_times", "render_text"]

VERSION = 1
KEY, LATE, BROKEN = int(FrameFlag.KEY), int(FrameFlag.LATE), int(FrameFlag.BROKEN)
UNUSABLE = LATE | BROKEN

Times = NDArray[np.int64]


def inspect(journal: Journal, counts: Mapping[int, Counts] | None = None) -> dict[str, Any]:
    """The report, as far as the journal is final; an abandoned one to its last whole frame.

    Reads all media once, unless `count` has done so: about a gigabyte and half a million frames
    take a few seconds.
    """
    live = journal.is_live()
    abandoned = not journal.finished and not live
    if abandoned:
        for run in journal.runs:
            run.sealed = True  # nobody will add to it: tracks without alignment go by arrival
    counts = count(journal) if counts is None else counts
    names, packets = _names(journal), _packets(journal)
    tracks = [
        _track(journal, track, counts[id_], names.get(track.participant))
        | {"packets": packets.get(id_)}
        for id_, track in sorted(journal.tracks.items())
    ]
    last = max((track["last"] or 0.0 for track in tracks), default=0.0)
    duration = journal.watermark_ns / SECOND
    state = "abandoned" if abandoned else "finished" if journal.finished else "live"
    return {
        "version": VERSION,
        "conference": journal.conference,
        "startedAt": _iso(journal, 0),
        "durationSeconds": round(max(duration, last) if abandoned else duration, 3),
        "state": state,
        "bytes": sum(media_path(run.directory, run.number).stat().st_size for run in journal.runs),
        "runs": [_run(journal, run) for run in journal.runs],
        "tracks": tracks,
        "presentations": described(journal),
        "events": _events(journal),
        "notes": [{"t": _t(n.t_ns), "type": n.type, "data": n.data} for n in journal.notes],
        "damage": _damage(journal),
    }


def count(journal: Journal) -> dict[int, Counts]:
    """The numbers of every track's frames; reads all media once."""
    return {id_: counts for run in journal.runs for id_, counts in _counted(run).items()}


@dataclass(slots=True)
class Counts:
    """The numbers of one track's frames, in file order."""

    rtp: array[int] = field(default_factory=lambda: array("q"))  # of usable frames
    key_rtp: array[int] = field(default_factory=lambda: array("q"))
    sizes: list[tuple[int, int, int]] = field(default_factory=list)  # (rtp, width, height)
    bytes: int = 0
    frames: int = 0
    late: int = 0
    broken: int = 0

    def take(self, frame: Frame) -> None:
        self.add(frame.rtp, int(frame.flags), len(frame.data), frame.width, frame.height)

    def add(self, rtp: int, flags: int, size: int, width: int, height: int) -> None:
        """One frame more; `size` in bytes."""
        self.frames += 1
        self.bytes += size
        if flags & UNUSABLE:
            self.late += bool(flags & LATE)
            self.broken += bool(flags & BROKEN)
            return
        self.rtp.append(rtp)
        if flags & KEY:
            self.key_rtp.append(rtp)
            self.sizes.append((rtp, width, height))


def _counted(run: Run) -> dict[int, Counts]:
    """One pass over a run's media, as far as it is final."""
    counts = {id_: Counts() for id_ in run.tracks}
    end = run.media_range(0, 1 << 62)[1]
    for frame in run.media(0, end, set(run.tracks)):
        counts[frame.track].take(frame)
    return counts


def _track(journal: Journal, track: Track, counts: Counts, name: str | None) -> dict[str, Any]:
    times = media_times(journal, track, counts.rtp)
    times.sort()
    seconds = float(times[-1] - times[0]) / SECOND if len(times) else 0.0
    gaps = _gaps(journal, track)
    heard = seconds - gaps["seconds"]
    if len(times):
        heard -= _paused_s(journal, int(times[0]), int(times[-1]))
    report: dict[str, Any] = {
        "id": track.id,
        "participantId": track.participant,
        "participantName": name,
        "stream": track.stream,
        "source": track.source,
        "kind": track.kind,
        "codec": track.codec,
        "clockRate": track.clock_rate,
        "ssrc": track.ssrc,
        "frames": counts.frames,
        "bytes": counts.bytes,
        "bitRate": round(counts.bytes * 8 / seconds) if seconds else None,
        "first": _t(int(times[0])) if len(times) else None,
        "last": _t(int(times[-1])) if len(times) else None,
        "frameRate": round((len(times) - 1) / heard, 3) if heard > 0 else None,
        "late": counts.late,
        "broken": counts.broken,
        "gaps": gaps,
        "alignment": _alignment(journal.alignments.get(track.id, ())),
    }
    if track.kind == "video":
        report["sizes"] = _sizes(journal, track, counts)
        report["keyPictures"] = _keys(media_times(journal, track, counts.key_rtp))
    return report


def media_times(journal: Journal, track: Track, rtp: Iterable[int]) -> Times:
    """Media times of many RTP timestamps: `Journal.media_ns`, a stretch of one alignment at once.

    The mapping is linear between two records, so each stretch is computed in whole numbers.
    """
    stamps = np.array(rtp, np.int64)
    made = journal.alignments.get(track.id, ())
    if not made:
        return np.array([journal.media_ns(track.id, int(stamp)) for stamp in stamps], np.int64)
    starts = np.array([alignment.rtp for alignment in made], np.int64)
    chosen = np.maximum(np.searchsorted(starts, stamps, side="right") - 1, 0)
    times = np.empty(len(stamps), np.int64)
    for index in np.unique(chosen):
        here = chosen == index
        times[here] = _along(made[index], track.clock_rate, stamps[here])
    return times


def _along(alignment: Alignment, clock_rate: int, stamps: Times) -> Times:
    """reader.media_time_ns for an array; seconds apart from ticks, so that nothing overflows."""
    ticks = stamps - alignment.rtp
    whole, rest = np.divmod(ticks, clock_rate)
    skew = np.rint(ticks * 1000.0 * alignment.ppm / clock_rate).astype(np.int64)
    return np.asarray(alignment.media_ns + whole * SECOND + rest * SECOND // clock_rate + skew)


def _paused_s(journal: Journal, first_ns: int, last_ns: int) -> float:
    """Of the time between two moments."""
    ends = [(pause.start_ns, pause.stop_ns or last_ns) for pause in journal.pauses]
    return sum(max(0, min(stop, last_ns) - max(start, first_ns)) for start, stop in ends) / SECOND


def _gaps(journal: Journal, track: Track) -> dict[str, Any]:
    mine = [gap for gap in journal.gaps if gap.track == track.id]
    lengths = [(gap.to_ns - gap.from_ns) / SECOND for gap in mine]
    return {
        "count": len(mine),
        "seconds": round(sum(lengths), 3),
        "longestSeconds": round(max(lengths, default=0.0), 3),
        "byReason": dict(sorted(Counter(gap.reason for gap in mine).items())),
    }


def _alignment(made: Iterable[Alignment]) -> dict[str, Any] | None:
    records = list(made)
    if not records:
        return None
    return {
        "method": records[-1].method,
        "qualityMs": round(records[-1].quality_ns / 1e6, 2),
        "worstQualityMs": round(max(a.quality_ns for a in records) / 1e6, 2),
        "driftPpm": [round(f(a.ppm for a in records), 2) for f in (min, max)],
        "records": len(records),
    }


def _sizes(journal: Journal, track: Track, counts: Counts) -> list[dict[str, Any]]:
    """Each change of size, with the media time of its first picture."""
    found: list[dict[str, Any]] = []
    for rtp, width, height in sorted(counts.sizes):
        if not found or (found[-1]["width"], found[-1]["height"]) != (width, height):
            at = _t(journal.media_ns(track.id, rtp))
            found.append({"t": at, "width": width, "height": height})
    return found


def _keys(times: Times) -> dict[str, Any]:
    distances = np.diff(np.sort(times)) / SECOND
    mean = round(float(distances.mean()), 3) if len(distances) else None
    longest = round(float(distances.max()), 3) if len(distances) else None
    return {"count": len(times), "meanSeconds": mean, "longestSeconds": longest}


def _run(journal: Journal, run: Run) -> dict[str, Any]:
    end = None if run.end is None else "final" if run.end.get("final") else "closed"
    return {
        "run": run.number,
        "writer": run.header.get("writer"),
        "start": _t(run.started_ns),
        "startedAt": _iso(journal, run.started_ns),
        "watermark": _t(run.watermark_ns),
        "end": end,
        "tracks": len(run.tracks),
        "mediaBytes": media_path(run.directory, run.number).stat().st_size,
        "metaBytes": meta_path(run.directory, run.number).stat().st_size,
    }


def _events(journal: Journal) -> dict[str, Any]:
    types = Counter(event.type for event in journal.events())
    return {"total": types.total(), "byType": dict(sorted(types.items()))}


def _names(journal: Journal) -> dict[str, str]:
    people = [e.data["participant"] for e in journal.events() if e.type == "participant.added"]
    return {person["id"]: person.get("name") or "" for person in people}


def _packets(journal: Journal) -> dict[int, dict[str, int]]:
    """What came of the packets of each track whose end has been noted."""
    noted = [note.data for note in journal.notes if note.type == RECEIVED]
    return {
        data["track"]: {
            "received": data["packets"],
            "lost": data["lost"],
            "recovered": data["recovered"],
        }
        for data in noted
    }


def _damage(journal: Journal) -> list[dict[str, Any]]:
    """`tornEnd`: the last record of a run that was killed while writing; that is no loss."""
    found = []
    for damage in journal.damage:
        path = (media_path if damage.file == "media" else meta_path)(journal.directory, damage.run)
        size = path.stat().st_size
        found.append(
            {
                "run": damage.run,
                "file": damage.file,
                "offset": damage.offset,
                "bytes": damage.length,
                "tornEnd": damage.offset > 0 and damage.offset + damage.length == size,
            }
        )
    return found


def _t(t_ns: int) -> float:
    return round(t_ns / SECOND, 3)


def _iso(journal: Journal, t_ns: int) -> str:
    at = datetime.fromtimestamp(journal.started_wall + t_ns / SECOND, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
