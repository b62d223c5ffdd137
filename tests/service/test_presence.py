"""Stays are written down, conferences end when they are left empty, events tell of both."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx2
import pytest

from mixer.records.models import Attendance, Conference
from mixer.service import attendance
from mixer.service import presence as presence_module
from mixer.service.context import Service, now_ms
from mixer.service.presence import EMPTY_MS, FIRST_MS, GRACE_MS, Presence

from .conftest import BOTH_DATABASES, Away, notebook, rooms_of

pytestmark = BOTH_DATABASES


@pytest.fixture
async def conf_id(api: httpx2.AsyncClient) -> str:
    body = {"alias": "weekly", "ownerExternalId": "owner"}
    return str((await api.post("/v2/conferences/create", json=body)).json()["conferenceId"])


def somebody(id: str, type: str = "user", external_id: str = "") -> dict[str, Any]:
    someone = {
        "id": id,
        "externalId": external_id,
        "name": id.title(),
        "avatarUrl": "",
        "type": type,
    }
    return {"participant": someone, "ipAddress": "192.0.2.7", "userAgent": "Browser"}


def events(service: Service) -> list[tuple[str, dict[str, Any]]]:
    told = notebook(service.outbox).told
    return [(args[3], args[4]) for name, args in told if name == "add"]


async def stays(service: Service, conf_id: str) -> Sequence[Attendance]:
    async with service.database.reading() as db:
        return await attendance.all_stays(db, conf_id)


async def row_of(service: Service, conf_id: str) -> Conference:
    async with service.database.reading() as db:
        return await db.get_one(Conference, conf_id)


async def test_coming_and_going(api: httpx2.AsyncClient, service: Service, conf_id: str) -> None:
    """A stay has who it was and for how long; REST lists who is there; events tell both."""
    presence = Presence(service)
    await presence.on_event(conf_id, "participant.added", somebody("ada", external_id="a@x"))
    await presence.on_event(conf_id, "participant.updated", {"id": "ada", "name": "Ada L."})
    listed = (await api.get(f"/v2/conferences/{conf_id}/participants")).json()["participants"]
    assert [(one["userId"], one["externalId"], one["name"]) for one in listed] == [
        ("ada", "a@x", "Ada L.")
    ]
    assert (listed[0]["ipAddress"], listed[0]["nbSession"]) == ("192.0.2.7", 1)
    left = {"id": "ada", "reason": "kicked", "speakingMs": 1200}
    await presence.on_event(conf_id, "participant.removed", left)
    (stay,) = await stays(service, conf_id)
    assert (stay.reason, stay.speaking_ms) == ("forced", 1200)
    assert stay.left_at is not None and stay.left_at >= stay.joined_at
    assert (await row_of(service, conf_id)).started_at == stay.joined_at
    types = [type for type, _ in events(service)]
    assert types == ["Conference.Created", "Participant.Joined", "Participant.Left"]
    assert events(service)[-1][1]["reason"] == "forced"


async def test_coming_back_after_a_restart(service: Service, conf_id: str) -> None:
    """Somebody who was there before the server's restart and comes back has never left."""
    await Presence(service).on_event(conf_id, "participant.added", somebody("ada"))
    await Presence(service).on_event(conf_id, "participant.added", somebody("ada"))
    assert len(await stays(service, conf_id)) == 1
    await Presence(service).on_event(conf_id, "participant.removed", {"id": "nobody"})
    assert [type for type, _ in events(service)].count("Participant.Joined") == 1


async def test_coming_twice(api: httpx2.AsyncClient, service: Service, conf_id: str) -> None:
    """Leaving and joining again makes two stays."""
    presence = Presence(service)
    for _ in range(2):
        await presence.on_event(conf_id, "participant.added", somebody("ada"))
        await presence.on_event(conf_id, "participant.removed", {"id": "ada", "reason": "gone"})
    await presence.on_event(conf_id, "participant.added", somebody("ada"))
    listed = (await api.get(f"/v2/conferences/{conf_id}/participants")).json()["participants"]
    assert [one["nbSession"] for one in listed] == [3]
    assert [one.reason for one in await stays(service, conf_id)][:2] == ["timeoutEviction"] * 2


async def test_who_is_there_at_the_end_has_spoken(
    api: httpx2.AsyncClient, service: Service, conf_id: str
) -> None:
    """Whoever is thrown out by the conference's end, too: their stays end before the room does."""
    await Presence(service).on_event(conf_id, "participant.added", somebody("ada"))
    rooms_of(service).spoken = {"ada": 1501}
    assert (await api.delete(f"/v2/conferences/{conf_id}")).status_code == 200
    (stay,) = await stays(service, conf_id)
    assert (stay.reason, stay.speaking_ms) == ("forced", 1501)
    assert [body["speakingDuration"] for _, body in events(service)[-1:]] == [1501]


