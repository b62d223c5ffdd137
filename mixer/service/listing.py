"""Lists of recordings that can be downloaded, newest first: one query a page.

The statements are made once, with parameters: to put one together costs as much as to run it.
"""

from __future__ import annotations

import functools
from collections import namedtuple
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Executable,
    Integer,
    Row,
    bindparam,
    or_,
    select,
    tuple_,
)

from ..records import Database
from ..records.models import Conference, Recording, Session
from .context import now_ms
from .pages import Position, Range

# What the answers say; rows of these are taken instead of objects, which cost four times as much.
_OF_A_FILE = (
    Recording.id,
    Recording.conference_id,
    Recording.object_key,
    Recording.kind,
    Recording.media_type,
    Recording.merged,
    Recording.mix_id,
    Recording.filename,
    Recording.size,
    Recording.duration,
    Recording.start_time,
    Recording.end_time,
    Recording.details,
)
_COLUMNS = (
    *_OF_A_FILE,
    Recording.layout_url,
    Recording.layout_name,
    Recording.width,
    Recording.height,
    Conference.alias,
)
_FILE_COLUMNS = (*_OF_A_FILE, Recording.session_id, Recording.part)
_Fields = namedtuple("_Fields", [column.key for column in _COLUMNS])  # type: ignore[misc]
_File = namedtuple("_File", [column.key for column in _FILE_COLUMNS])  # type: ignore[misc]


@dataclass(frozen=True, slots=True)
class Filters:
    media_types: tuple[str, ...] = ()
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """The rows of a page, and where they and the next page's first row lie."""

    rows: list[Any]  # of _COLUMNS, or of what else was asked for
    places: Sequence[Position]


class _Places(Sequence[Position]):
    """Of rows, made when they are asked for: a page tells two of its hundred."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        row = self._rows[index]
        return Position(row.end_time, row.id)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A conference and all of it that can be downloaded, oldest first."""

    id: str
    alias: str
    files: list[Any]  # of _FILE_COLUMNS


@dataclass(frozen=True, slots=True)
class OfConference:
    """`at_work`: whether something is still being made of it."""

    conference: Row[Any]
    at_work: bool
    listed: Listed


async def recordings(database: Database, app_key: str, given: Range, filters: Filters) -> Listed:
    """Of an application."""
    query = _page(False, filters, given.position is not None)
    (rows,) = await database.fetched(query, of=app_key, **_values(given))
    return _listed(_quick(rows), given)


async def recordings_of(
    database: Database, app_key: str, conference_id: str, given: Range, filters: Filters
) -> OfConference | None:
    """Of a conference; None when the application has no such."""
    page = _page(True, filters, given.position is not None)
    values = _values(given)
    named, open_ones, rows = await database.fetched(
        _CONFERENCE, _OPEN_SESSION, page, of=conference_id, **values
    )
    if not named or named[0].app_key != app_key:
        return None
    return OfConference(named[0], bool(open_ones), _listed(_quick(rows), given))


async def conferences_recorded(database: Database, app_key: str, given: Range) -> Listed:
    """Conferences that have recordings, by the end of their last one: v1's order. Rows are
    Recorded."""
    query = _recorded(given.position is not None)
    (rows,) = await database.fetched(query, of=app_key, **_values(given))
    found: list[Recorded] = []
    places: list[Position] = []
    for row in rows:
        last_end, last_id, alias, *fields = tuple(row)
        if not places or places[-1].id != last_id:
            places.append(Position(last_end, last_id))
            found.append(Recorded(fields[1], alias, []))
        found[-1].files.append(_File._make(fields))
    return Listed(found[: given.most], places)


async def all_of(database: Database, conference_id: str, given: Range | None = None) -> list[Any]:
    """Everything downloadable of a conference (_FILE_COLUMNS), oldest first."""
    values: dict[str, Any] = {"now": now_ms(), "of": conference_id}
    if given is not None:
        values |= {"since": given.since, "latest": given.until}
    (rows,) = await database.fetched(_all_of(given is not None), **values)
    return [_File._make(row) for row in rows]


def downloadable(now: Any = None) -> Any:
    """What nobody has deleted, and no sweep is going to."""
    return Recording.deleted_at.is_(None) & _kept(Recording.keep_until, now)


