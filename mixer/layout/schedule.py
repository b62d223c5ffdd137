"""Which output frame the page is stepped at next: a pure function of what it waits for.

All of it is media time and settings; nothing depends on how fast the machine is. A page that waits
for nothing is not stepped at all, but for a check every `check_s`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from mixer.layout.look import Look

ROUNDED_MS = 1.0  # two times of frames, by half a millisecond each


@dataclass(frozen=True, slots=True)
class Rates:
    """`still_hz`: stills a second while the page changes by itself; `motion_hz`: while its videos
    move, for at most `motion_s` on end; `calm_frames`: frames without change, event or timer after
    which a page with nothing pending is left alone, but for a check every `check_s` (no whole
    second, in which what blinks would look the same). One that then changes all the same, such as a
    picture that moves by itself, gets its stills for `alert_s`; each page is watched like that when
    it begins, for `begin_s`."""

    fps: int
    still_hz: int = 10
    motion_hz: int = 24
    motion_s: float = 2.0
    calm_frames: int = 3
    check_s: float = 0.9
    alert_s: float = 3.0
    begin_s: float = 1.0

    @property
    def still_frames(self) -> int:
        return max(1, round(self.fps / self.still_hz))

    def watched_until(self, first: int) -> int:
        """The end of a page's beginning, `first` being its first frame."""
        return first + round(self.begin_s * self.fps)

    def on_grid(self, frame: int) -> bool:
        """True for frames at which a page that changes by itself gets its still."""
        return frame % self.still_frames == 0

    def in_motion(self, frame: int, since: int) -> bool:
        """True for frames at which videos that move since frame `since` get a still."""
        ticks = [at * self.motion_hz // self.fps for at in (frame - 1, frame)]
        return self.smooth(frame, since) and ticks[0] != ticks[1]

    def smooth(self, frame: int, since: int) -> bool:
        """Whether what moves since frame `since` is still to be shown smoothly."""
        return frame - since < self.motion_s * self.fps

    def next_on_grid(self, frame: int) -> int:
        return (frame // self.still_frames + 1) * self.still_frames


@dataclass(frozen=True, slots=True)
class Waiting:
    """The page after the step at `frame`."""

    frame: int
    look: Look
    calm: int  # steps since the last change or event
    dirty: bool  # changed since its last still
    since: int | None = None  # frame at which what carries videos began to move, if it does
    alert: int = 0  # frame until which it may change though it waits for nothing

    def due(self, rates: Rates) -> int | None:
        """Frame of the page's next timer, or the one before it: frames' times are rounded to whole
        milliseconds, and what a timer begins is not to begin a frame late."""
        if self.look.due_ms is None:
            return None
        soonest_ms = self.look.due_ms - ROUNDED_MS
        return self.frame + max(1, math.ceil(soonest_ms * rates.fps / 1000 - 1e-6))

    def drawn(self, frame: int, rates: Rates, *, lively: bool) -> bool:
        """Whether a frame without events has to be drawn: not between two stills of a page that
        moves by scripts alone, nor for a still, if that will be another one anyway (`lively`)."""
        next_one = self.look.drawing and self.since is None and self.frame + 1 == frame
        return not (self.alone or next_one) or (rates.on_grid(frame) and not lively)

    @property
    def alone(self) -> bool:
        """Whether the page moves by its scripts, and by nothing else."""
        return self.look.drawing and not self.look.animated and self.since is None

    def ended(self, look: Look) -> bool:
        """Whether that is over now: then it is to be seen, and counts as a change."""
        return self.look.drawing and (not look.drawing or self.moves(look))

    def moves(self, look: Look) -> bool:
        """Whether what carries videos moves."""
        return look.carrying or look.places != self.look.places

    def next_step(self, rates: Rates) -> int:
        """The next frame to step the page at, if no event comes before."""
        soon = [self.frame + max(1, round(rates.check_s * rates.fps))]
        smooth = self.since is not None and rates.smooth(self.frame, self.since)
        if self.alone:
            soon.append(rates.next_on_grid(self.frame))
        elif self.look.moving or self.calm < rates.calm_frames or smooth:
            soon.append(self.frame + 1)
        if (due := self.due(rates)) is not None:
            soon.append(due)
        if self.look.animated or self.dirty or self.frame < self.alert:
            soon.append(rates.next_on_grid(self.frame))
        return min(soon)

    def then(self, frame: int, look: Look, rates: Rates, *, changed: bool, told: bool) -> Waiting:
        """After the step at `frame`, before a still is taken."""
        due = self.due(rates)
        known = told or (due is not None and frame >= due)
        since = (frame if self.since is None else self.since) if self.moves(look) else None
        calm = 0 if changed or known else self.calm + 1
        alert = self.alert
        waited = self.look.moving or self.look.animated or self.calm < rates.calm_frames
        if changed and not known and not waited:
            alert = frame + round(rates.alert_s * rates.fps)
        return Waiting(frame, look, calm, self.dirty or changed, since, alert)

    def takes_still(self, rates: Rates, *, told: bool) -> bool:
        """Whether a change is to be seen at this frame already; `told`: events came with it."""
        moving = self.since is not None and rates.in_motion(self.frame, self.since)
        return self.dirty and (told or moving or rates.on_grid(self.frame))
