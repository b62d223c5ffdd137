"""Decides what is to be rendered next: pure functions over what is there and what is final."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Piece:
    """One segment to be made: its number, its first output frame, how many frames."""

    seq: int
    first: int
    count: int


def pieces(total: int, segment_frames: int) -> Iterator[Piece]:
    """All segments of `total` frames, in order; the last may be short."""
    for seq, first in enumerate(range(0, total, segment_frames)):
        yield Piece(seq, first, min(segment_frames, total - first))


def next_pieces(
    *,
    total: int | None,
    final: int,
    segment_frames: int,
    done: Collection[int],
    busy: Collection[int],
    free: int,
) -> list[Piece]:
    """The segments that `free` workers should start on now, earliest first.

    `total`: frames of the whole render, None while its end is not known; `final`: frames whose
    input is final. A segment starts as soon as the input of its first frame is final; its worker
    waits for the rest, and ends it earlier if the render's end turns out to lie within.
    """
    found: list[Piece] = []
    for piece in pieces(final if total is None else total, segment_frames):
        if len(found) == free or piece.first >= final:
            break
        if piece.seq not in done and piece.seq not in busy:
            whole = total is None
            found.append(replace(piece, count=segment_frames) if whole else piece)
    return found


def is_complete(total: int | None, segment_frames: int, done: Collection[int]) -> bool:
    """Whether every segment of a render whose end is known has been made."""
    return total is not None and all(piece.seq in done for piece in pieces(total, segment_frames))
