"""The Monitor API's conferences, their participants, and webhooks."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import httpx2
import pytest

from mixer.service import applications, conference_listing
from mixer.service.context import Service, now_ms
from mixer.service.pages import Range
from mixer.service.pattern import Pattern

from .conftest import BOTH_DATABASES
from .published import EPOCH, Archive, listed
from .published import archive as archive
from .published import service as service
from .test_errors import assert_error

pytestmark = BOTH_DATABASES


async def test_live_recording_by_the_applications_setting(
    archive: Archive, api: httpx2.AsyncClient, service: Service
) -> None:
    """A conference that did not say is what its application's conferences are."""
    await archive.mix(await archive.session(await archive.conference()), "a")
    for live, told in ((False, 0), (True, 6_418)):
        await applications.change(service.database, archive.app_key, {"live_recording": live})
        (one,) = await listed(api, "/v1/monitor/conferences", "conferences")
        assert one["mixerLiveRecording"] == told


async def test_conferences(archive: Archive, api: httpx2.AsyncClient) -> None:
    """What an ended one sums up to (4.5)."""
    conference = await archive.conference(
        started_at=EPOCH + 1000, owner_external_id="ext-p1", parameters={"liveRecording": True}
    )
    await archive.stay(conference, "p1", joined_at=EPOCH + 1000, left_at=EPOCH + 9000)
    await archive.stay(conference, "p2", joined_at=EPOCH + 9000, left_at=EPOCH + 20_000)
    await archive.stay(conference, "p2", joined_at=EPOCH + 30_000, left_at=EPOCH + 40_000)
    await archive.stay(conference, "m", type="mixer", joined_at=EPOCH, left_at=EPOCH + 40_000)
    session = await archive.session(conference)
    await archive.mix(session, "a")
    await archive.mix(session, "b")
    page = (await api.get("/v1/monitor/conferences")).json()
    (told,) = page["conferences"]
    one = (await api.get(f"/v1/monitor/conferences/{conference.id}")).json()
    assert one == told
    owner = told.pop("owner")
    assert owner["userId"] == "p1" and owner["metadata"]["externalId"] == "ext-p1"
    assert owner["metadata"]["userID"] == "p1"
    assert told == {
        "confId": conference.id,
        "alias": "Weekly sync",
        "region": "us",
        "dolbyVoice": True,
        "start": EPOCH + 1000,
        "live": False,
        "end": EPOCH + 60_000,
        "duration": 59_000,
        "type": "sdk_conf",
        "presenceDuration": 29_000,
        "recordingDuration": 6_418,
        "mixerLiveRecording": 6_418,
        "mixerHlsStreaming": 0,
        "mixerRtmpStreaming": 0,
        "mixerRtsStreaming": 0,
        "nbUsers": 2,
        "nbListeners": 0,
        "nbPstn": 0,
        "statistics": {
            "maxParticipants": {"USER": 1, "LISTENER": 0, "MIXER": 1, "PSTN": 0},
            "network": {},
        },
    }
    statistics = await api.get(f"/v1/monitor/conferences/{conference.id}/statistics")
    assert statistics.json() == told["statistics"]


async def test_conferences_are_filtered(archive: Archive, api: httpx2.AsyncClient) -> None:
    """By alias (the platform's examples), owner, whether they go on; booleans as Python writes
    them."""
    for number, alias in enumerate(("foobar", "my foobar", "FOOBAR two", "in 2019", "in 2020")):
        ended = None if alias == "foobar" else EPOCH + 60_000
        fields = {"owner_external_id": f"o{number}", "created_at": EPOCH + number}
        conference = await archive.conference(alias, ended_at=ended, **fields)
    await archive.stay(conference, "p")

    async def aliases(**params: str) -> set[str]:
        found = await listed(api, "/v1/monitor/conferences", "conferences", max=2, **params)
        return {one["alias"] for one in found}

    assert len(await aliases()) == 5
    assert await aliases(alias="foobar") == {"foobar"}
    assert await aliases(alias=".*foobar") == {"foobar", "my foobar"}
    assert await aliases(alias="foobar.*") == {"foobar", "FOOBAR two"}
    assert await aliases(alias=".*2019.*|.*2020.*") == {"in 2019", "in 2020"}
    assert await aliases(active="True", livestats="False") == {"foobar"}
    assert await aliases(exid="o3") == {"in 2019"}
    assert await aliases(**{"from": str(EPOCH + 4)}) == {"in 2020"}


