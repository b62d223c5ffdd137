"""What earlier runs of this recording have left in the journal, for a run that goes on with it:
the state that their events add up to, where each stream's media stopped, and what they could not
tell any more."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mixer.clock import SECOND
from mixer.conference.state import State, apply
from mixer.conference.state import empty as no_state
from mixer.edit import Span
from mixer.errors import JournalMissing
from mixer.ingest.audio import opus_duration
from mixer.ingest.ends import Key
from mixer.ingest.timeline import MIN_GAP_NS, TrackEnd
from mixer.ingest.video import FIRST_DURATION
from mixer.journal import Gap, Journal
from mixer.journal.run import Run

LOOK_BACK_NS = 5 * SECOND
RESTART = "restart"  # a gap's reason


@dataclass(frozen=True, slots=True)
class Earlier:
    """`ends`: where each stream's media stopped. `untold`: gaps that a run died too early to tell
    of. `pauses`: the last may have no end yet."""

    state: State = field(default_factory=no_state)
    ends: dict[Key, TrackEnd] = field(default_factory=dict)
    untold: Sequence[Gap] = ()
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
        live = {stream["id"] for someone in state["participants"] for stream in someone["streams"]}
        ends, untold = _ends(journal, live)
        return Earlier(state, ends, untold, len(journal.runs), journal.pauses)
    finally:
        journal.close()


@dataclass(slots=True)
class _Stretch:
    """The media of one stream that a run's last seconds hold."""

    track: int
    from_ns: int
    to_ns: int


def _ends(journal: Journal, live: Collection[str]) -> tuple[dict[Key, TrackEnd], list[Gap]]:
    """Of streams that are still there. A run that died before it could tell what time its media
    was of (Alignment) has told no gap before it, and one that died sooner has no media at all: so
    it is asked what was before those, too."""
    ends: dict[Key, TrackEnd] = {}
    began: dict[Key, _Stretch] = {}  # in a run that did not come to tell of the gap before it
    untold: list[Gap] = []
    for run in reversed(journal.runs):
        run.sealed = True
        for key, stretch in _stretches(journal, run).items():
            if key[0] not in live:
                continue
            later = began.pop(key, None)
            if later is not None and later.from_ns - stretch.to_ns > MIN_GAP_NS:
                untold.append(Gap(later.track, stretch.to_ns, later.from_ns, RESTART))
            if later is not None or key not in ends:
                ends.setdefault(key, TrackEnd(stretch.to_ns, RESTART))
                if stretch.track not in journal.alignments:
                    began[key] = stretch
        if run.watermark_ns - run.started_ns > LOOK_BACK_NS:
            break
    return ends, untold


def _stretches(journal: Journal, run: Run) -> dict[Key, _Stretch]:
    start, _ = run.media_range(run.watermark_ns - LOOK_BACK_NS, run.watermark_ns + SECOND)
    found: dict[Key, _Stretch] = {}
    for frame in run.media(start, run.media_length, set(run.tracks)):
        track = run.tracks[frame.track]
        duration = opus_duration(frame.data) if track.kind == "audio" else FIRST_DURATION
        from_ns = journal.media_ns(track.id, frame.rtp)
        if from_ns < 0:
            continue
        to_ns = journal.media_ns(track.id, frame.rtp + duration)
        known = found.setdefault((track.stream, track.kind), _Stretch(track.id, from_ns, to_ns))
        known.to_ns = max(known.to_ns, to_ns)
    return found
