"""Conferences by REST: the same alias is the same conference, whatever it is created with."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest

from mixer.records.models import Conference
from mixer.service import applications
from mixer.service.conferences import PERMISSIONS
from mixer.service.context import Service
from mixer.service.recording_choice import live_recording, recording_format, ttl_s

from .conftest import BOTH_DATABASES, Credentials, notebook
from .test_errors import assert_error

CREATE = "/v2/conferences/create"

ACTS = ("start", "stop")


async def create(api: httpx2.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await api.post(CREATE, json={"ownerExternalId": "owner", **fields})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def row_of(service: Service, conf_id: str) -> Conference:
    async with service.database.reading() as db:
        return await db.get_one(Conference, conf_id)


@BOTH_DATABASES
async def test_create_with_everything(api: httpx2.AsyncClient, service: Service) -> None:
    """All documented fields are accepted, and kept."""
    made = await create(
        api,
        alias="Weekly Sync",
        parameters={
            "dolbyVoice": True,
            "liveRecording": True,
            "rtcpMode": "average",
            "pincode": "123456",
            "ttl": 60,
            "videoCodec": "H264",
            "audioOnly": False,
            "recording": {"format": ["mp3", "mp4"]},
        },
        participants={"hostA": {"permissions": ["JOIN", "RECORD"], "notification": True}},
    )
    assert made["conferenceAlias"] == "Weekly Sync"
    assert made["conferencePincode"] == "123456"
    assert made["isProtected"] is False
    assert "ownerToken" not in made
    row = await row_of(service, made["conferenceId"])
    app = applications.ApplicationSettings()
    assert recording_format(row, app) == "both"
    assert live_recording(row, app) is True
    assert ttl_s(row) == 60
    assert row.permissions == {"hostA": ["JOIN", "RECORD"]}
    assert notebook(service.rooms).told[0][1][0].id == row.id


@pytest.mark.parametrize("content", [b"", b"null", b"{}", b'{"alias": null, "parameters": null}'])
async def test_create_with_nothing(api: httpx2.AsyncClient, content: bytes) -> None:
    """An empty body, null and missing fields are fine; the alias is then the id."""
    headers = {"content-type": "application/json"}
    answer = await api.post(CREATE, content=content, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["conferenceAlias"] == answer.json()["conferenceId"]


@pytest.mark.parametrize(
    ("recording", "expected"),
    [
        ({"format": ["mp3"]}, "mp3"),
        (["mp4", "mp3"], "both"),
        ({"format": "mp3"}, "mp3"),
        ({"format": []}, "mp4"),
        (None, "mp4"),
        ({}, "mp4"),
    ],
)
async def test_recording_formats(
    api: httpx2.AsyncClient, service: Service, recording: Any, expected: str
) -> None:
    """A list, a bare list, or nothing, which is the application's setting."""
    made = await create(api, parameters={"recording": recording})
    row = await row_of(service, made["conferenceId"])
    assert recording_format(row, applications.ApplicationSettings()) == expected


@BOTH_DATABASES
async def test_same_alias(api: httpx2.AsyncClient) -> None:
    """Upper and lower case are the same alias; the id of a live conference is it too."""
    first = await create(api, alias="Straße")
    again = await create(api, alias="STRASSE")
    assert again["conferenceId"] == first["conferenceId"]
    assert again["conferenceAlias"] == "Straße"
    by_id = await create(api, alias=first["conferenceId"])
    assert by_id["conferenceId"] == first["conferenceId"]


@BOTH_DATABASES
async def test_same_alias_at_once(api: httpx2.AsyncClient, service: Service) -> None:
    """Of many that create the same alias at the same time one makes it, all get it."""
    made = await asyncio.gather(*(create(api, alias="race") for _ in range(12)))
    assert len({one["conferenceId"] for one in made}) == 1
    events = [args[3] for name, args in notebook(service.outbox).told if name == "add"]
    assert events == ["Conference.Created"]


