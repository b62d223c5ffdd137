"""How often the receiving process is started again before it is given up."""

from __future__ import annotations

from dataclasses import dataclass

MOST = 20  # in a row
EARLY_MOST = 3  # while it has never joined: then it will not, whatever is tried
STEADY_S = 60.0  # one that was in the conference for so long had worked: what it dies of is new
LONGEST_PAUSE_S = 1.0  # a gap is that and what starting takes, 1 to 2 s where there is CPU


@dataclass(slots=True)
class Restarts:
    """Failures in a row, and what follows from the next one."""

    failures: int = 0

    def pause_s(self, lived_s: float, *, hopeful: bool) -> float | None:
        """Seconds to wait before the next start; None: it is given up.

        `lived_s`: how long the one that ended was in the conference; `hopeful`: one has joined
        before, or an earlier recorder's has.
        """
        if lived_s >= STEADY_S:
            self.failures = 0
        if self.failures >= (MOST if hopeful else EARLY_MOST):
            return None
        pause_s = min(LONGEST_PAUSE_S, 0.05 * (1 << self.failures))
        self.failures += 1
        return pause_s
