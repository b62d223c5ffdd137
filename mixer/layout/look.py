"""What the page waits for, and which videos it shows: the answer of inject/ to `look`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

MAX_TEXT, MAX_NOTES, MAX_VIDEOS, MAX_SIDE = 1000, 50, 500, 16384
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class VideoElement:
    """A `<video>` of the page that shows a stream; box in CSS pixels (hint only)."""

    number: int
    stream: str
    width: int
    height: int
    box: Box

    @classmethod
    def parse(cls, told: Mapping[str, Any]) -> VideoElement:
        width, height = int(told["width"]), int(told["height"])
        if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
            raise ValueError(f"a video of {width}x{height}")
        left, top, wide, high = (float(side) for side in told["box"])
        return cls(int(told["number"]), str(told["stream"]), width, height, (left, top, wide, high))


@dataclass(frozen=True, slots=True)
class Look:
    """What the page waits for after a step (inject/host.js, `look`)."""

    settled: bool
    due_ms: float | None  # page time until its next timer
    moving: bool  # wants the very next frame
    animated: bool  # CSS or WAAPI animations run
    carrying: bool  # one of them on a video or what holds one
    loaded: bool
    ready: bool
    failed: str | None
    awaits: str  # why it is not ready, if that is known
    finished: bool
    notes: tuple[tuple[str, str], ...]
    readers: tuple[str, ...]  # ways by which the page read a video's pixels
    missing: str  # characters that no font could draw so far
    videos: tuple[VideoElement, ...]
    levels: bool = False  # it wants to hear how loud people are
    drawing: bool = False  # it moves by its scripts alone, and may go undrawn meanwhile
    dead: str = ""  # how its script ended, where it shows nothing of the conference

    @property
    def places(self) -> tuple[tuple[int, Box], ...]:
        """Where the videos are, as far as the page can tell."""
        return tuple((video.number, video.box) for video in self.videos)

    def later(self, told: Mapping[str, Any]) -> Look:
        """The same at a later time, of which only the next timer is told. Raises ValueError."""
        try:
            due = told["due"]
            return replace(self, due_ms=None if due is None else max(0.0, float(due)), notes=())
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"no look: {error!r}") from None

    @classmethod
    def parse(cls, told: Mapping[str, Any]) -> Look:
        """What a page told. It may lie: raises ValueError for what makes no sense."""
        try:
            return cls._parsed(told)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise ValueError(f"no look: {error!r}") from None

    @classmethod
    def _parsed(cls, told: Mapping[str, Any]) -> Look:
        due = told["due"]
        return cls(
            settled=bool(told["settled"]),
            due_ms=None if due is None else max(0.0, float(due)),
            moving=bool(told["moving"]),
            animated=bool(told["animated"]),
            carrying=bool(told["carrying"]),
            loaded=bool(told["loaded"]),
            ready=bool(told["ready"]),
            failed=None if told["failed"] is None else str(told["failed"])[:MAX_TEXT],
            awaits=str(told["awaits"])[:MAX_TEXT],
            finished=bool(told["finished"]),
            notes=tuple(
                (str(n["type"])[:MAX_TEXT], str(n["detail"])[:MAX_TEXT])
                for n in told["notes"][:MAX_NOTES]
            ),
            readers=tuple(str(reader)[:MAX_TEXT] for reader in told["readers"][:MAX_NOTES]),
            missing=str(told["missing"])[:MAX_TEXT],
            videos=tuple(VideoElement.parse(video) for video in told["videos"][:MAX_VIDEOS]),
            levels=bool(told["levels"]),
            drawing=bool(told["drawing"]),
            dead=str(told["dead"] or "")[:MAX_TEXT],
        )
