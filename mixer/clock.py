"""Time: the one clock of a recording, and how it relates to the clock on the wall.

Everything in a journal is told in *journal time*: nanoseconds of the machine's monotonic clock
since the recording's first run began. A step of the wall clock moves nothing.
"""

from __future__ import annotations

import time
from pathlib import Path

SECOND = 1_000_000_000
MILLISECOND = 1_000_000


def monotonic_ns() -> int:
    return time.monotonic_ns()


def boot_id() -> str:
    """Identifies the boot within which monotonic times can be compared."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown"


def frame_time_ns(start_ns: int, frame: int, fps: int) -> int:
    """Journal time that output frame `frame` shows: the middle of its interval."""
    return start_ns + (2 * frame + 1) * SECOND // (2 * fps)


def first_frame_showing(start_ns: int, t_ns: int, fps: int) -> int:
    """The first output frame in which something that holds from `t_ns` on is to be seen."""
    frame = max(0, (2 * fps * (t_ns - start_ns) // SECOND - 1) // 2 - 1)
    while frame_time_ns(start_ns, frame, fps) < t_ns:
        frame += 1
    return frame
