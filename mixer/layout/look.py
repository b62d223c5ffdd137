"""What the page waits for, and which videos it shows: the answer of inject/ to `look`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class VideoElement:
    """A `<video>` of the page that shows a stream; box in CSS pixels (hint only)."""

    number: int
    stream: str
    width: int
    height: int
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Look:
    """What the page waits for after a step (inject/host.js, `look`)."""

    settled: bool
    due_ms: float | None  # page time until its next timer
    moving: bool  # wants the very next frame
    animated: bool  # CSS or WAAPI animations run
    loaded: bool
    ready: bool
    failed: str | None
    awaits: str  # why it is not ready, if that is known
    finished: bool
    notes: tuple[tuple[str, str], ...]
    readers: tuple[str, ...]  # ways by which the page read a video's pixels
    missing: str  # characters that no font could draw so far
    videos: tuple[VideoElement, ...]

    @classmethod
    def parse(cls, told: Mapping[str, Any]) -> Look:
        videos = (VideoElement(v["number"], v["stream"], v["width"], v["height"], tuple(v["box"]))
                  for v in told["videos"])  # fmt: skip
        return cls(
            settled=told["settled"],
            due_ms=told["due"],
            moving=told["moving"],
            animated=told["animated"],
            loaded=told["loaded"],
            ready=told["ready"],
            failed=told["failed"],
            awaits=told["awaits"],
            finished=told["finished"],
            notes=tuple((n["type"], n["detail"]) for n in told["notes"]),
            readers=tuple(told["readers"]),
            missing=told["missing"],
            videos=tuple(videos),
        )