# --- statements --------------------------------------------------------------------------------

_NOW = bindparam("now", type_=BigInteger())
_OF: BindParameter[str] = bindparam("of")
_place = tuple_(Recording.end_time, Recording.id)
_CONFERENCE = select(
    Conference.id, Conference.alias, Conference.app_key, Conference.ended_at
).where(Conference.id == _OF)
_OPEN_SESSION = (
    select(Session.id).where(Session.conference_id == _OF, Session.closed_at.is_(None)).limit(1)
)


@functools.lru_cache(maxsize=64)
def _page(of_conference: bool, filters: Filters, goes_on: bool) -> Executable:
    """Of one conference, or of one application."""
    query: Any = select(*_COLUMNS)
    query = query.join(Conference, Conference.id == Recording.conference_id)
    if of_conference:  # whose it is is looked at; SQLite would take the application's index by it
        query = query.where(Recording.conference_id == _OF, downloadable(_NOW))
    else:
        query = query.where(Recording.app_key == _OF, downloadable(_NOW))
    if filters.media_types:
        query = query.where(Recording.media_type.in_(filters.media_types))
    if filters.kind is not None:
        query = query.where(Recording.kind == filters.kind)
    statement: Executable = _within(query, goes_on)
    return statement


def _last_ones(goes_on: bool) -> Any:
    later = Recording.__table__.alias("later")
    is_last = ~(
        select(later.c.id)
        .where(
            later.c.conference_id == Recording.conference_id,
            later.c.deleted_at.is_(None),
            _kept(later.c.keep_until, _NOW),
            tuple_(later.c.end_time, later.c.id) > _place,
        )
        .exists()
    )
    chosen = select(Recording.id, Recording.conference_id, Recording.end_time, Conference.alias)
    query: Any = chosen.join(Conference, Conference.id == Recording.conference_id)
    return _within(query.where(Recording.app_key == _OF, downloadable(_NOW), is_last), goes_on)


@functools.lru_cache(maxsize=2)
def _recorded(goes_on: bool) -> Executable:
    """The files of a page's conferences beside the page itself: one question instead of two."""
    page = _last_ones(goes_on).subquery("page")
    query = select(page.c.end_time, page.c.id, page.c.alias, *_FILE_COLUMNS)
    query = query.join(Recording, Recording.conference_id == page.c.conference_id)
    newest_first = page.c.end_time.desc(), page.c.id.desc()
    order = *newest_first, Recording.end_time, Recording.id
    return query.where(downloadable(_NOW)).order_by(*order)


@functools.lru_cache(maxsize=2)
def _all_of(in_range: bool) -> Executable:
    query = select(*_FILE_COLUMNS).where(Recording.conference_id == _OF, downloadable(_NOW))
    if in_range:
        query = query.where(Recording.end_time.between(bindparam("since"), bindparam("latest")))
    return query.order_by(Recording.end_time, Recording.id)


def _kept(column: Any, now: Any = None) -> Any:
    return or_(column.is_(None), column > (now if now is not None else now_ms()))


def _within(query: Any, goes_on: bool) -> Any:
    """One row more than the page has: the next page's first."""
    query = query.where(Recording.end_time.between(bindparam("since"), bindparam("latest")))
    if goes_on:
        query = query.where(_place <= tuple_(bindparam("at"), bindparam("id")))
    ordered = query.order_by(Recording.end_time.desc(), Recording.id.desc())
    return ordered.limit(bindparam("rows", type_=Integer()))


def _values(given: Range) -> dict[str, Any]:
    values: dict[str, Any] = {
        "now": now_ms(),
        "since": given.since,
        "latest": given.latest,
        "rows": given.most + 1,
    }
    if given.position is not None:
        values |= {"at": given.position.at, "id": given.position.id}
    return values


def _listed(rows: Sequence[Any], given: Range) -> Listed:
    return Listed(list(rows[: given.most]), _Places(rows))


def _quick(rows: Sequence[Row[Any]]) -> list[Any]:
    """Fields of an SQLAlchemy row are looked up by name, which takes most of an answer's time."""
    return [_Fields._make(row) for row in rows]
