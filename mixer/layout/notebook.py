"""What a page pass decides and finds out: in its track's notes, and told to whoever started it.

A restarted page pass reads its notes to do exactly as before: which layout is shown from which
frame on (REPLACED), and from where on the page's clock does not wait for the network (STALLED).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mixer.layout.track import MatteTrackWriter

DEFAULT = "default"
REPLACED, STALLED, SUPPRESSED = "page.replaced", "page.stalled", "page.suppressed"
MISSING, FINISHED = "missing-glyphs", "page.finished"
TOLD = (REPLACED, STALLED, SUPPRESSED, MISSING, FINISHED)
DECISIONS = (REPLACED, STALLED)
MAX_NOTES = 200  # of what pages do; decisions are always noted
MAX_ALIKE = 20  # of one kind of what pages were not let do
LOADING = -1  # stands for a frame: before the first one
Tell = Callable[[str, dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Act:
    """A layout from the frame at which it is first shown.

    `freed_at`: the frame from which its clock does not wait for the network (LOADING: it never
    does); None while it waits.
    """

    layout: str
    first: int
    freed_at: int | None = None


class Notebook:
    """The notes of one page pass. `tell` hears of them, also of those made before a restart."""

    def __init__(self, writer: MatteTrackWriter, tell: Tell) -> None:
        self._writer = writer
        self._tell = tell

    def tell(self, event: str, **fields: Any) -> None:
        self._tell(event, fields)

    def tell_again(self) -> None:
        """What an earlier pass has made and noted: who it was told to may be gone, too."""
        for note in self._writer.notes:
            if note.type in TOLD:
                self.tell("note", **{"type": note.type, "frame": note.frame, **note.data})
        if self._writer.frames:
            self.tell("progress", frames=self._writer.frames)

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
        """The page has nothing more to show; the first time it says so counts."""
        if all(note.type != FINISHED for note in self._writer.notes):
            self.note(frame, FINISHED)

    def missing(self) -> set[str]:
        """Characters without glyph that are noted already."""
        return {c for n in self._writer.notes if n.type == MISSING for c in n.data["characters"]}

    def act(self, layout: str) -> Act:
        """What is to be shown now, `layout` being what was asked for."""
        act = Act(layout, 0)
        for note in self._writer.notes:
            if note.type == REPLACED:
                act = Act(DEFAULT, note.frame)
            elif note.type == STALLED and act.freed_at is None:
                loading = note.data.get("loading", False)
                act = Act(act.layout, act.first, LOADING if loading else note.frame)
        return act
