"""Lists of conferences, of who was in them, and what that sums up to (contract 4.5)."""

from __future__ import annotations

import asyncio
from collections import namedtuple
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Row, Select, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from ..records import Database
from ..records.models import Attendance, Conference, Mix, Session
from . import recorded_time
from .context import now_ms
from .pages import Position, Range
from .pattern import Pattern
from .recorded_time import Span, Stretch

BATCH = 500
_matching = ThreadPoolExecutor(1, "patterns")  # one at a time: none slows down all else
MIX_TIMES = Mix.started_at, Mix.began_at, Mix.stopped_at, Mix.error
_OF_A_STAY = (
    Attendance.conference_id,  # the first
    Attendance.participant_id,
    Attendance.external_id,
    Attendance.name,
    Attendance.avatar_url,
    Attendance.type,
    Attendance.ip_address,
    Attendance.joined_at,
    Attendance.left_at,
)
_Stay = namedtuple("_Stay", [column.key for column in _OF_A_STAY])  # type: ignore[misc]

Told = TypeVar("Told")
Stays = Sequence[Any]  # Attendance, or what has its fields


@dataclass(frozen=True, slots=True)
class Filters:
    """`alias`: the whole alias has to match."""

    alias: Pattern | None = None
    active: bool = False
    owner: str | None = None


async def page(
    db: AsyncSession, app_key: str, given: Range, filters: Filters
) -> tuple[list[Conference], list[Position]]:
    """A page's conferences, and the positions of them and of the next page's first.

    Raises PatternError when it takes too long to find the aliases that match.
    """
    chosen = select(Conference.created_at, Conference.id, Conference.alias)
    query: Any = chosen.where(
        Conference.app_key == app_key, Conference.created_at.between(given.since, given.latest)
    )
    if filters.active:
        query = query.where(Conference.ended_at.is_(None))
    if filters.owner is not None:
        query = query.where(Conference.owner_external_id == filters.owner)
    if filters.alias is not None and filters.alias.literal is not None:
        query = query.where(Conference.alias_key == filters.alias.literal.casefold())
    places = await _places(db, query, given, filters.alias)
    ids = [place.id for place in places[: given.most]]
    rows = {
        row.id: row for row in await db.scalars(select(Conference).where(Conference.id.in_(ids)))
    }
    return [rows[id] for id in ids], places


async def _places(
    db: AsyncSession, query: Any, given: Range, alias: Pattern | None
) -> list[Position]:
    """Looks through batches until the page is full: which aliases match the database cannot say."""
    place = tuple_(Conference.created_at, Conference.id)
    query = query.order_by(Conference.created_at.desc(), Conference.id.desc())
    if given.position is not None:
        query = query.where(place <= tuple_(given.position.at, given.position.id))
    if alias is None:
        rows = (await db.execute(query.limit(given.most + 1))).all()
        return [Position(row.created_at, row.id) for row in rows]
    found: list[Position] = []
    batch = query
    while True:
        rows = (await db.execute(batch.limit(BATCH))).all()
        aliases = [row.alias for row in rows]
        loop = asyncio.get_running_loop()
        matching = await loop.run_in_executor(_matching, list, map(alias.matches, aliases))
        found += [
            Position(row.created_at, row.id)
            for row, matches in zip(rows, matching, strict=True)
            if matches
        ]
        if len(found) > given.most or len(rows) < BATCH:
            return found[: given.most + 1]
        batch = query.where(place < tuple_(rows[-1].created_at, rows[-1].id))


async def summed_up(
    database: Database,
    conferences: Sequence[Conference],
    told: Callable[[Conference, Stays, int], Told],
) -> list[Told]:
    """What `told` makes of each, its stays in the order of joining, and for how many ms it was
    recorded. On another thread: a page of conferences may have a hundred thousand stays."""
    ids = [one.id for one in conferences]
    stays = select(*_OF_A_STAY).where(Attendance.conference_id.in_(ids))
    stays = stays.order_by(Attendance.joined_at, Attendance.id)
    found, mixes = await database.fetched(stays, _mixes(ids))

    def all_told() -> list[Told]:
        of: dict[str, list[Any]] = {id: [] for id in ids}
        for row in found:
            of[row[0]].append(_Stay._make(row))
        recorded = _by_conference(mixes)
        return [told(one, of[one.id], recorded.get(one.id, 0)) for one in conferences]

    return await asyncio.to_thread(all_told)


async def recorded_ms(db: AsyncSession, ids: Sequence[str]) -> dict[str, int]:
    """For how long at least one mix was recorded, pauses apart, by conference."""
    return {**dict.fromkeys(ids, 0), **_by_conference((await db.execute(_mixes(ids))).all())}


def _mixes(ids: Sequence[str]) -> Select[Any]:
    query = select(Session.id, Session.conference_id, Session.wanted, *MIX_TIMES)
    query = query.join(Mix, Mix.session_id == Session.id)
    return query.where(Session.conference_id.in_(ids), Session.kind == "record")


def stretch_of(row: Row[Any]) -> Stretch:
    """Of a row with MIX_TIMES."""
    return Stretch(row.started_at, row.began_at, row.stopped_at, row.error is not None)


def _by_conference(rows: Sequence[Row[Any]]) -> dict[str, int]:
    stretches: dict[str, list[Stretch]] = {}
    sessions: dict[str, tuple[str, dict[str, Any]]] = {}
    for row in rows:
        sessions[row.id] = row.conference_id, row.wanted
        stretches.setdefault(row.id, []).append(stretch_of(row))
    spans: dict[str, list[Span]] = {}
    now = now_ms()
    for session, (conference, wanted) in sessions.items():
        found = recorded_time.spans(stretches[session], wanted, now)
        spans.setdefault(conference, []).extend(found)
    return {id: recorded_time.length_ms(recorded_time.union(of)) for id, of in spans.items()}


def most_at_once(stays: Stays, type: str) -> int:
    """The largest number of one type that was there at the same time."""
    changes: list[tuple[int, int]] = []
    for stay in stays:
        if stay.type == type:
            changes += [(stay.joined_at, 1), (stay.left_at or 1 << 62, -1)]
    now = most = 0
    for _, change in sorted(changes):  # who leaves at a moment makes room for who comes then
        now += change
        most = max(most, now)
    return most
