"""Pages of lists: opaque tokens that say where a page begins.

A token is the place of the page's first row in the list's order, newest first. Rows that come or go
meanwhile shift nothing: no row is given twice or left out (keyset paging).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

from .errors import ApiError


@dataclass(frozen=True, slots=True)
class Position:
    """Of a row: a time in epoch ms, and what tells rows of the same time apart."""

    at: int
    id: str

    def token(self) -> str:
        text = f"{self.at}:{self.id}".encode()
        return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class Range:
    """A part of a list: `most` rows between two times (both included), from a position on."""

    since: int
    until: int
    most: int
    position: Position | None

    @property
    def latest(self) -> int:
        """No row of the part is later: asked for besides the position, for the index's sake."""
        return self.until if self.position is None else min(self.until, self.position.at)


def position(token: str) -> Position:
    """What a token says. Raises ApiError 400."""
    try:
        text = base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True).decode()
        at, _, id = text.partition(":")
        if not at.isascii() or not at.isdigit() or len(at) > 13 or not id.isprintable() or not id:
            raise ValueError
        return Position(int(at), id)
    except (ValueError, binascii.Error):
        sentence = "start: this is no token of a page; take `next` of the page before."
        raise ApiError(400, 400, "INVALID_REQUEST", sentence) from None


def tokens(places: Sequence[Position], given: Range) -> dict[str, str]:
    """`first` and `next`; `places`: of the page's rows and, if there is one, the next page's first.

    `next` is empty on the last page: clients go on until it is.
    """
    more = len(places) > given.most
    return {
        "first": places[0].token() if places else "",
        "next": places[given.most].token() if more else "",
    }
