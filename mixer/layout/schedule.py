"""Which output frame the page is stepped at next: a pure function of what it waits for.

All of it is media time and settings; nothing depends on how fast the machine is. A page that waits
for nothing is not stepped at all, but for a check every `check_s`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from mixer.layout.look import Look


@dataclass(frozen=True, slots=True)
class Rates:
    """`still_hz`: stills a second while the page changes by itself; `calm_frames`: frames without
    change or event after which a page with nothing pending is left alone."""

    fps: int
    still_hz: int = 10
    calm_frames: int = 3
    check_s: float = 1.0

    @property
    def still_frames(self) -> int:
        return max(1, round(self.fps / self.still_hz))

    def on_grid(self, frame: int) -> bool:
        """True for frames at which a page that changes by itself gets its still."""
        return frame % self.still_frames == 0

    def next_on_grid(self, frame: int) -> int:
        return (frame // self.still_frames + 1) * self.still_frames


@dataclass(frozen=True, slots=True)
class Waiting:
    """The page after the step at `frame`."""

    frame: int
    look: Look
    calm: int  # steps since the last change or event
    dirty: bool  # changed since its last still

    def next_step(self, rates: Rates) -> int:
        """The next frame to step the page at, if no event comes before."""
        soon = [self.frame + max(1, round(rates.check_s * rates.fps))]
        if self.look.moving or self.calm < rates.calm_frames:
            soon.append(self.frame + 1)
        if self.look.due_ms is not None:
            soon.append(self.frame + max(1, math.ceil(self.look.due_ms * rates.fps / 1000 - 1e-6)))
        if self.look.animated or self.dirty:
            soon.append(rates.next_on_grid(self.frame))
        return min(soon)
