"""Brings a journal whose recorder died to an orderly end, so that renders know where it ends."""

from __future__ import annotations

from pathlib import Path

from .model import Note
from .reader import Journal
from .writer import JournalWriter


def recover(directory: Path, *, besides: str = "") -> bool:
    """Ends an abandoned journal at its last media; False if it has an end or a living writer.

    `besides`: a lock that the caller holds itself.

    Raises what Journal.open and JournalWriter.create raise. Safe to repeat.
    """
    journal = Journal.open(directory)
    if journal.finished or journal.is_live(besides):
        return False
    journal.check()
    for run in journal.runs:
        run.sealed = True
    end_ns = journal.watermark_ns
    for run in journal.runs:
        for frame in run.media(0, run.media_length, set(run.tracks)):
            end_ns = max(end_ns, journal.media_ns(frame.track, frame.rtp) + 1)
    end_ns = max(end_ns, 1)  # none at all would be taken for the new runs' beginning, which is now
    writers = {run.header["writer"] for run in journal.runs if run.header} or {"ingest"}
    journal.close()
    for writer in sorted(writers):
        with JournalWriter.create(directory, conference=journal.conference, writer=writer) as last:
            last.note(Note(end_ns, "recovered", {"end_ns": end_ns}))
            last.watermark(end_ns)
            last.close(final=True)
    return True
