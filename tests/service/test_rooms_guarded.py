"""Hosted rooms with access control: who comes in, and who may do what there."""

from __future__ import annotations

import io
from typing import Any

import httpx2
import pytest
from PIL import Image

from mixer.conference.session import join
from mixer.errors import ConferenceRefused
from mixer.service import conferences
from tests.service.hosting import House
from tests.service.joining import ask, joined

pytestmark = pytest.mark.system


module = pytest.mark.asyncio(loop_scope="module")


@module
async def test_a_protected_conference_takes_a_token(house: House, guarded: Any) -> None:
    """None, a broken one, another's, one without JOIN: refused and told why. A good one names its
    owner, whoever they say that they are, then or later."""
    made, other = await house.create(app=guarded), await house.create(app=guarded)
    for token, status in (
        ("", 401),
        ("nonsense", 401),
        (house.token(other, "ada", "JOIN"), 403),
        (house.token(made, "ada", "SEND_AUDIO"), 403),
        (house.service.tokens.mixer_token(made.id), 401),
    ):
        answer = await joined(house, made, "Ada", token)
        assert answer.status_code == status and answer.json()["error"], answer.text
    assert (await ask(house, "GET", f"/rooms/{made.id}/state")).status_code == 401
    assert (await ask(house, "GET", f"/rooms/{made.id}/events")).status_code == 401
    cat = house.token(made, "ada", "JOIN", "RECORD")
    answer = await joined(house, made, "Ada", cat, externalId="somebody else")
    assert answer.status_code == 201
    assert answer.json()["permissions"] == ["JOIN", "RECORD"]
    path, token = f"/rooms/{made.id}", answer.json()["token"]
    me = f"{path}/participants/{answer.json()['participantId']}"
    change = await ask(house, "PATCH", me, {"externalId": "somebody else"}, token)
    assert change.status_code == 403 and "join anew" in change.json()["error"]
    same = {"externalId": "ada", "name": "Ada King"}
    assert (await ask(house, "PATCH", me, same, token)).status_code == 200
    nobody = house.token(made, "", "JOIN")
    assert (await joined(house, made, "Eve", nobody, externalId="ada")).status_code == 201
    people = (await ask(house, "GET", f"{path}/state", cat=cat)).json()["participants"]
    assert [(one["externalId"], one["name"]) for one in people] == [
        ("ada", "Ada King"),
        ("", "Eve"),
    ]


@module
async def test_recorders_show_a_mixer_token(house: House, guarded: Any) -> None:
    """Nobody else joins as a mixer or as a robot, who may do what others may not."""
    made, protected = await house.create(), await house.create(app=guarded)
    tokens = house.service.tokens
    assert (await joined(house, made, "M", type="mixer")).status_code == 401
    cat = house.token(protected, "ada", "JOIN")
    assert (await joined(house, protected, "M", cat, type="mixer")).status_code == 401
    wrong = tokens.mixer_token(protected.id)
    assert (await joined(house, made, "M", type="mixer", mixerToken=wrong)).status_code == 403
    right = tokens.mixer_token(made.id)
    assert (await joined(house, made, "M", type="mixer", mixerToken=right)).status_code == 201
    path = f"/rooms/{protected.id}/participants"
    by_header = await ask(house, "POST", path, {"name": "M", "type": "mixer"}, token=wrong)
    assert by_header.status_code == 201
    assert (await joined(house, made, "R", type="robot")).status_code == 401
    assert (await joined(house, made, "R", type="robot", mixerToken=right)).status_code == 201
    assert (await joined(house, protected, "R", cat, type="robot")).status_code == 401


@module
async def test_permissions_change_while_somebody_is_there(house: House, guarded: Any) -> None:
    """By REST or by somebody who may: told, held at once, also against the old token; without JOIN
    one is out. Nobody gives more than they have."""
    made = await house.create(app=guarded)
    url, path = house.room(made.id), f"/rooms/{made.id}"
    cat = house.token(made, "ada", "JOIN", "RECORD")
    ada = (await joined(house, made, "Ada", cat)).json()
    chief = house.token(made, "chief", "JOIN", "KICK", "INVITE", "UPDATE_PERMISSIONS")
    boss = (await joined(house, made, "Boss", chief)).json()
    row = await conferences.find(house.service, guarded.key, made.id)
    await conferences.permit(house.service, row, {"ada": ["JOIN", "SEND_AUDIO"]})
    start = await ask(house, "POST", f"{path}/recording", token=ada["token"])
    assert start.status_code == 403 and "RECORD" in start.json()["error"]
    again = await joined(house, made, "Ada", cat, token=ada["token"])
    assert again.json()["permissions"] == ["JOIN", "SEND_AUDIO"]

    def granted(names: list[str]) -> dict[str, Any]:
        return {"participants": {"ada": {"permissions": names}}}

    for token, body, status in (
        (ada["token"], granted(["JOIN"]), 403),
        (boss["token"], granted(["JOIN", "RECORD"]), 403),
        (boss["token"], granted(["FLY"]), 400),
        (boss["token"], granted(["JOIN", "KICK"]), 200),
    ):
        answer = await ask(house, "POST", f"{path}/permissions", body, token)
        assert answer.status_code == status, answer.text
    invited = await ask(
        house,
        "POST",
        f"{path}/invitations",
        {"participants": {"carl": {"permissions": ["JOIN"]}}},
        boss["token"],
    )
    assert invited.status_code == 201
    assert (await joined(house, made, "Carl", invited.json()["carl"])).status_code == 201
    with pytest.raises(ConferenceRefused):
        await join(url, "Nobody")
    assert (await ask(house, "DELETE", path, token=ada["token"])).status_code == 200  # has KICK now


