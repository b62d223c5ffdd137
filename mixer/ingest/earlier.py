"""What earlier runs of this recording have left in the journal, for a run that goes on with it:
the state that their events add up to, and where each stream's media stopped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mixer.clock import SECOND
from mixer.conference.state import State, apply
from mixer.conference.state import empty as no_state
from mixer.edit import Span
from mixer.errors import JournalMissing
from mixer.ingest.audio import opus_duration
from mixer.ingest.timeline import TrackEnd
from mixer.ingest.video import FIRST_DURATION
from mixer.journal import Journal
from mixer.journal.run import Run

LOOK_BACK_NS = 5 * SECOND


@dataclass(frozen=True, slots=True)
class Earlier:
    """`ends`: (stream, kind) → where its media stopped. `pauses`: the last may have no end yet."""

    state: State = field(default_factory=no_state)
    ends: dict[tuple[str, str], TrackEnd] = field(default_factory=dict)
    runs: int = 0
    pauses: Sequence[Span] = ()


def read_earlier(directory: Path) -> Earlier:
    """Reads what an earlier run left, if there was one; blocks while it reads the last seconds.

    Raises what Journal.open raises but JournalMissing.
    """
    try:
        journal = Journal.open(directory)
    except JournalMissing:
        return Earlier()
    try:
        state = no_state()
        events = [event for run in journal.runs for event in run.events]
        for event in sorted(events, key=lambda event: event.t_ns):
            state = apply(state, event.type, event.data)
        ends: dict[tuple[str, str], TrackEnd] = {}
        if journal.runs:
            last = journal.runs[-1]
            last.sealed = True
            ends = _ends(journal, last)
        live = {stream["id"] for someone in state["participants"] for stream in someone["streams"]}
        kept = {key: end for key, end in ends.items() if key[0] in live}
        return Earlier(state, kept, len(journal.runs), journal.pauses)
    finally:
        journal.close()


def _ends(journal: Journal, run: Run) -> dict[tuple[str, str], TrackEnd]:
    start, _ = run.media_range(run.watermark_ns - LOOK_BACK_NS, run.watermark_ns + SECOND)
    ends: dict[tuple[str, str], TrackEnd] = {}
    for frame in run.media(start, run.media_length, set(run.tracks)):
        track = run.tracks[frame.track]
        duration = opus_duration(frame.data) if track.kind == "audio" else FIRST_DURATION
        media_ns = journal.media_ns(track.id, frame.rtp + duration)
        key = (track.stream, track.kind)
        if media_ns >= 0 and (key not in ends or media_ns > ends[key].media_ns):
            ends[key] = TrackEnd(media_ns, "restart")
    return ends
