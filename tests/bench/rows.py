"""What a measurement yields: rows of a table, each with its goal."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. `goal` is text such as "≤ 16"; `ok` None where there is no goal."""

    what: str
    value: float
    unit: str
    goal: str = ""
    ok: bool | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def at_most(what: str, value: float, limit: float, unit: str) -> Row:
    return Row(what, value, unit, f"≤ {limit:g}", value <= limit)


def at_least(what: str, value: float, limit: float, unit: str) -> Row:
    return Row(what, value, unit, f"≥ {limit:g}", value >= limit)


def markdown(rows: list[Row]) -> str:
    """A table for docs/performance.md."""
    lines = ["| what | measured | goal | |", "|---|---|---|---|"]
    for row in rows:
        mark = {True: "✓", False: "✗", None: ""}[row.ok]
        lines.append(f"| {row.what} | {row.value:.4g} {row.unit} | {row.goal} | {mark} |")
    return "\n".join(lines) + "\n"
