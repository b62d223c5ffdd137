"""How well a recording came through: pictures in each file, loss of each track, sound against
picture of each participant. Figures of the journal; nothing is decoded.

`pictures.py` counts frames, `journal/inspect.py` counts what was received; here both come together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..clock import SECOND
from ..edit import Span
from ..journal import Alignment, Journal, Track
from ..journal.inspect import Counts, media_times
from .model import OutputFile, on_file, seconds_in
from .people import Attendance, ShownVideo
from .pictures import Flags, Grid, Loss, Times, shown

CONFIDENCE = 2.0  # standard deviations: 95 %
UNSEEN_MS = 10.0  # what senders delay before sending; with Chromium 4 to 8 (docs/performance.md)
LEAST_RECORDS = 3  # of a clock, before hindsight says anything
SYNC_GRID = 400  # moments at which sound and picture are compared


@dataclass(frozen=True, slots=True, eq=False)
class Received:
    """A journal's media in numbers: sorted media times of all usable pictures of each stream, what
    is missing of each track, and what `mixer inspect` tells of each."""

    pictures: Mapping[str, Times]  # by stream
    losses: Mapping[int, Sequence[Loss]]  # by track
    tracks: Sequence[Mapping[str, Any]]

    @classmethod
    def of(
        cls, journal: Journal, counts: Mapping[int, Counts], told: Mapping[str, Any]
    ) -> Received:
        times: dict[str, list[Times]] = {}
        losses: dict[int, list[Loss]] = {}
        for id_, track in journal.tracks.items():
            losses[id_] = []
            if track.kind == "video":
                times.setdefault(track.stream, []).append(
                    media_times(journal, track, counts[id_].rtp)
                )
        for gap in journal.gaps:
            losses.setdefault(gap.track, []).append(Loss(gap.from_ns, gap.to_ns, gap.reason))
        pictures = {stream: np.sort(np.concatenate(parts)) for stream, parts in times.items()}
        return cls(pictures, losses, told["tracks"])


def pictures_of(
    file: OutputFile, attendance: Attendance, received: Received, tracks: Mapping[int, Track]
) -> dict[str, Any]:
    """`streams[]`, one for each stream that the file could show, and the sums over all of them."""
    grid = Grid.of(file.edits)
    any_new = np.zeros(len(grid.times), bool)
    any_seen = np.zeros(len(grid.times), bool)
    streams = []
    for video in attendance.videos:
        losses = [loss for at in _tracks_of(tracks, video, "video") for loss in received.losses[at]]
        times = received.pictures.get(video.stream, np.zeros(0, np.int64))
        figures, new = shown(grid, times, video.spans, losses)
        if not figures.frames:
            continue
        any_new |= new
        any_seen |= grid.during(video.spans)
        streams.append(_stream(video, asdict(figures), file.edits.fps))
    return {"streams": streams, **_sums(any_new, any_seen, streams)}


def _stream(video: ShownVideo, figures: dict[str, Any], fps: int) -> dict[str, Any]:
    return {
        "participantId": video.participant,
        "stream": video.stream,
        "source": video.source,
        "seconds": round(figures["frames"] / fps, 3),
        "frames": figures["frames"],
        "real": figures["real"],
        "repeated": figures["repeated"],
        "repeatedInGaps": figures["repeated_in_gaps"],
        "skipped": figures["skipped"],
        "sentPerSecond": figures["sent_per_second"],
        "shownPerSecond": figures["shown_per_second"],
        "leastPerSecond": figures["least_per_second"],
        "freezes": list(figures["freezes"]),
    }


def _sums(new: Flags, seen: Flags, streams: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "framesWithPictures": int(seen.sum()),
        "framesWithNewPictures": int(new.sum()),
        "freezes": sum(len(s["freezes"]) for s in streams if s["source"] == "Camera"),
    }


def _tracks_of(tracks: Mapping[int, Track], video: ShownVideo, kind: str) -> list[int]:
    return [t.id for t in tracks.values() if t.stream == video.stream and t.kind == kind]


def losses_of(
    file: OutputFile, received: Received, tracks: Mapping[int, Track], end_ns: int
) -> list[dict[str, Any]]:
    """What is missing of each track in the time that the file shows; packets are the whole
    track's."""
    found = []
    for told in received.tracks:
        track = tracks[told["id"]]
        if told["first"] is None:
            continue
        lived = Span(round(told["first"] * SECOND), round(told["last"] * SECOND))
        seconds = seconds_in(on_file(file.edits, [lived], end_ns))
        gaps = list(_gaps(file, received.losses[track.id]))
        missing = round(sum(gap["seconds"] for gap in gaps), 3)
        if not seconds:
            continue
        found.append(
            {
                "track": track.id,
                "participantId": track.participant,
                "stream": track.stream,
                "source": track.source,
                "kind": track.kind,
                "seconds": seconds,
                "missingSeconds": missing,
                "missingShare": round(min(1.0, missing / seconds), 5),
                "packets": told["packets"],
                "gaps": gaps,
            }
        )
    return found


