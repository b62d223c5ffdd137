"""Sums over recordings: bytes by kind, minutes by month, what goes when, what has gone."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import Row, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from ..records import Database
from ..records.models import Application, Mix, Recording, Session
from ..service import listing, recorded_time
from ..service.applications import stored_settings
from ..service.conference_listing import MIX_TIMES, stretch_of
from ..service.files.retention import DAY_MS

KINDS = {
    "video": "Mixes, video",
    "sound": "Mixes, sound",
    "participant": "Participants’ audio",
    "remix": "Remixes",
}
RECENT_DAYS = 30


@dataclass(frozen=True, slots=True)
class Sum:
    count: int = 0
    bytes: int = 0
    ms: int = 0

    def __add__(self, other: Sum) -> Sum:
        return Sum(self.count + other.count, self.bytes + other.bytes, self.ms + other.ms)


def _kind() -> Any:
    """Which of KINDS a recording is, for SQL. Grouped by its label: PostgreSQL takes two
    expressions with parameters for different ones."""
    return case(
        (Recording.remix.is_(True), "remix"),
        (Recording.kind == "participant", "participant"),
        (Recording.media_type == "video/mp4", "video"),
        else_="sound",
    ).label("of_kind")


_SUMS = func.count(), func.sum(Recording.size), func.sum(Recording.duration)


async def kept(db: AsyncSession) -> dict[str, Sum]:
    """What can be downloaded, by kind."""
    kind = _kind()
    query = select(kind, *_SUMS).where(listing.downloadable()).group_by("of_kind")
    found = {name: _sum(rest) for name, *rest in await db.execute(query)}
    return {name: found.get(name, Sum()) for name in KINDS}


async def by_month(
    db: AsyncSession, months: Sequence[tuple[str, int, int]], app_key: str | None = None
) -> list[tuple[str, dict[str, Sum]]]:
    """What was made in each month, by kind, deleted or not. Files of whole recordings only:
    what a part shows is in the whole, too. `app_key` None: of all applications."""
    month = case(
        *((Recording.end_time >= start, name) for name, start, _ in months),
        else_="",
    ).label("in_month")
    kind = _kind()
    query = select(month, kind, *_SUMS).where(
        Recording.merged.is_(True), Recording.end_time >= months[-1][1]
    )
    if app_key is not None:
        query = query.where(Recording.app_key == app_key)
    found: dict[tuple[str, str], Sum] = {}
    for name, one, *rest in await db.execute(query.group_by("in_month", "of_kind")):
        found[name, one] = _sum(rest)
    return [(name, {one: found.get((name, one), Sum()) for one in KINDS}) for name, *_ in months]


async def recorded_by_month(
    database: Database, months: Sequence[tuple[str, int, int]], now: int, app_key: str | None = None
) -> dict[str, int]:
    """For how many ms recorders recorded, by the month in which they ended, whatever was made of
    it: also where nothing is rendered live. Pauses apart; several mixes at once count once. On
    another thread, a month at a time: a year may have very many."""
    query = (
        select(Session.id, Session.wanted, *MIX_TIMES)
        .join(Mix, Mix.session_id == Session.id)
        .where(Session.kind == "record")
        .order_by(Session.id)
    )
    if app_key is not None:
        query = query.where(Session.app_key == app_key)
    found = {}
    for name, start, end in months:
        ended = (Session.closed_at >= start) & (Session.closed_at < end)
        within = or_(ended, Session.closed_at.is_(None)) if start <= now < end else ended
        (rows,) = await database.fetched(query.where(within))
        found[name] = await asyncio.to_thread(_recorded_ms, rows, now)
    return found


def _recorded_ms(rows: Sequence[Row[Any]], now: int) -> int:
    """`rows`: mixes, those of a session one after the other."""
    total = 0
    for _, of_one in groupby(rows, lambda row: row.id):
        mixes = list(of_one)
        spans = recorded_time.spans(map(stretch_of, mixes), mixes[0].wanted, now)
        total += recorded_time.length_ms(spans)
    return total


async def due(db: AsyncSession, now: int, days: Sequence[int]) -> list[tuple[int, int, Sum, int]]:
    """What goes from one number of days to the next: both, files, and raw recordings."""
    day = _within(Recording.keep_until, now, days, 0).label("in_day")
    last = now + days[-1] * DAY_MS
    query = select(day, *_SUMS).where(listing.downloadable(), Recording.keep_until <= last)
    files = {until: _sum(rest) for until, *rest in await db.execute(query.group_by("in_day"))}
    raw = await _raw_due(db, now, days)
    return [
        (earlier, until, files.get(until, Sum()), raw.get(until, 0))
        for earlier, until in zip((0, *days), days, strict=False)
    ]


async def _raw_due(db: AsyncSession, now: int, days: Sequence[int]) -> Counter[int]:
    """How many raw recordings there are that may be removed then, what is overdue with the first.
    Asked once for each number of days that applications keep theirs."""
    keys: dict[int, list[str]] = {}
    for app in await db.scalars(select(Application)):
        keys.setdefault(stored_settings(app.settings).retention_raw_days, []).append(app.key)
    found: Counter[int] = Counter()
    for kept_days, of_them in keys.items():
        day = _within(Session.closed_at, now, days, kept_days).label("in_day")
        there = Session.deleted_at.is_(None), Session.app_key.in_(of_them)
        closed = Session.closed_at <= now + (days[-1] - kept_days) * DAY_MS
        query = select(day, func.count()).where(*there, closed).group_by("in_day")
        for until, count in await db.execute(query):
            found[until] += count
    return found


def _within(column: Any, now: int, days: Sequence[int], later: int) -> Any:
    """The first of `days` that has not passed so many days after the column's time."""
    return case(*((column <= now + (day - later) * DAY_MS, day) for day in days))


async def gone(db: AsyncSession, now: int) -> list[tuple[int, Sum, int]]:
    """What was removed on each of the last days: the day's first ms, files, raw recordings."""
    day = (Recording.deleted_at - Recording.deleted_at % DAY_MS).label("on_day")
    since = now - RECENT_DAYS * DAY_MS
    files = await db.execute(
        select(day, *_SUMS).where(Recording.deleted_at >= since).group_by("on_day")
    )
    raw_day = (Session.deleted_at - Session.deleted_at % DAY_MS).label("on_day")
    raw = await db.execute(
        select(raw_day, func.count()).where(Session.deleted_at >= since).group_by("on_day")
    )
    sums = {int(at or 0): _sum(rest) for at, *rest in files}
    counts = {int(at or 0): int(count) for at, count in raw}
    days = sorted({*sums, *counts}, reverse=True)
    return [(at, sums.get(at, Sum()), counts.get(at, 0)) for at in days]


def folder_bytes(top: Path) -> int:
    """What a folder takes, each file once however many names it has. Reads the whole tree."""
    total, seen = 0, set()
    for folder, _, names in os.walk(top):
        for name in names:
            try:
                found = (Path(folder) / name).lstat()
            except OSError:  # it went meanwhile
                continue
            if found.st_ino not in seen:
                seen.add(found.st_ino)
                total += found.st_blocks * 512
    return total


def _sum(row: Sequence[Any]) -> Sum:
    return Sum(*(int(value or 0) for value in row))
