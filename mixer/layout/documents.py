"""States of a page that is known by its document alone: seen before, they need no still.

The built-in layouts are such pages: what they show is decided by their elements, and by pictures
that have been loaded. An event that brings back a state seen before, such as another speaker's
ring, then costs a question instead of a still. Where something is to be seen of which the document
says nothing (an animated picture), the document is not trusted any more. Used by painter.py.
"""

from __future__ import annotations

from mixer.layout import stills
from mixer.layout.look import Look
from mixer.layout.page import Page
from mixer.layout.track import MatteTrackWriter

TRUSTED = "documents"  # key in the track's memory: false once they are not


class Documents:
    """What mattes the documents of one page had; nothing, unless they tell `alone` what it looks
    like."""

    def __init__(self, page: Page, writer: MatteTrackWriter, *, alone: bool) -> None:
        self._page = page
        self._writer = writer
        self.trusted = alone and writer.seen.get(TRUSTED) is not False
        self._key: str | None = None  # of the page now, if it is known
        self._last: str | None = None  # of what was shown last

    async def matte_id(self, look: Look) -> int | None:
        """The matte of what the page shows now; None if only a still can tell."""
        self._last, self._key = self._key, None
        if not self.trusted or look.animated or look.moving:
            return None
        document = await self._page.host("document")
        if not isinstance(document, str):  # pictures are on their way
            return None
        videos = stills.shown_of(look) + stills.places_of(look)
        self._key = stills.hash_of(document.encode(), videos.encode())
        if self._key == self._last:  # but something has changed
            return None
        known = self._writer.seen.get(self._name)
        return None if known is None else int(known)

    def keep(self, matte_id: int) -> None:
        """What a still has told of the document that was asked for last."""
        if self._key is None:
            return
        known = self._writer.seen.get(self._name)
        if known is None:
            self._writer.remember(self._name, matte_id)
        elif known != matte_id:
            self.trusted, self._key = False, None
            self._writer.remember(TRUSTED, False)

    @property
    def _name(self) -> str:
        return f"document {self._key}"