@BOTH_DATABASES
async def test_alias_after_the_end(api: httpx2.AsyncClient) -> None:
    """After a conference's end its alias makes a new one."""
    first = await create(api, alias="again")
    await api.delete(f"/v2/conferences/{first['conferenceId']}")
    assert (await create(api, alias="again"))["conferenceId"] != first["conferenceId"]


@BOTH_DATABASES
async def test_aliases_of_applications(
    api: httpx2.AsyncClient, stranger: httpx2.AsyncClient
) -> None:
    """Two applications may use the same alias, for two conferences."""
    mine, theirs = await create(api, alias="x"), await create(stranger, alias="x")
    assert mine["conferenceId"] != theirs["conferenceId"]


@pytest.mark.parametrize(
    "body",
    [
        {"alias": "a#b"},
        {"alias": "x" * 251},
        {"alias": "a\0b"},
        {"alias": 7},
        {"ownerExternalId": "a\nb"},
        {"parameters": {"ttl": -1}},
        {"parameters": {"rtcpMode": "best"}},
        {"parameters": {"videoCodec": "AV2"}},
        {"parameters": {"recording": {"format": ["ogg"]}}},
        {"parameters": {"recording": 3}},
        {"parameters": []},
        {"participants": {"ada": {"permissions": ["FLY"]}}},
        {"participants": {"": {}}},
        {"participants": {"a\0": {}}},
        {"participants": []},
        [],
        "text",
        7,
    ],
)
async def test_bad_conferences(api: httpx2.AsyncClient, body: Any) -> None:
    """What cannot be is refused with the field's name, never with the value."""
    assert_error(await api.post(CREATE, json=body), 400, 400)


@pytest.mark.parametrize("content", [b"{", b"\xff", b'{"alias": "\\ud800"}', b"[" * 5000])
async def test_broken_json(api: httpx2.AsyncClient, content: bytes) -> None:
    """What is no JSON, or no text, is refused."""
    headers = {"content-type": "application/json"}
    answer = await api.post(CREATE, content=content, headers=headers)
    assert_error(answer, 400, 400)


async def test_tokens_under_access_control(
    api: httpx2.AsyncClient, service: Service, credentials: Credentials
) -> None:
    """With access control, the owner may do everything, others what they were given."""
    await applications.change(service.database, credentials.key, {"access_control": True})
    made = await create(api, participants={"ada": {"permissions": ["join", "SEND_AUDIO"]}})
    assert made["isProtected"] is True
    owner = service.tokens.read(made["ownerToken"], "conference")
    assert (owner.external_id, owner.permissions) == ("owner", PERMISSIONS)
    ada = service.tokens.read(made["usersTokens"]["ada"], "conference")
    assert (ada.conf_id, ada.permissions) == (made["conferenceId"], ("JOIN", "SEND_AUDIO"))


@BOTH_DATABASES
async def test_invite_and_permissions(api: httpx2.AsyncClient, service: Service) -> None:
    """Both answer tokens by external id; permissions are kept, and the room is told."""
    id = (await create(api))["conferenceId"]
    body = {"participants": {"ada": {"permissions": ["JOIN"], "notification": False}}}
    invited = await api.post(f"/v2/conferences/{id}/invite", json=body)
    assert service.tokens.read(invited.json()["ada"], "conference").permissions == ("JOIN",)
    body = {"participants": {"ada": {"permissions": ["JOIN", "KICK"]}}}
    changed = await api.post(f"/v2/conferences/{id}/permissions", json=body)
    assert service.tokens.read(changed.json()["ada"], "conference").permissions == ("JOIN", "KICK")
    assert (await row_of(service, id)).permissions == {"ada": ["JOIN", "KICK"]}
    told = notebook(service.rooms).told
    assert told[-1] == ("set_permissions", (id, "ada", ("JOIN", "KICK")))