@module
async def test_presenting_takes_a_permission(house: House, guarded: Any) -> None:
    """Without SHARE_FILE or SHARE_VIDEO nobody presents such; who loses it presents no more."""
    made = await house.create(app=guarded)
    path = f"/rooms/{made.id}"
    cat = house.token(made, "ada", "JOIN", "SHARE_FILE")
    ada = (await joined(house, made, "Ada", cat)).json()
    eve = (await joined(house, made, "Eve", house.token(made, "eve", "JOIN"))).json()

    async def upload(token: str) -> httpx2.Response:
        picture = io.BytesIO()
        Image.new("RGB", (8, 8)).save(picture, "PNG")
        headers = {"authorization": f"Bearer {token}", "content-type": "image/png"}
        async with httpx2.AsyncClient(timeout=60) as client:
            url = f"{house.url}{path}/presentations"
            return await client.post(url, content=picture.getvalue(), headers=headers)

    async def play(token: str) -> int:
        given = {"url": "https://example.org/film.mp4"}
        path_of = f"{path}/presentations"
        return (await ask(house, "POST", path_of, given, token)).status_code

    assert (await upload(eve["token"])).status_code == 403
    assert await play(ada["token"]) == 403  # that takes SHARE_VIDEO
    dan = (await joined(house, made, "Dan", house.token(made, "dan", "JOIN", "SHARE_VIDEO"))).json()
    assert await play(dan["token"]) == 201
    assert await play(ada["token"]) == 403 and (await upload(ada["token"])).status_code == 409
    assert (await upload(dan["token"])).status_code == 403
    row = await conferences.find(house.service, guarded.key, made.id)
    await conferences.permit(house.service, row, {"dan": ["JOIN", "SHARE_FILE"]})
    shown = await upload(ada["token"])
    assert shown.status_code == 201, shown.text
    page = f"{path}/{shown.json()['pages'][0]['url']}"
    assert (await ask(house, "GET", page)).content.startswith(b"\x89PNG")
    row = await conferences.find(house.service, guarded.key, made.id)
    await conferences.permit(house.service, row, {"ada": ["JOIN"]})
    state = (await ask(house, "GET", f"{path}/state", cat=cat)).json()
    assert "presentation" not in state
    await house.service.rooms.end(made.id, "ended")
    assert (await ask(house, "GET", page)).status_code in (404, 410)


@module
async def test_kick_and_end_take_a_permission(house: House, guarded: Any) -> None:
    """Without KICK nobody removes others or ends a protected conference; with it, both; a recorder
    is stopped, not removed."""
    made = await house.create(app=guarded)
    path = f"/rooms/{made.id}"
    ada = (await joined(house, made, "Ada", house.token(made, "ada", "JOIN"))).json()
    boss = (await joined(house, made, "Boss", house.token(made, "boss", "JOIN", "KICK"))).json()
    other = f"{path}/participants/{boss['participantId']}"
    assert (await ask(house, "DELETE", other, token=ada["token"])).status_code == 403
    assert (await ask(house, "DELETE", path, token=ada["token"])).status_code == 403
    victim = f"{path}/participants/{ada['participantId']}"
    assert (await ask(house, "DELETE", victim, token=boss["token"])).status_code == 200
    assert (await ask(house, "DELETE", victim, token=boss["token"])).status_code == 404
    mixer = house.service.tokens.mixer_token(made.id)
    recorder = (await joined(house, made, "M", type="mixer", mixerToken=mixer)).json()
    recorder_path = f"{path}/participants/{recorder['participantId']}"
    refused = await ask(house, "DELETE", recorder_path, token=boss["token"])
    assert refused.status_code == 403 and "stop the recording" in refused.json()["error"]
    assert (await ask(house, "DELETE", path, token=boss["token"])).status_code == 200
    assert (await joined(house, made, "Ada", house.token(made, "ada", "JOIN"))).status_code == 410


@module
async def test_a_replay_is_a_conference_to_listen_to(house: House, guarded: Any) -> None:
    """Of one that goes on and of one that has ended; whoever joins it sends nothing."""
    made = await house.create("replayed")
    begun = await ask(house, "POST", "/rooms/replayed/replay", {"offset": 1500})
    assert begun.status_code == 201
    new = begun.json()["conferenceId"]
    assert house.recorders.replayed[-1] == (made.id, 1500) and new != made.id
    listening = await ask(house, "POST", f"/rooms/{new}/participants", {"name": "Ada"})
    assert listening.json()["permissions"] == ["JOIN"]
    assert listening.json()["capabilities"] == {"recording": False, "replay": False}
    for wrong in (-1, "1", True, 1e20):
        bad = await ask(house, "POST", "/rooms/replayed/replay", {"offset": wrong})
        assert bad.status_code == 400
    protected = await house.create(app=guarded)
    await conferences.terminate(house.service, protected.id, "ended")
    path = f"/rooms/{protected.id}/replay"
    assert (await ask(house, "POST", path, {})).status_code == 401
    cat = house.token(protected, "ada", "JOIN")
    token = (await ask(house, "POST", path, {}, cat=cat)).json()
    joining = f"{token['path']}/participants"
    assert (await ask(house, "POST", joining, {"name": "Ada"})).status_code == 401
    shown = token["conferenceAccessToken"]
    assert (await ask(house, "POST", joining, {"name": "Ada"}, cat=shown)).status_code == 201


# -- restarts ----------------------------------------------------------------------------------
