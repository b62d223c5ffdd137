"""Lists of conferences, of who was in them, and what that sums up to (contract 4.5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from ..records.models import Attendance, Conference, Mix, Session
from . import recorded_time
from .context import now_ms
from .pages import Position, Range
from .pattern import Pattern
from .recorded_time import Span, Stretch

BATCH = 500
MIX_TIMES = Mix.started_at, Mix.began_at, Mix.stopped_at, Mix.error


@dataclass(frozen=True, slots=True)
class Filters:
    """`alias`: the whole alias has to match."""

    alias: Pattern | None = None
    active: bool = False
    owner: str | None = None


async def page(
    db: AsyncSession, app_key: str, given: Range, filters: Filters
) -> tuple[list[Conference], list[Position]]:
    """A page's conferences, and the positions of them and of the next page's first."""
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
        matching = [row for row in rows if alias.matches(row.alias)]
        found += [Position(row.created_at, row.id) for row in matching]
        if len(found) > given.most or len(rows) < BATCH:
            return found[: given.most + 1]
        batch = query.where(place < tuple_(rows[-1].created_at, rows[-1].id))


async def stays_of(db: AsyncSession, ids: Sequence[str]) -> dict[str, list[Attendance]]:
    """All stays, by conference, in the order of joining."""
    found: dict[str, list[Attendance]] = {id: [] for id in ids}
    query = select(Attendance).where(Attendance.conference_id.in_(ids))
    for row in await db.scalars(query.order_by(Attendance.joined_at, Attendance.id)):
        found[row.conference_id].append(row)
    return found


async def recorded_ms(db: AsyncSession, ids: Sequence[str]) -> dict[str, int]:
    """For how long at least one mix was recorded, pauses apart, by conference."""
    query = (
        select(Session.id, Session.conference_id, Session.wanted, *MIX_TIMES)
        .join(Mix, Mix.session_id == Session.id)
        .where(Session.conference_id.in_(ids), Session.kind == "record")
    )
    return {**dict.fromkeys(ids, 0), **_by_conference((await db.execute(query)).all())}


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


def most_at_once(stays: Sequence[Attendance], type: str) -> int:
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