async def test_kick_and_message(api: httpx2.AsyncClient, service: Service) -> None:
    """The room is told whom to throw out and what to say."""
    id = (await create(api))["conferenceId"]
    await api.post(f"/v2/conferences/{id}/kick", json={"externalIds": ["ada"]})
    await api.post(f"/v2/conferences/{id}/message", json={"from": "bob", "message": "hello"})
    told = notebook(service.rooms).told
    assert told[-2:] == [("kick", (id, ["ada"])), ("message", (id, "bob", "hello", None))]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v2/conferences/{}/invite"),
        ("POST", "/v2/conferences/{}/permissions"),
        ("POST", "/v2/conferences/{}/kick"),
        ("POST", "/v2/conferences/{}/message"),
        ("GET", "/v2/conferences/{}/participants"),
        ("DELETE", "/v2/conferences/{}"),
    ],
)
async def test_conferences_of_others(
    api: httpx2.AsyncClient, stranger: httpx2.AsyncClient, method: str, path: str
) -> None:
    """Another application's conference, and one that there is not, look the same: 404."""
    id = (await create(api))["conferenceId"]
    for unknown in (id.replace(id[:4], "0000", 1), "nonsense", "a%00b", "..%2fx"):
        assert (await stranger.request(method, path.format(unknown))).status_code == 404
    assert_error(await stranger.request(method, path.format(id)), 404, 2001)
    assert (await api.get(f"/v2/conferences/{id}/participants")).status_code == 200


async def test_null_is_missing(api: httpx2.AsyncClient, service: Service) -> None:
    """Wherever it stands (contract 1.4)."""
    nothing = {"permissions": None, "notification": None}
    made = await create(api, participants={"ada": None, "bob": nothing}, parameters=None)
    path = f"/v2/conferences/{made['conferenceId']}"
    answer = await api.post(f"{path}/invite", json={"participants": {"eve": None}})
    assert answer.status_code == 200 and set(answer.json()) == {"eve"}
    permissions = (await row_of(service, made["conferenceId"])).permissions
    assert permissions == {"ada": [], "bob": [], "eve": []}


@BOTH_DATABASES
async def test_terminate(api: httpx2.AsyncClient, service: Service) -> None:
    """Rooms and sessions are told once; a repeated request does nothing; the rest is 404."""
    id = (await create(api))["conferenceId"]
    for _ in range(2):
        answer = await api.delete(f"/v2/conferences/{id}")
        assert (answer.status_code, answer.json()) == (200, {})
    assert notebook(service.rooms).names().count("end") == 1
    assert notebook(service.sessions).told == [("conference_ended", (id,))]
    assert_error(await api.post(f"/v2/conferences/{id}/kick", json={}), 404, 2002)


async def test_destroy(
    anybody: httpx2.AsyncClient, api: httpx2.AsyncClient, credentials: Credentials
) -> None:
    """The older call takes key and secret."""
    id = (await create(api))["conferenceId"]
    auth = (credentials.key, credentials.secret)
    answer = await anybody.post(f"/v1/conferences/{id}/destroy", auth=auth)
    assert (answer.status_code, answer.json()) == (200, {})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *[("POST", f"conferences/mix/x/{kind}/{act}") for kind in ("live", "hls") for act in ACTS],
        ("POST", "conferences/mix/x/record"),
        ("GET", "conferences/mix/x/status"),
    ],
)
async def test_the_first_versions_calls_are_known(
    api: httpx2.AsyncClient, method: str, path: str
) -> None:
    """501, which tells what is there instead; 404 would be a wrong address."""
    assert_error(await api.request(method, f"/v1/api/{path}"), 501, 501)


@pytest.mark.parametrize("name", ["refresh", "invalidate", "mixer/refresh"])
async def test_tokens_are_not_renewed(anybody: httpx2.AsyncClient, name: str) -> None:
    """Whatever is shown and sent: layouts send what is no JSON (6.4)."""
    path = f"/v1/oauth2/{name}"
    assert_error(await anybody.post(path, content=b"[object Object]"), 501, 501)


@pytest.mark.parametrize("version", ["v2", "v3"])
@pytest.mark.parametrize("act", ACTS)
async def test_streaming_is_not_served(api: httpx2.AsyncClient, version: str, act: str) -> None:
    """501 with the error body."""
    answer = await api.post(f"/{version}/conferences/mix/x/rts/{act}", json={})
    assert_error(answer, 501, 501)
