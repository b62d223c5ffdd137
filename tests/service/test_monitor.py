"""The Monitor API: what can be downloaded, page by page, in the contract's words."""

from __future__ import annotations

import json
from typing import Any

import httpx2
from sqlalchemy import update

from mixer.records.models import Recording
from mixer.service.context import Service, now_ms

from .conftest import BOTH_DATABASES, Credentials, bearer
from .published import EPOCH, Archive, asked, listed
from .published import archive as archive
from .published import service as service
from .test_errors import assert_error

pytestmark = BOTH_DATABASES
LISTS = (
    "/v2/monitor/recordings",
    "/v1/monitor/recordings",
    "/v1/monitor/conferences",
    "/v1/monitor/webhooks",
)


async def test_an_item(archive: Archive, api: httpx2.AsyncClient) -> None:
    """Every field of the contract (4.1), and `merged`."""
    row = await archive.recorded()
    page = (await api.get("/v2/monitor/recordings")).json()
    (item,) = page["recordings"]
    assert page["next"] == ""
    assert (await api.get(item.pop("url"))).status_code == 200
    assert item.pop("createdAt").endswith("Z")
    assert item == {
        "conference": {"confId": row.conference_id, "confAlias": "Weekly sync"},
        "region": "us",
        "recordingType": "mix",
        "duration": 6_400,
        "filename": row.filename,
        "size": row.size,
        "startTime": EPOCH,
        "mediaType": "video/mp4",
        "merged": True,
        "mix": {"mixId": "default", "layoutUrl": "default", "width": 1920, "height": 1080},
    }


async def test_a_conferences_recordings(
    service: Service, archive: Archive, api: httpx2.AsyncClient
) -> None:
    """Its own only; `liveConference` while more may follow."""
    row = await archive.recorded()
    await archive.recorded("Other")
    path = f"/v2/monitor/conferences/{row.conference_id}/recordings"
    page = (await api.get(path)).json()
    assert page["conference"] == {"confId": row.conference_id, "confAlias": "Weekly sync"}
    assert [item["filename"] for item in page["recordings"]] == [row.filename]
    assert page["liveConference"] is False
    going_on = await archive.conference("Live", ended_at=None)
    page = (await api.get(f"/v2/monitor/conferences/{going_on.id}/recordings")).json()
    assert page["liveConference"] is True and page["recordings"] == []
    finishing = await archive.conference("Finishing")
    await archive.session(finishing, closed_at=None)
    page = (await api.get(f"/v2/monitor/conferences/{finishing.id}/recordings")).json()
    assert page["liveConference"] is True