async def test_mixers_are_no_people(
    api: httpx2.AsyncClient, service: Service, conf_id: str
) -> None:
    """A mixer's stay is written down, but no event tells of it, and it keeps nothing alive."""
    presence = Presence(service)
    await presence.on_event(conf_id, "participant.added", somebody("m", "mixer"))
    listed = (await api.get(f"/v2/conferences/{conf_id}/participants")).json()["participants"]
    assert listed == []
    assert [type for type, _ in events(service)] == ["Conference.Created"]
    await presence.sweep(now_ms() + FIRST_MS + 1000)
    assert (await row_of(service, conf_id)).end_reason == "empty"


async def test_end_tells_of_everybody(service: Service, conf_id: str) -> None:
    """A room that has ended ends its conference once: everybody has left, then it has ended."""
    presence = Presence(service)
    await presence.on_event(conf_id, "participant.added", somebody("ada"))
    await presence.on_event(conf_id, "participant.added", somebody("m", "mixer"))
    for _ in range(2):
        await presence.on_event(conf_id, "conference.ended", {"reason": "ended"})
    types = [type for type, _ in events(service)]
    assert types[-2:] == ["Participant.Left", "Conference.Ended"]
    assert types.count("Conference.Ended") == 1
    ended = events(service)[-1][1]
    assert {one["metadata"]["externalName"] for one in ended["participants"]} == {"Ada", "Mixer"}
    assert all(one.left_at is not None for one in await stays(service, conf_id))
    assert notebook(service.sessions).told == [("conference_ended", (conf_id,))]


async def test_grace_after_creation(service: Service, conf_id: str) -> None:
    """A conference that nobody comes to is kept for two minutes, then it ends."""
    presence, created = Presence(service), (await row_of(service, conf_id)).created_at
    await presence.sweep(created + FIRST_MS - 1)
    assert (await row_of(service, conf_id)).ended_at is None
    await presence.sweep(created + FIRST_MS)
    assert (await row_of(service, conf_id)).end_reason == "empty"


async def test_time_to_live(api: httpx2.AsyncClient, service: Service) -> None:
    """After the last one has left a conference is kept for its time to live."""
    body = {"alias": "kept", "parameters": {"ttl": 100}}
    made = (await api.post("/v2/conferences/create", json=body)).json()
    id, presence = made["conferenceId"], Presence(service)
    await presence.on_event(id, "participant.added", somebody("ada"))
    await presence.sweep(now_ms() + 10**9)
    assert (await row_of(service, id)).ended_at is None  # somebody is there
    await presence.on_event(id, "participant.removed", {"id": "ada"})
    left_at = (await stays(service, id))[0].left_at
    assert left_at is not None
    await presence.sweep(left_at + 99_999)
    assert (await row_of(service, id)).ended_at is None
    await presence.sweep(left_at + 100_000)
    assert (await row_of(service, id)).ended_at is not None


async def test_a_page_that_is_loaded_again(service: Service, conf_id: str) -> None:
    """Without a time to live the last one may be away for a moment."""
    presence = Presence(service)
    await presence.on_event(conf_id, "participant.added", somebody("ada"))
    await presence.on_event(conf_id, "participant.removed", {"id": "ada"})
    left_at = (await stays(service, conf_id))[0].left_at
    assert left_at is not None
    await presence.sweep(left_at + EMPTY_MS - 1)
    assert (await row_of(service, conf_id)).ended_at is None
    await presence.sweep(left_at + EMPTY_MS)
    assert (await row_of(service, conf_id)).ended_at is not None


async def test_stays_of_a_killed_server(service: Service, conf_id: str) -> None:
    """Who does not come back in time after a restart has left; who does has not."""
    for id in ("ada", "bob"):
        await Presence(service).on_event(conf_id, "participant.added", somebody(id))
    rooms_of(service).present[conf_id] = [{"id": "bob"}]
    restarted = Presence(service)
    restarted._since += 1
    await restarted.sweep(restarted._since)
    assert all(one.left_at is None for one in await stays(service, conf_id))
    await restarted.sweep(restarted._since + GRACE_MS)
    left = {one.participant_id: one.reason for one in await stays(service, conf_id)}
    assert left == {"ada": "timeoutEviction", "bob": None}
    assert (await row_of(service, conf_id)).ended_at is None


async def test_a_database_that_is_away_for_a_while(
    service: Service, conf_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who came and that the conference has ended is written down when it is back."""
    monkeypatch.setattr(presence_module, "AGAIN_S", 0.01)
    presence, there = Presence(service), service.database
    for type, data in (
        ("participant.added", somebody("ada")),
        ("conference.ended", {"reason": "ended"}),
    ):
        away = Away()
        service.database = away  # type: ignore[assignment]
        told = asyncio.create_task(presence.on_event(conf_id, type, data))
        async with asyncio.timeout(30):
            await away.asked.wait()
            service.database = there
            await told
    assert (await row_of(service, conf_id)).end_reason == "ended"
    assert [stay.participant_id for stay in await stays(service, conf_id)] == ["ada"]
