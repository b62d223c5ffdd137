"""A remix of the service is one file of everything recorded in the conference, really rendered."""

from __future__ import annotations

import json
from dataclasses import replace

import httpx2
import pytest

from mixer.clock import SECOND
from mixer.recorder import MixPlan, Plan, RecordFolder
from mixer.service.context import Service
from mixer.service.sessions import Sessions, store
from mixer.service.sessions.remixes import _found, _made
from tests.instruments.make_journal import make_journal
from tests.recorder.test_remix_ends import lengths

from .test_keeper import rows
from .test_sessions import conference, ended, sessions, start

__all__ = ["sessions"]  # a fixture

SMALL = MixPlan(width=480, height=480, fps=15, preset="ultrafast")


async def test_whatever_mixes_ran_it(
    api: httpx2.AsyncClient, service: Service, sessions: Sessions
) -> None:
    """Two mixes after each other, and one of them once more in another size: all three stretches
    are in the file, which begins when the first one did."""
    id = await conference(api)
    await start(api, id)
    await ended(service, id)
    (recorded,) = await rows(service)
    raw = RecordFolder(service.settings.sessions_folder / recorded.id)
    make_journal(raw.journal, participants=1, size=(160, 90), fps=15, seconds=3.0)
    spans = (
        (SMALL, 0.4, 1.0),
        (replace(SMALL, id="two"), 1.0, 2.0),
        (replace(SMALL, part=2, height=640), 2.6, 3.0),
    )
    mixes = tuple(
        replace(mix, start_ns=round(start_s * SECOND), stop_ns=round(stop_s * SECOND))
        for mix, start_s, stop_s in spans
    )
    raw.save(Plan("made", "made", mixes))
    wish = {"width": 480, "height": 480}
    answer = await api.post(f"/v2/conferences/mix/{id}/remix/start", json=wish)
    assert answer.json()["status"] == "IN_PROGRESS"
    remix = next(one for one in await rows(service) if one.kind == store.REMIX)
    view = await store.view(service, remix.id)
    assert await sessions.remixes._made(view, view.mixes[0]) is None
    result = service.settings.sessions_folder / remix.id / "result.json"
    [film] = _found(raw, _made(result), view.mixes[0])
    assert lengths(film.path)[0] == 30
    assert film.duration_ms == pytest.approx(2000, abs=50)
    began = json.loads((raw.journal / "journal.json").read_text())["wall"] * 1000
    assert film.start_time == pytest.approx(began + 400, abs=1)