async def test_pages(archive: Archive, api: httpx2.AsyncClient) -> None:
    """Newest first; no row twice or left out, also of those that ended at the same moment; the last
    page says that it is the last."""
    session = await archive.session(await archive.conference())
    for number in range(7):
        made = archive.made(session, f"{number}.mp4", start_time=EPOCH + number // 3, part=number)
        await archive.publish(session, made)
    whole = await listed(api, "/v2/monitor/recordings", "recordings")
    assert len(whole) == 7
    for size in (1, 2, 3, 7, 8):
        paged = await listed(api, "/v2/monitor/recordings", "recordings", max=size)
        assert [item["filename"] for item in paged] == [item["filename"] for item in whole]
    starts = [item["startTime"] for item in whole]
    assert starts == sorted(starts, reverse=True)
    first = (await api.get("/v2/monitor/recordings", params={"max": 3})).json()
    again = await api.get("/v2/monitor/recordings", params={"max": 3, "start": first["first"]})
    assert [i["filename"] for i in again.json()["recordings"]] == [
        i["filename"] for i in first["recordings"]
    ]


async def test_filters(archive: Archive, api: httpx2.AsyncClient) -> None:
    """By end time, media type, kind and region; several media types; capital letters do not matter
    where booleans are meant."""
    session = await archive.session(await archive.conference())
    await archive.publish(
        session,
        archive.made(session, "a.mp4", part=1),
        archive.made(session, "b.mp3", start_time=EPOCH + 5000, part=1),
        archive.made(session, f"record_{EPOCH}_conn_p_1.mp3", kind="participant", part=1),
    )

    async def types(**params: Any) -> list[str]:
        items = await listed(api, "/v2/monitor/recordings", "recordings", **params)
        return sorted(f"{item['mediaType']} {item['recordingType']}" for item in items)

    assert await types(mediaType="video/mp4") == ["video/mp4 mix"]
    assert len(await types(mediaType=["video/mp4", "audio/mpeg"])) == 3
    assert await types(type="participant") == ["audio/mpeg participant"]
    assert await types(**{"from": EPOCH + 6_401}) == ["audio/mpeg mix"]
    assert len(await types(to=EPOCH + 6_400)) == 2
    assert await types(region="eu") == [] and len(await types(region="us")) == 3


async def test_only_what_can_be_downloaded(
    service: Service, archive: Archive, api: httpx2.AsyncClient
) -> None:
    """Neither what was deleted nor what the sweep is about to remove."""
    old, gone = await archive.recorded("Old"), await archive.recorded("Gone")
    async with service.database.writing() as db:
        change = update(Recording)
        await db.execute(change.where(Recording.id == old.id).values(keep_until=now_ms() - 1))
        await db.execute(change.where(Recording.id == gone.id).values(deleted_at=1))
    for path in LISTS[:2]:
        assert (await api.get(path)).json()["recordings"] == []


async def test_of_other_applications_there_is_nothing(
    archive: Archive, stranger: httpx2.AsyncClient
) -> None:
    """Lists are empty, conferences are unknown."""
    row = await archive.recorded()
    for path in LISTS:
        answer = (await stranger.get(path)).json()
        assert answer[path.rpartition("/")[2]] == []
    for rest in ("/recordings", "/webhooks", "", "/participants", "/statistics"):
        version = "v2" if rest == "/recordings" else "v1"
        path = f"/{version}/monitor/conferences/{row.conference_id}{rest}"
        assert_error(await stranger.get(path), 404, 2001)


async def test_wrong_values(api: httpx2.AsyncClient) -> None:
    """400 with a sentence that names the field."""
    wrong = [
        {"max": "0"},
        {"max": "1001"},
        {"max": "many"},
        {"from": "-1"},
        {"to": str(10**30)},
        {"start": "!!"},
        {"start": "AAAA"},
        {"start": "x" * 500},
        {"start": "MTIz"},
        {"start": "OTk5OTk5OTk5OTk5OTk5OTk5OTk6eA"},
    ]
    for path in LISTS:
        for params in wrong:
            body = assert_error(await api.get(path, params=params), 400, 400)
            assert str(body["error_description"]).startswith(next(iter(params)))


async def test_wrong_filters(api: httpx2.AsyncClient) -> None:
    """The same."""
    for path, params in (
        ("/v2/monitor/recordings", {"mediaType": "video/webm"}),
        ("/v2/monitor/recordings", {"type": "legs"}),
        ("/v1/monitor/recordings", {"perm": "perhaps"}),
        ("/v1/monitor/conferences", {"active": "perhaps"}),
        ("/v1/monitor/conferences", {"alias": "("}),
        ("/v1/monitor/conferences", {"alias": "x" * 300}),
        ("/v1/monitor/webhooks", {"type": "["}),
    ):
        assert_error(await api.get(path, params=params), 400, 400)


async def test_scopes(
    service: Service, credentials: Credentials, anybody: httpx2.AsyncClient
) -> None:
    """Reading takes a monitor scope, deleting its own."""
    few = bearer(service, credentials, "comms:conf:create")
    reading = bearer(service, credentials, "comms:monitor:read")
    for path in LISTS:
        assert_error(await anybody.get(path), 401, 1000)
        assert_error(await anybody.get(path, headers=few), 403, 1004)
        assert (await anybody.get(path, headers=reading)).status_code == 200
    path = "/v2/monitor/conferences/x/recordings"
    assert_error(await anybody.delete(path, headers=reading), 403, 1004)


async def test_version_1(
    archive: Archive, api: httpx2.AsyncClient, anybody: httpx2.AsyncClient
) -> None:
    """By conference, sizes of the whole recording, audio with the participants' files (4.4)."""
    conference = await archive.conference()
    await archive.stay(conference, "p1")
    session = await archive.session(conference)
    name = f"record_{EPOCH}_conn_p1_{EPOCH}.mp3"
    details = {"participantId": "p1"}
    video, sound, legs = await archive.publish(
        session,
        archive.made(session, "a.mp4", b"v" * 100, merged=True),
        archive.made(session, "a.mp3", b"s" * 10, merged=True),
        archive.made(session, name, kind="participant", merged=True, details=details),
    )
    for path in ("/v1/monitor/recordings", f"/v1/monitor/conferences/{conference.id}/recordings"):
        page = (await api.get(path, params={"perm": "true"})).json()
        (told,) = page["recordings"]
        assert page["next"] == ""
        assert told["confId"] == conference.id and told["alias"] == "Weekly sync"
        assert told["ts"] == EPOCH + 6_400 and told["duration"] == 6_400
        assert told["mix"] == {"mp4": 100, "mp3": 10, "region": "us"}
        (record,) = told["audio"]["records"]
        assert record["fileName"] == sound.filename and record["size"] == 10
        assert "expires=0" in record["url"]
        assert (await anybody.get(record["url"])).content == b"s" * 10
        (split,) = record["splits"]
        assert split["fileName"] == legs.filename == name
        assert split["metadata"]["userID"] == "p1"
    base = f"/v1/monitor/conferences/{conference.id}/recordings"
    audio = (await api.get(f"{base}/audio")).json()
    assert audio["conference"]["confId"] == conference.id and len(audio["records"]) == 1
    mp4 = await api.get(f"{base}/mp4", headers={"accept": "video/mp4"})
    assert mp4.content == b"v" * 100 and mp4.headers["content-type"] == "video/mp4"
    mp3 = await api.get(f"{base}/mp3", headers={"accept": "video/mpeg"})
    assert mp3.content == b"s" * 10 and video.merged
    empty = await archive.conference("Empty")
    assert_error(await api.get(f"/v1/monitor/conferences/{empty.id}/recordings/mp4"), 404, 4003)


async def test_version_1_pages(archive: Archive, api: httpx2.AsyncClient) -> None:
    """A conference is one entry, at the end of its last recording."""
    for number in range(5):
        conference = await archive.conference(f"Conference {number}")
        session = await archive.session(conference)
        for part in range(3):
            start = EPOCH + part * 1000 + number
            made = archive.made(session, f"{part}.mp4", start_time=start, part=part, mix=asked())
            await archive.publish(session, made)
    for size in (1, 2, 5, 100):
        found = await listed(api, "/v1/monitor/recordings", "recordings", max=size)
        assert [one["alias"] for one in found] == [f"Conference {n}" for n in (4, 3, 2, 1, 0)]


async def test_version_1_lists_are_their_conferences(
    archive: Archive, api: httpx2.AsyncClient
) -> None:
    """What a page says of a conference is to the byte what its own address says, however many
    sessions, parts and files of the same moment it has; other conferences' files are not in it."""
    names = [await _conference_of_parts(archive, number) for number in range(3)]
    await archive.recorded("Other")
    for size in (1, 2, 100):
        pages = await listed(api, "/v1/monitor/recordings", "recordings", max=size, perm="true")
        told = {one["confId"]: json.dumps(one) for one in pages}
        assert len(pages) == len(told) == 4
        for id in names:
            path = f"/v1/monitor/conferences/{id}/recordings"
            (alone,) = (await api.get(path, params={"perm": "true"})).json()["recordings"]
            assert told[id] == json.dumps(alone)
            parts = [record["fileName"] for record in alone["audio"]["records"]]
            assert len(parts) == 4 and len(set(parts)) == 4
            assert [len(record["splits"]) for record in alone["audio"]["records"]] == [2] * 4


async def _conference_of_parts(archive: Archive, number: int) -> str:
    """Two sessions of two parts, all conferences at the same moments."""
    conference = await archive.conference(f"Conference {number}")
    for first in (0, 2):
        session = await archive.session(conference)
        for part in (1, 2):
            at: dict[str, Any] = {"part": part, "start_time": EPOCH + (first + part) * 10_000}
            legs = [
                archive.made(
                    session,
                    f"{part}/record_{at['start_time']}_conn_p{n}_{number}.mp3",
                    kind="participant",
                    details={"participantId": f"p{n}"},
                    **at,
                )
                for n in range(2)
            ]
            await archive.publish(
                session,
                archive.made(session, f"{part}/a.mp3", **at),
                archive.made(session, f"{part}/a.mp4", **at),
                *legs,
            )
        archive.made(session, "whole.mp3", merged=True)
        await archive.publish(session, archive.made(session, "whole.mp3", merged=True))
    return conference.id
