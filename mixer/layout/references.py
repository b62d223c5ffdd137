"""States of a page whose tiles were made from stills of their own, for later states to be like.

A state whose videos look as in one of them has its tiles. Where the page tells in what boxes its
videos lie, and each box looks as it did in a state whose black still is known, that still is known
too, and the first one is enough: a ring around who speaks, a clock. Used by painter.py.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixer.layout import stills
from mixer.layout.colour import decode_png
from mixer.layout.contents import digest
from mixer.layout.differences import CHANNELS, Area, Differences, Rgb
from mixer.layout.look import Look
from mixer.layout.matte import Tile
from mixer.layout.matting import same_videos
from mixer.layout.track import MatteTrackWriter

KEPT_REFERENCES = 6
MOST_LOOKS = 128  # of boxes, that are learnt of one reference
MOST_CHANGED = 1 << 16  # channels of pixels by which a box's look may differ from the reference's
INDEX = np.dtype("<u4")

Values = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Change:
    """By what a box differs from the reference's: places of channels, and their levels."""

    at: NDArray[np.uint32]
    levels: Values

    @classmethod
    def of(cls, box: Rgb, found: Differences, area: Area) -> Change | None:
        """`found`: differences of the picture of which `box` is that area. None if too many."""
        if (places := found.channels(area, MOST_CHANGED)) is None:
            return None
        y, channel = places
        at = y * (box.shape[1] * CHANNELS) + channel
        return cls(at.astype(INDEX), box[y, channel // CHANNELS, channel % CHANNELS])

    def applied(self, box: Rgb) -> Rgb:
        if not self.at.size:
            return box
        made = box.copy()
        made.reshape(-1)[self.at] = self.levels
        return made

    def name(self, number: int) -> str:
        """What equal changes of box `number` have in common."""
        told = self.at.tobytes() + self.levels.tobytes()
        return digest(number.to_bytes(4, "little") + told).hex()

    def packed(self) -> str:
        steps = np.diff(self.at, prepend=INDEX.type(0)).astype(INDEX)
        return base64.b64encode(zlib.compress(steps.tobytes() + self.levels.tobytes())).decode()

    @classmethod
    def unpacked(cls, told: str) -> Change:
        data = zlib.decompress(base64.b64decode(told))
        count = len(data) // (INDEX.itemsize + 1)
        steps = np.frombuffer(data, INDEX, count)
        levels = np.frombuffer(data, np.uint8, offset=steps.nbytes)
        return cls(np.cumsum(steps, dtype=INDEX), levels)


@dataclass(frozen=True, slots=True)
class Reference:
    """A state whose tiles were made from stills of its own."""

    matte_id: int
    shown: str  # whose videos its numbers are
    places: str  # where they lay
    ramp: Rgb | None  # of the last one only
    black: Rgb | None
    packed: bytes  # what the ramps add to the page, modulo 256: a hundredth of an Rgb's memory
    tiles: tuple[Tile, ...]
    # How a box's black still differs where its ramp still does, by the name of that change.
    looks: dict[str, Change] = field(default_factory=dict)

    def added(self, shape: tuple[int, ...]) -> Rgb:
        if self.ramp is not None and self.black is not None:
            return self.ramp - self.black
        planes = np.frombuffer(zlib.decompress(self.packed), np.uint8)
        return planes.reshape(shape[2], *shape[:2]).transpose(1, 2, 0)

    def new_looks(self, ramp: Rgb, black: Rgb, areas: Sequence[Area]) -> Mapping[str, Change]:
        """What is new about how boxes look with black videos when they look so with ramps."""
        found: dict[str, Change] = {}
        if self.ramp is None or self.black is None:
            return found
        seen_in, made_in = Differences(ramp, self.ramp), Differences(black, self.black)
        for number, area in enumerate(areas):
            seen = Change.of(ramp[area], seen_in, area)
            made = Change.of(black[area], made_in, area)
            if seen is None or made is None or not seen.at.size:
                continue
            if (name := seen.name(number)) not in self.looks:
                found[name] = made
        return found

    def black_of(self, ramp: Rgb, areas: Sequence[Area]) -> Rgb | None:
        """The page with black videos, whose ramps look like this; None where that is not known.
        It is made of `ramp`."""
        if self.ramp is None or self.black is None:
            return None
        boxes: list[Rgb] = []
        seen_in = Differences(ramp, self.ramp)
        for number, area in enumerate(areas):
            seen = Change.of(ramp[area], seen_in, area)
            if seen is None:
                return None
            box = self.black[area]
            if seen.at.size:
                if (made := self.looks.get(seen.name(number))) is None:
                    return None
                box = made.applied(box)
            boxes.append(box)
        for area, box in zip(areas, boxes, strict=True):
            ramp[area] = box
        return ramp


def _packed(added: Rgb) -> bytes:
    """Plane by plane: ramps hardly change from row to row."""
    return zlib.compress(added.transpose(2, 0, 1).tobytes(), 1)


class References:
    """The last such states, also those of before a restart: their stills are kept in the track."""

    def __init__(self, writer: MatteTrackWriter) -> None:
        self._writer = writer
        self._known: list[Reference] = []
        for matte_id, told, ramp, black in writer.references[-KEPT_REFERENCES:]:
            stills_ = decode_png(ramp), decode_png(black)
            self._add(matte_id, told, *stills_, writer.load(matte_id).tiles)
        if self._known:
            self._recall(self._known[-1])

    def _recall(self, reference: Reference) -> None:
        """What was learnt of the last reference before a restart."""
        for number in range(MOST_LOOKS):
            told: Mapping[str, Any] | None = self._writer.seen.get(f"look {number}")
            if told is None or told["of"] != reference.matte_id:
                return
            reference.looks[told["name"]] = Change.unpacked(told["black"])

    def _learn(self, reference: Reference, unseen: stills.Unseen) -> None:
        if (areas := self._areas(unseen.look, reference)) is None:
            return
        new = reference.new_looks(unseen.ramp, unseen.black, areas)
        for name, change in new.items():
            if (number := len(reference.looks)) < MOST_LOOKS:
                told = {"of": reference.matte_id, "name": name, "black": change.packed()}
                self._writer.remember(f"look {number}", told)
                reference.looks[name] = change

    def _add(
        self, matte_id: int, told: str, ramp: Rgb, black: Rgb, tiles: tuple[Tile, ...]
    ) -> None:
        if self._known:
            last = self._known[-1]
            self._known[-1] = replace(last, ramp=None, black=None, looks={})
        shown, _, places = told.partition(" ")
        packed = _packed(ramp - black)
        self._known.append(Reference(matte_id, shown, places, ramp, black, packed, tiles))
        del self._known[:-KEPT_REFERENCES]

    def tiles_like(self, unseen: stills.Unseen) -> tuple[Tile, ...] | None:
        """The tiles of the last state whose videos looked the same; none where new ones may not be
        painted yet."""
        like = [reference for reference in self._known if reference.shown == unseen.shown]
        if not like or unseen.unproven:
            return None
        added = unseen.added()
        for one in reversed(like):
            if same_videos(added, one.added(added.shape)):
                self._learn(one, unseen)
                return one.tiles
        return None

    def matte_like(self, look: Look, rest: stills.Resting) -> tuple[Rgb, tuple[Tile, ...]] | None:
        """The page with black videos, and its tiles, from the first still alone: where each box of
        its videos looks as in a state like the last reference."""
        last = self._known[-1] if self._known else None
        if last is None or rest.unproven or (areas := self._areas(look, last)) is None:
            return None
        black = last.black_of(decode_png(rest.png), areas)
        return None if black is None else (black, last.tiles)

    def _areas(self, look: Look, reference: Reference) -> list[Area] | None:
        """The boxes of the videos, where they are those of the last reference; None otherwise."""
        if reference is not self._known[-1] or reference.ramp is None:
            return None
        if (reference.shown, reference.places) != (stills.shown_of(look), stills.places_of(look)):
            return None
        height, width, _ = reference.ramp.shape
        return stills.boxes_around(look, reference.tiles, (width, height))

    def keep(self, unseen: stills.Unseen, matte_id: int, tiles: tuple[Tile, ...]) -> None:
        told = f"{unseen.shown} {stills.places_of(unseen.look)}"
        self._writer.refer(matte_id, told, unseen.ramp_png, unseen.black_png)
        self._add(matte_id, told, unseen.ramp, unseen.black, tiles)
