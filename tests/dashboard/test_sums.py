"""Sums of storage, usage and retention, on both databases."""

from __future__ import annotations

import threading
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from mixer.dashboard import formats, sums
from mixer.records.models import Mix
from mixer.service import applications, recorded_time
from mixer.service.context import Service, now_ms
from mixer.service.files import sweep
from mixer.service.files.retention import DAY_MS
from tests.instruments.plans import plans
from tests.service.conftest import BOTH_DATABASES

from .seeded import MINUTE_MS, seed


@BOTH_DATABASES
async def test_sums(service: Service, operator: httpx2.AsyncClient) -> None:
    """What is there, what was recorded, what goes when and what has gone agree with each other."""
    site = await seed(
        service, conferences=11
    )  # four of them recorded: video, part, sound, one person's
    now = now_ms()
    async with service.database.reading() as db:
        kept = await sums.kept(db)
        months = await sums.by_month(db, formats.months(now, 12))
    await applications.change(service.database, site.keys[1], {"retention_raw_days": 60})
    async with service.database.reading() as db:
        due = await sums.due(db, now, (1, 30, 180))
    assert {kind: one.count for kind, one in kept.items()} == {
        "video": 8,
        "sound": 4,
        "participant": 4,
        "remix": 0,
    }
    whole = sum((kinds["video"] for _, kinds in months), sums.Sum())
    assert (whole.count, whole.ms) == (4, 4 * 18 * MINUTE_MS)
    assert [(since, until, files.count, raw) for since, until, files, raw in due] == [
        (0, 1, 0, 0),
        (1, 30, 4, 2),
        (30, 180, 12, 2),
    ]
    assert sum(files.bytes for _, _, files, _ in due) == sum(one.bytes for one in kept.values())
    await sweep(service, now + 16 * DAY_MS)
    async with service.database.reading() as db:
        ((day, files, raw),) = await sums.gone(db, now)
        assert (await sums.kept(db))["participant"].count == 0
        after = await sums.by_month(db, formats.months(now, 12))
    assert (day % DAY_MS, files.count, raw) == (0, 4, 0)
    assert after == months  # usage counts what was deleted, too


@BOTH_DATABASES
async def test_usage(service: Service, operator: httpx2.AsyncClient) -> None:
    """For how long was recorded, whatever was made of it; those of applications are all of it."""
    site = await seed(service, conferences=11)
    now = now_ms()
    months = formats.months(now, 12)
    async with service.database.reading() as db:
        began_at = await db.scalar(
            select(Mix.began_at).where(Mix.session_id == site.live_session.id)
        )
        files = [
            sum(kinds["video"].count for _, kinds in await sums.by_month(db, months, key))
            for key in site.keys
        ]
    recorded, *of_one = [
        sum((await sums.recorded_by_month(service.database, months, now, key)).values())
        for key in (None, *site.keys)
    ]
    assert recorded == sum(of_one) == 4 * 6_418 + now - (began_at or 0)
    assert sum(files) == 4 and all(of_one) and all(files)


@BOTH_DATABASES
async def test_pages(service: Service, operator: httpx2.AsyncClient) -> None:
    """All lists and filters answer."""
    site = await seed(service, conferences=4)
    pages = ["/", "/live", "/storage", "/retention", "/usage", "/usage?app=x"]
    pages += [f"/usage?app={site.keys[0]}", f"/conferences/{site.recorded.id}"]
    pages += [
        f"/recordings?kind={kind}" for kind in ("", "merged", "parts", "participant", "remix")
    ]
    pages += ["/conferences?q=x_%25&state=ended&from=2026-01-01", "/conferences?state=recorded"]
    pages += [f"/webhooks?state=dead&type=Recording.Failed&conference={site.live.id}&before=9"]
    pages += ["/conferences?q=%00", "/webhooks?type=%00", "/conferences?from=9999-99-99"]
    for path in pages:
        assert (await operator.get(f"/dashboard{path}")).status_code == 200, path


async def test_the_newest_recordings_are_not_looked_for(
    service: Service, operator: httpx2.AsyncClient
) -> None:
    """They come in the index's order: the pages are as quick with a million."""
    await seed(service, conferences=4)
    with plans(service.database) as found:
        for path in ("/", "/recordings", "/recordings?kind=merged"):
            await operator.get(f"/dashboard{path}")
    newest = [plan for statement, plan in found.items() if "end_time DESC" in statement]
    assert len(newest) == 3
    for plan in newest:
        assert "recordings_latest" in plan and "TEMP B-TREE" not in plan


async def test_usage_is_summed_up_on_another_thread(
    service: Service, operator: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A year of sessions holds nobody up."""
    await seed(service, conferences=4)
    threads: set[threading.Thread] = set()
    spans = recorded_time.spans

    def noted(*given: Any) -> Any:
        threads.add(threading.current_thread())
        return spans(*given)

    monkeypatch.setattr(recorded_time, "spans", noted)
    assert (await operator.get("/dashboard/usage")).status_code == 200
    assert threads and threading.main_thread() not in threads


def test_formats() -> None:
    assert [formats.size(n) for n in (0, 999, 1000, 999_500, 1_500_000, 2 * 10**12)] == [
        "0 B",
        "999 B",
        "1 kB",
        "1.0 MB",
        "1.5 MB",
        "2.0 TB",
    ]
    assert [formats.clock(ms) for ms in (None, 0, 61_000, 3_600_000)] == [
        "–",
        "0:00",
        "1:01",
        "1:00:00",
    ]
    assert [name for name, *_ in formats.months(1_700_000_000_000, 2)] == [
        "November 2023",
        "October 2023",
    ]
