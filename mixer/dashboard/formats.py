"""How times, lengths and sizes are written. Pure."""

from __future__ import annotations

import calendar
import json
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

STEPS = ("B", "kB", "MB", "GB", "TB")


def moment(ms: int | None) -> Markup | str:
    """Epoch ms as a `time` element, UTC to the minute; a dash for None."""
    if ms is None:
        return "–"
    at = datetime.fromtimestamp(ms / 1000, UTC)
    text = at.strftime("%Y-%m-%d %H:%M")
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(
        at.isoformat(timespec="seconds"), at.strftime("%A, %Y-%m-%d %H:%M:%S"), text
    )


def day(ms: int | None) -> str:
    return "–" if ms is None else datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d")


def clock(ms: float | None) -> str:
    """Milliseconds as 1:02:03 or 2:03."""
    if ms is None:
        return "–"
    seconds = round(ms / 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def size(count: float | None) -> str:
    """Bytes in steps of 1000."""
    if count is None:
        return "–"
    step = 0
    while count >= 999.5 and step < len(STEPS) - 1:
        count, step = count / 1000, step + 1
    return (
        f"{count:.0f} {STEPS[step]}" if step < 2 or count >= 100 else f"{count:.1f} {STEPS[step]}"
    )


def minutes(ms: int) -> str:
    return f"{ms / 60_000:,.0f}" if ms >= 600_000 or not ms else f"{ms / 60_000:.1f}"


def pretty(text: str | None) -> str:
    """JSON with indents; other text as it is."""
    try:
        return json.dumps(json.loads(text or ""), indent=2, ensure_ascii=False)
    except ValueError:
        return text or ""


def day_ms(text: str, *, end: bool = False) -> int | None:
    """Epoch ms of a day's first (or last) moment in UTC; None for what is no day."""
    try:
        at = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None
    ms = int(at.timestamp() * 1000)
    return ms + 24 * 3_600_000 - 1 if end else ms


def months(now: int, count: int) -> list[tuple[str, int, int]]:
    """The last months, newest first: name, first ms, first ms of the next."""
    at = datetime.fromtimestamp(now / 1000, UTC)
    found = []
    year, month = at.year, at.month
    for _ in range(count):
        first = datetime(year, month, 1, tzinfo=UTC)
        days = calendar.monthrange(year, month)[1]
        start = int(first.timestamp() * 1000)
        found.append((first.strftime("%B %Y"), start, start + days * 24 * 3_600_000))
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)
    return found


FILTERS: dict[str, Any] = {
    "moment": moment,
    "day": day,
    "clock": clock,
    "size": size,
    "minutes": minutes,
    "pretty": pretty,
}
