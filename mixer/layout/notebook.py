"""What a page pass decides and finds out: in its track's notes, and told to whoever started it.

A restarted page pass reads its notes to do exactly as before: which layout is shown from which
frame on (REPLACED, TRIED), from where on the page's clock does not wait for the network (STALLED),
and where the page has nothing more to show (FINISHED).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mixer.layout.contents import TrackNote
from mixer.layout.track import MatteTrackWriter

DEFAULT = "default"
REPLACED, TRIED, STALLED = "page.replaced", "page.tried", "page.stalled"
SUPPRESSED, MISSING, FINISHED = "page.suppressed", "missing-glyphs", "page.finished"
TOLD = (REPLACED, TRIED, STALLED, SUPPRESSED, MISSING, FINISHED)
DECISIONS = (REPLACED, TRIED, STALLED, FINISHED)
# Seconds of the recording until a page that was replaced is tried again, each time it is; one that
# was shown for long enough begins anew.
TRY_AFTER_S = (10, 30, 90, 270, 810)
LONG_ENOUGH_S = 600
MAX_NOTES = 200  # of what pages do; decisions are always noted
MAX_ALIKE = 20  # of one kind of what pages were not let do
PROGRESS_FRAMES = 6  # that are told together, where more are to come
LOADING = -1  # stands for a frame: before the first one
Tell = Callable[[str, dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Act:
    """A layout from the frame at which it is first shown.

    `freed_at`: the frame from which its clock does not wait for the network (LOADING: it never
    does); None while it waits. `until`: the frame from which the layout that was asked for is tried
    again; None if it is this one, or given up. `tries`: how often it was tried again.
    """

    layout: str
    first: int
    freed_at: int | None = None
    until: int | None = None
    tries: int = 0


class Notebook:
    """The notes of one page pass. `tell` hears of them, also of those made before a restart."""

    def __init__(self, writer: MatteTrackWriter, tell: Tell) -> None:
        self._writer = writer
        self._tell = tell
        self._told = 0  # frames that are final

    def tell(self, event: str, **fields: Any) -> None:
        self._tell(event, fields)

    def progress(self, *, more: bool) -> None:
        """Tells how many frames are final, if more are than was told last; while `more` are to come
        at once, some together."""
        frames = self._writer.frames
        if frames - self._told >= (PROGRESS_FRAMES if more else 1):
            self._told = frames
            self.tell("progress", frames=frames)

    def tell_again(self) -> None:
        """What an earlier pass has made and noted: who it was told to may be gone, too."""
        for note in self._writer.notes:
            if note.type in TOLD:
                self.tell("note", **{"type": note.type, "frame": note.frame, **note.data})
        self.progress(more=False)

    def note(self, frame: int, type: str, **data: Any) -> None:
        if type in DECISIONS or len(self._writer.notes) < MAX_NOTES:
            self._writer.note(frame, type, data)
            self.tell("note", **{"type": type, "frame": frame, **data})

    def suppressed(self, frame: int, kind: str, detail: str) -> None:
        """What a page was not let do: the same once, and of one kind not more than a few."""
        known = [n.data for n in self._writer.notes if n.type == SUPPRESSED]
        alike = [data for data in known if data["kind"] == kind]
        if len(alike) < MAX_ALIKE and all(data["detail"] != detail for data in alike):
            self.note(frame, SUPPRESSED, kind=kind, detail=detail)

    def finished(self, frame: int) -> None:
        """The page has nothing more to show from `frame` on."""
        if self.end() is None:
            self.note(frame, FINISHED)

    def end(self) -> int | None:
        """The number of frames, if a page has said that it has nothing more to show."""
        said = (note.frame for note in self._writer.notes if note.type == FINISHED)
        return next((max(1, frame) for frame in said), None)

    def missing(self) -> set[str]:
        """Characters without glyph that are noted already."""
        return {c for n in self._writer.notes if n.type == MISSING for c in n.data["characters"]}

    def act(self, layout: str, fps: int) -> Act:
        """What is to be shown now, `layout` being what was asked for."""
        return act_of(layout, fps, self._writer.notes)


def act_of(layout: str, fps: int, notes: Sequence[TrackNote]) -> Act:
    """What these notes, of a track of `fps` frames a second, lead to."""
    act, again = Act(layout, 0), 0  # how many of the tries have been made since it went well
    for note in notes:
        if note.type == REPLACED:
            if note.frame - act.first >= LONG_ENOUGH_S * fps:
                again = 0
            until = note.frame + TRY_AFTER_S[again] * fps if again < len(TRY_AFTER_S) else None
            act = Act(DEFAULT, note.frame, None, until, act.tries)
        elif note.type == TRIED:
            again += 1
            act = Act(layout, note.frame, tries=act.tries + 1)
        elif note.type == STALLED and act.freed_at is None:
            loading = note.data.get("loading", False)
            act = replace(act, freed_at=LOADING if loading else note.frame)
    return act