def _gaps(file: OutputFile, losses: Iterable[Loss]) -> Iterable[dict[str, Any]]:
    for loss in sorted(losses, key=lambda loss: loss.from_ns):
        for start, stop in on_file(file.edits, [Span(loss.from_ns, loss.to_ns)], loss.to_ns):
            yield {"t": start, "seconds": round(stop - start, 3), "reason": loss.reason}


def sync_on_file(journal: Journal, received: Received, file: OutputFile) -> list[dict[str, Any]]:
    """Sound against picture of every stream of the journal that has both.

    `offsetMs` compares what was used while recording with each track's whole course, as known in
    hindsight: mean over the time both were there. `largestMs` at `largestAt` (seconds of the file,
    None if it does not show that moment): the largest. Positive: the sound is late. Within
    `plusMinusMs` lie 95 %, as far as the alignments' own estimates go, and with UNSEEN_MS added
    where arrival was all there was to go by.
    """
    streams: dict[str, list[Mapping[str, Any]]] = {}
    for told in received.tracks:
        if told["alignment"] is not None and told["first"] is not None:
            streams.setdefault(told["stream"], []).append(told)
    found = []
    for tracks in streams.values():
        entry = _sync(journal, _longest(tracks, "audio"), _longest(tracks, "video"))
        if entry is not None:
            at = entry["largestAt"]
            entry["largestAt"] = None if at is None else file.at(round(at * SECOND))
            found.append(entry)
    return found


def _longest(told: Sequence[Mapping[str, Any]], kind: str) -> Mapping[str, Any] | None:
    mine = [t for t in told if t["kind"] == kind]
    return max(mine, key=lambda t: t["last"] - t["first"], default=None)


def _sync(
    journal: Journal, audio: Mapping[str, Any] | None, video: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    if audio is None or video is None:
        return None
    both = [t["alignment"] for t in (audio, video)]
    deviation = float(np.hypot(*(a["qualityMs"] for a in both)))
    unseen = UNSEEN_MS if any(a["method"] == "arrival" for a in both) else 0.0
    return {
        "participantId": audio["participantId"],
        "stream": audio["stream"],
        "source": audio["source"],
        **_hindsight(journal, audio["id"], video["id"]),
        "plusMinusMs": round(CONFIDENCE * deviation + unseen, 1),
        "audio": {"track": audio["id"], **_how(both[0])},
        "video": {"track": video["id"], **_how(both[1])},
    }


def _how(alignment: Mapping[str, Any]) -> dict[str, Any]:
    return {key: alignment[key] for key in ("method", "qualityMs", "worstQualityMs", "driftPpm")}


def _hindsight(journal: Journal, audio: int, video: int) -> dict[str, Any]:
    """Mean and largest offset of the mappings used against straight clocks through all records."""
    unknown = {"offsetMs": None, "largestMs": None, "largestAt": None}
    errors = [
        _errors(journal.alignments.get(id_, ()), journal.tracks[id_]) for id_ in (audio, video)
    ]
    if any(len(times) < LEAST_RECORDS for times, _ in errors):
        return unknown
    first, last = max(t[0] for t, _ in errors), min(t[-1] for t, _ in errors)
    if last <= first:
        return unknown
    moments = np.linspace(first, last, SYNC_GRID)
    late = np.interp(moments, *errors[0]) - np.interp(moments, *errors[1])
    worst = int(np.abs(late).argmax())
    return {
        "offsetMs": round(float(late.mean()) * 1e3, 1) + 0.0,
        "largestMs": round(float(late[worst]) * 1e3, 1) + 0.0,
        "largestAt": round(float(moments[worst]), 3),
    }


def _errors(
    made: Sequence[Alignment], track: Track
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Media time (s) and error (s) of a track's records against the clock that fits them best.

    The clock is straight over the whole track: an error in the rate of a crystal that warms up is
    some ppm, of which the aligner follows most, so that what remains is what it did wrong.
    """
    if len(made) < LEAST_RECORDS:
        return np.zeros(0), np.zeros(0)
    media = np.array([a.media_ns for a in made], np.int64)
    rtp = np.array([a.rtp for a in made], np.int64)
    times, ticks = (media - media[0]) / SECOND, (rtp - rtp[0]) / track.clock_rate
    weights = 1.0 / np.maximum([a.quality_ns / 1e6 for a in made], 0.05)
    if np.ptp(ticks) <= 0:
        return np.zeros(0), np.zeros(0)
    error = (times - ticks) - np.polyval(np.polyfit(ticks, times - ticks, 1, w=weights), ticks)
    return media / SECOND, error
