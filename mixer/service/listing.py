"""Lists of recordings that can be downloaded, newest first: one query a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, or_, select, tuple_

from ..records import Database
from ..records.models import Conference, Recording
from .context import now_ms
from .pages import Position, Range

# What the answers say; rows of these are taken instead of objects, which cost four times as much.
_COLUMNS = (
    Recording.id,
    Recording.conference_id,
    Recording.object_key,
    Recording.kind,
    Recording.media_type,
    Recording.merged,
    Recording.mix_id,
    Recording.layout_url,
    Recording.layout_name,
    Recording.width,
    Recording.height,
    Recording.filename,
    Recording.size,
    Recording.duration,
    Recording.start_time,
    Recording.end_time,
    Recording.details,
    Conference.alias,
)


@dataclass(frozen=True, slots=True)
class Filters:
    media_types: tuple[str, ...] = ()
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """The rows of a page, and where they and the next page's first row lie."""

    rows: list[Row[Any]]
    places: list[Position]


async def recordings(
    database: Database,
    app_key: str,
    given: Range,
    filters: Filters,
    conference_id: str | None = None,
) -> Listed:
    """Of an application or of one of its conferences."""
    query: Any = select(*_COLUMNS)
    query = query.join(Conference, Conference.id == Recording.conference_id)
    if conference_id is None:
        query = query.where(Recording.app_key == app_key, downloadable())
    else:  # whose it is has been looked at; SQLite would take the application's index by it
        query = query.where(Recording.conference_id == conference_id, downloadable())
    if filters.media_types:
        query = query.where(Recording.media_type.in_(filters.media_types))
    if filters.kind is not None:
        query = query.where(Recording.kind == filters.kind)
    (rows,) = await database.fetched(_within(query, given))
    return Listed(list(rows[: given.most]), [Position(row.end_time, row.id) for row in rows])


async def conferences_recorded(database: Database, app_key: str, given: Range) -> Listed:
    """Conferences that have recordings, by the end of their last one: v1's order."""
    later = Recording.__table__.alias("later")
    is_last = ~(
        select(later.c.id)
        .where(
            later.c.conference_id == Recording.conference_id,
            later.c.deleted_at.is_(None),
            _kept(later.c.keep_until),
            tuple_(later.c.end_time, later.c.id) > tuple_(Recording.end_time, Recording.id),
        )
        .exists()
    )
    chosen = select(Recording.id, Recording.conference_id, Recording.end_time)
    query: Any = chosen.where(Recording.app_key == app_key, downloadable(), is_last)
    (rows,) = await database.fetched(_within(query, given))
    return Listed(list(rows[: given.most]), [Position(row.end_time, row.id) for row in rows])


async def all_of(
    database: Database, conference_ids: Sequence[str], given: Range | None = None
) -> dict[str, list[Row[Any]]]:
    """Everything downloadable of conferences, oldest first, by conference."""
    query = select(*Recording.__table__.columns)
    query = query.where(Recording.conference_id.in_(conference_ids), downloadable())
    if given is not None:
        query = query.where(Recording.end_time.between(given.since, given.until))
    (rows,) = await database.fetched(query.order_by(Recording.end_time, Recording.id))
    found: dict[str, list[Row[Any]]] = {id: [] for id in conference_ids}
    for row in rows:
        found[row.conference_id].append(row)
    return found


def downloadable() -> Any:
    """What nobody has deleted, and no sweep is going to."""
    return Recording.deleted_at.is_(None) & _kept(Recording.keep_until)


def _kept(column: Any) -> Any:
    return or_(column.is_(None), column > now_ms())


def _within(query: Any, given: Range) -> Any:
    """One row more than the page has: the next page's first."""
    query = query.where(Recording.end_time.between(given.since, given.latest))
    place = tuple_(Recording.end_time, Recording.id)
    if given.position is not None:
        query = query.where(place <= tuple_(given.position.at, given.position.id))
    order = Recording.end_time.desc(), Recording.id.desc()
    return query.order_by(*order).limit(given.most + 1)