async def test_looking_for_aliases_stops_nothing_else(archive: Archive, service: Service) -> None:
    """The server goes on while a pattern is looked for, and while a page is summed up."""
    loop = asyncio.get_running_loop()

    def goes_on(*_: Any) -> bool:
        done = threading.Event()
        loop.call_soon_threadsafe(done.set)
        return done.wait(20)

    class Slow(Pattern):
        def matches(self, text: str) -> bool:
            return goes_on()

    conference = await archive.conference()
    given = Range(0, now_ms(), 10, None)
    wanted = conference_listing.Filters(Slow(".*"))
    async with service.database.reading() as db:
        rows, _ = await conference_listing.page(db, archive.app_key, given, wanted)
    assert [row.id for row in rows] == [conference.id]
    assert await conference_listing.summed_up(service.database, rows, goes_on) == [True]


async def test_a_pattern_that_takes_too_long(
    archive: Archive, api: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is the caller's to mend."""
    await archive.conference()
    monkeypatch.setattr("mixer.service.pattern.MAX_EFFORT", 10)
    answer = await api.get("/v1/monitor/conferences", params={"alias": ".*x.*"})
    assert_error(answer, 400, 400)
    assert "simpler" in answer.json()["error_description"]


async def test_ongoing_conferences(archive: Archive, api: httpx2.AsyncClient) -> None:
    """Few fields, and numbers when they are asked for."""
    conference = await archive.conference(ended_at=None)
    await archive.stay(conference, "p1", left_at=None)
    await archive.stay(conference, "p2")
    path = f"/v1/monitor/conferences/{conference.id}"
    told = (await api.get(path)).json()
    assert set(told) == {"confId", "alias", "region", "dolbyVoice", "start", "live", "owner"}
    assert told["live"] is True
    counted = (await api.get(path, params={"livestats": "True"})).json()
    assert counted["nbUsers"] == 1 and counted["nbListeners"] == 0


async def test_participants(archive: Archive, api: httpx2.AsyncClient) -> None:
    """Each with all stays, in order of coming, paged, by type."""
    conference = await archive.conference()
    for number, (id, type) in enumerate((("b", "user"), ("a", "user"), ("m", "mixer"))):
        await archive.stay(conference, id, type=type, joined_at=EPOCH + number)
    await archive.stay(conference, "b", joined_at=EPOCH + 100)
    path = f"/v1/monitor/conferences/{conference.id}/participants"
    whole = (await api.get(path)).json()
    assert list(whole["participants"]) == ["b", "a", "m"]
    assert len(whole["participants"]["b"]["connections"]) == 2
    first = (await api.get(path, params={"max": 2})).json()
    assert list(first["participants"]) == ["b", "a"]
    rest = (await api.get(path, params={"max": 2, "start": first["next"]})).json()
    assert list(rest["participants"]) == ["m"] and rest["next"] == ""
    mixers = (await api.get(path, params={"type": "mixer"})).json()
    assert list(mixers["participants"]) == ["m"]
    one = (await api.get(f"{path}/a")).json()
    assert one["participants"]["a"]["connections"][0]["metadata"]["externalId"] == "ext-a"
    assert_error(await api.get(f"{path}/nobody"), 404, 4004)


async def test_webhooks(archive: Archive, api: httpx2.AsyncClient) -> None:
    """What was sent, by application and by conference, filtered by type."""
    row = await archive.recorded()
    await archive.recorded("Other")
    found = await listed(api, "/v1/monitor/webhooks", "webhooks", max=1)
    assert len(found) == 4
    assert found[0]["confId"] != row.conference_id
    path = f"/v1/monitor/conferences/{row.conference_id}/webhooks"
    (event,) = await listed(api, path, "webhooks", type="Recordings.*")
    assert event["id"].startswith("msg_") and event["thirdPartyId"] == archive.app_key
    assert json.loads(event["webhook"])["eventType"] == "Recordings.Available"
    assert event["response"] == {"status": "", "headers": {}} and event["state"] == "pending"
    assert await listed(api, path, "webhooks", type="Conf.*") == []
    assert len(await listed(api, path, "webhooks", type="Recording.MP4.Available")) == 1


async def test_keys(service: Service, anybody: httpx2.AsyncClient) -> None:
    """Public, without a token."""
    answer = await anybody.get("/v1/public/keys/webhooks")
    assert answer.json() == await service.outbox.keys.published()
