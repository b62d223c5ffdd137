"""Pauses and what comes before the first recorded moment are not counted as recorded."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from mixer.records.models import Mix, Session
from mixer.service import conference_listing
from mixer.service.context import Service, now_ms
from mixer.service.recorded_time import Stretch, length_ms, spans, with_pause

from .test_sessions import conference, sessions, start

__all__ = ["sessions"]  # a fixture

NOW = 100_000
LIVE: dict[str, Any] = {"live": True}


def recorded_ms(*stretches: Stretch, **wanted: Any) -> int:
    return length_ms(spans(stretches, {**LIVE, **wanted}, NOW))


@pytest.mark.parametrize(
    ("pauses", "expected"),
    [
        ([], 20_000),
        ([[35_000, 40_000]], 15_000),
        ([[35_000, 40_000], [45_000, None]], 10_000),
        ([[0, 29_000]], 20_000),
        ([[25_000, 31_000], [49_000, 60_000]], 18_000),
        ([[0, None]], 0),
        ([[60_000, 70_000]], 20_000),
    ],
)
def test_pauses(pauses: list[list[int | None]], expected: int) -> None:
    """Wherever they begin and end."""
    assert recorded_ms(Stretch(29_000, 30_000, 50_000), pauses=pauses) == expected


def test_mixes_at_once_count_once() -> None:
    """What overlaps, and what goes on; what never began counts nothing."""
    first, second = Stretch(1, 10_000, 20_000), Stretch(1, 15_000, 30_000)
    assert recorded_ms(first, second, Stretch(1, 90_000, None)) == 30_000
    assert recorded_ms(Stretch(1, None, 50_000), Stretch(1, None, None)) == 0
    assert recorded_ms(Stretch(10_000, None, 30_000), live=False) == 20_000
    assert recorded_ms(Stretch(10_000, None, 30_000, failed=True), live=False) == 0


def test_pauses_are_noted() -> None:
    """A repeated pause or resumption changes nothing."""
    wanted = with_pause(LIVE, False, 1)
    for paused, at in ((True, 10), (True, 20), (False, 30), (False, 40), (True, 50)):
        wanted = with_pause(wanted, paused, at)
    assert wanted["pauses"] == [[10, 30], [50, None]]


async def test_a_conference_was_recorded_without_its_pauses(
    api: httpx2.AsyncClient, service: Service
) -> None:
    """By REST: what the Monitor API tells of a recording that was paused and began late."""
    id = await conference(api)
    assert await start(api, id) == (200, "")
    for act in ("pause", "resume"):
        assert (await api.post(f"/v2/conferences/mix/{id}/recording/{act}")).status_code == 200
    began_at = now_ms() - 30_000
    async with service.database.writing() as db:
        (mix,) = await db.scalars(select(Mix))
        mix.started_at, mix.began_at = began_at - 5_000, began_at
        session = await db.get_one(Session, mix.session_id)
        ((_, resumed_at),) = session.wanted["pauses"]
        session.wanted = {**session.wanted, "pauses": [[resumed_at - 20_000, resumed_at]]}
    await api.post(f"/v2/conferences/mix/{id}/recording/stop")
    async with service.database.reading() as db:
        (mix,) = await db.scalars(select(Mix))
        assert mix.stopped_at is not None
        told = await conference_listing.recorded_ms(db, [id, "other"])
    assert told == {id: mix.stopped_at - began_at - 20_000, "other": 0}
