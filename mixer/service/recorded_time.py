"""For how long something was recorded: from mixes' beginnings and stops, less the pauses.

Pure. Times are epoch ms. A session keeps its pauses in `wanted`, since a pause is of all mixes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Stretch:
    """One start of a mix, until its stop. `began_at`: the first moment that is in the file."""

    started_at: int
    began_at: int | None
    stopped_at: int | None
    failed: bool = False


def with_pause(wanted: Mapping[str, Any], paused: bool, now: int) -> dict[str, Any]:
    """What a session is to do once it is paused, or goes on, from now on."""
    pauses = [list(one) for one in wanted.get("pauses", ())]
    going_on = bool(pauses) and pauses[-1][1] is None
    if paused and not going_on:
        pauses.append([now, None])
    elif not paused and going_on:
        pauses[-1][1] = now
    return {**wanted, "paused": paused, "pauses": pauses}


def spans(stretches: Iterable[Stretch], wanted: Mapping[str, Any], now: int) -> list[Span]:
    """When at least one mix of a session was recorded; apart, in order."""
    pauses = [(start, now if end is None else end) for start, end in wanted.get("pauses", ())]
    found: list[Span] = []
    for one in stretches:
        began_at = one.began_at
        if began_at is None and not wanted.get("live", True) and not one.failed:
            began_at = one.started_at  # of a version that did not note it
        if began_at is not None:
            found += _without((began_at, one.stopped_at or now), pauses)
    return union(found)


def union(given: Iterable[Span]) -> list[Span]:
    found: list[Span] = []
    for start, end in sorted(given):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        elif end > start:
            found.append((start, end))
    return found


def length_ms(given: Iterable[Span]) -> int:
    return sum(end - start for start, end in given)


def _without(span: Span, pauses: Iterable[Span]) -> Iterable[Span]:
    start, end = span
    for paused, resumed in sorted(pauses):
        if paused > start:
            yield start, min(end, paused)
        start = max(start, resumed)
    yield start, end
