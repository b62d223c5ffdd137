"""`mixer check default`: how long the author of a layout waits for it."""

from __future__ import annotations

from pathlib import Path

from tests.bench import measure
from tests.bench.rows import Row, at_most


def bench(out: Path, *, quick: bool) -> list[Row]:
    """Once, into an empty folder; `quick` makes no difference."""
    argv = measure.mixer("check", "default", "--out", str(out / "check"))
    cost = measure.run(argv, check=False)
    return [
        at_most("mixer check default", cost.wall_s, 60, "s"),
        Row("CPU of it", cost.cpu_s, "s"),
        at_most("its exit code", cost.status, 0, ""),
    ]
