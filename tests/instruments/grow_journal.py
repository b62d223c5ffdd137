"""Instrument: replays a finished journal into a growing one, in real time, as ingest would write.

    python -m tests.instruments.grow_journal SOURCE TARGET

Frames appear when they arrived, events and the watermark one second behind.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

from mixer.clock import SECOND
from mixer.journal import Alignment, Event, Frame, Journal, JournalWriter

LAG_NS = SECOND
STEP_S = 0.05


def grow(source: Path, target: Path) -> None:
    """Ends when the source's end has been reached; the target is then finished, too."""
    journal = Journal.open(source)
    end_ns = journal.watermark_ns
    with JournalWriter.create(target, conference=journal.conference) as writer:
        tracks = _announce(journal, writer)
        frames = ((t, f) for t, f in journal.frames(list(journal.tracks), 0, end_ns))
        pending: tuple[int, Frame] | None = next(frames, None)
        events = journal.events()
        began, at_ns = time.monotonic(), 0
        while at_ns < end_ns:
            time.sleep(STEP_S)
            at_ns = min(end_ns, int((time.monotonic() - began) * SECOND))
            while pending and pending[0] <= at_ns:
                writer.frame(replace(pending[1], track=tracks[pending[1].track]))
                pending = next(frames, None)
            events = _write_due(writer, events, at_ns)
            writer.watermark(at_ns - LAG_NS)
        writer.watermark(end_ns)
        writer.close(final=True)


def _announce(journal: Journal, writer: JournalWriter) -> dict[int, int]:
    """Tracks and their alignments; gives old track id → new."""
    ids = {}
    for track in journal.tracks.values():
        made = writer.track(
            participant=track.participant,
            stream=track.stream,
            source=track.source,
            kind=track.kind,
            codec=track.codec,
            clock_rate=track.clock_rate,
        )
        ids[track.id] = made.id
        for alignment in journal.alignments.get(track.id, ()):
            writer.align(_moved(alignment, made.id))
    return ids


def _moved(alignment: Alignment, track: int) -> Alignment:
    return replace(alignment, track=track)


def _write_due(writer: JournalWriter, events: list[Event], at_ns: int) -> list[Event]:
    due = [event for event in events if event.t_ns <= at_ns]
    for event in due:
        writer.event(event)
    return events[len(due) :]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    given = parser.parse_args()
    grow(given.source, given.target)


if __name__ == "__main__":
    main()
