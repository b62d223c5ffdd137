"""Hosted rooms with a real Janus and a real database: addresses, rights, ends, restarts."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from mixer.conference.session import ConferenceOver, RoomSession, join
from mixer.errors import ConferenceError, ConferenceUnknown
from mixer.records.models import Conference
from mixer.service import conferences
from mixer.service.attendance import all_stays
from mixer.service.errors import ApiError
from tests.room.serving import until
from tests.service.hosting import House, hosting
from tests.service.joining import ask, joined, present

pytestmark = pytest.mark.system


module = pytest.mark.asyncio(loop_scope="module")


# -- addresses ---------------------------------------------------------------------------------


@module
@pytest.mark.parametrize(
    "alias", ["weekly sync", "Über/Straße?x=1&y", "会議室 🎥", "a%2Fb+c", "x" * 250, "semi;colon:"]
)
async def test_any_alias_leads_to_its_room(house: House, alias: str) -> None:
    """Whatever characters it has, in either case, the alias and the id are the same room."""
    made = await house.create(alias)
    other_case = quote(alias.swapcase(), safe="")
    async with present(await join(house.room(quote(alias, safe="")), "Ada")) as _:
        state = (await ask(house, "GET", f"/rooms/{other_case}/state")).json()
        assert state["conference"] == {"id": made.id, "alias": alias}
        assert [p["name"] for p in state["participants"]] == ["Ada"]
        assert (await ask(house, "GET", f"/rooms/{made.id}/state")).json() == state


@module
async def test_a_room_that_is_nowhere_is_said_to_be_created(house: House) -> None:
    """Programs get JSON, people a page; neither may bring markup of its own."""
    name = quote("no <b>such</b> room", safe="")
    answer = await ask(house, "GET", f"/rooms/{name}/state")
    assert answer.status_code == 404 and "create it by REST" in answer.json()["error"]
    async with httpx2.AsyncClient() as client:
        page = await client.get(f"{house.url}/rooms/{name}", headers={"accept": "text/html"})
    assert page.status_code == 404 and "Create it" not in page.text
    assert "create it by REST or in the dashboard" in page.text and "<b>" not in page.text
    with pytest.raises(ConferenceUnknown):
        await join(house.room(name), "Ada")


@module
async def test_an_alias_of_two_applications_takes_the_id(house: House) -> None:
    """Both are reached by id; the alias says that it is ambiguous, until one has ended."""
    first = await house.create("twice")
    second = await house.create("TWICE", await house.application())
    assert first.id != second.id
    answer = await ask(house, "GET", "/rooms/twice/state")
    assert answer.status_code == 409 and "id" in answer.json()["error"]
    async with httpx2.AsyncClient() as client:
        page = await client.get(house.room("twice"), headers={"accept": "text/html"})
    assert page.status_code == 409 and "Which conference?" in page.text
    for one in (first, second):
        state = (await ask(house, "GET", f"/rooms/{one.id}/state")).json()
        assert state["conference"]["id"] == one.id
    await conferences.terminate(house.service, first.id, "ended")
    assert (await ask(house, "GET", "/rooms/twice/state")).json()["conference"]["id"] == second.id


# -- ends --------------------------------------------------------------------------------------


@module
async def test_who_comes_goes_and_ends_it_is_reported(house: House) -> None:
    """In order: external id, name, avatar and agent of who comes, reason of who goes, the end."""
    made = await house.create()
    avatar = "https://example.org/a.png"
    ada = await join(house.room(made.id), "Ada", external_id="ada@x", avatar_url=avatar)
    async with present(ada):
        async with present(await join(house.room(made.id), "Bob")):
            await until(lambda: len(ada.state["participants"]) == 2, "Bob to be seen")
        await until(lambda: len(ada.state["participants"]) == 1, "Bob to have left")
        await ada.end()

    def reported() -> list[tuple[str, dict[str, Any]]]:
        return [(type, data) for id, type, data in house.told if id == made.id]

    await until(lambda: "conference.ended" in [type for type, _ in reported()], "the end")
    kept = [one for one in reported() if one[0].endswith((".added", ".removed", ".ended"))]
    assert [type for type, _ in kept] == [
        *("participant.added", "participant.added", "participant.removed"),
        *("participant.removed", "conference.ended"),
    ]
    first = kept[0][1]
    assert first["participant"]["externalId"] == "ada@x"
    assert first["participant"]["avatarUrl"] == avatar
    assert first["ipAddress"] == "127.0.0.1" and "python" in first["userAgent"].lower()
    assert [data.get("reason") for _, data in kept[2:]] == ["left", "ended", "ended"]
    assert kept[3][1]["speakingMs"] == 0

    async def ended() -> bool:
        async with house.service.database.reading() as db:
            return (await db.get_one(Conference, made.id)).ended_at is not None

    await until(ended, "the end to be written down")
    answer = await joined(house, made, "Late")
    assert answer.status_code == 410 and answer.json()["reason"] == "ended"


@module
async def test_who_speaks_when_it_is_ended_has_spoken(house: House) -> None:
    """The room knows for how long, also of who is there when REST ends the conference."""
    made = await house.create()
    async with present(await join(house.room(made.id), "Ada")):
        hosted = house.service.rooms.hosted(made.id)
        assert hosted is not None
        (attendance,) = hosted.live.attendances.values()
        attendance.speaks(True)
        await until(lambda: attendance.spoken_ms >= 20, "some speech")
        await conferences.terminate(house.service, made.id, "ended")
        async with house.service.database.reading() as db:
            (stay,) = await all_stays(db, made.id)
        assert (stay.participant_id, stay.reason) == (attendance.id, "forced")
        assert stay.speaking_ms >= 20


@module
async def test_kicked_is_told_and_stays_out(house: House) -> None:
    """The kicked participant is told so, and their token does not bring them back."""
    made = await house.create()
    ada = await join(house.room(made.id), "Ada", external_id="ada")
    async with present(ada) as events:
        assert house.service.rooms.participants(made.id)[0]["externalId"] == "ada"
        await until(lambda: ada.state["participants"][0]["status"] == "connected", "Ada")
        await house.service.rooms.kick(made.id, ["ada", "nobody"])
        await until(lambda: "kicked" in [type for type, _ in events], "being told")
        with pytest.raises(ConferenceOver) as raised:
            await ada.renew()
        assert raised.value.reason == "kicked"
    assert house.service.rooms.participants(made.id) == []
    await until(
        lambda: "kicked" in [d["reason"] for d in house.reported("participant.removed")], "report"
    )


@module
async def test_messages_reach_those_they_are_for(house: House) -> None:
    """To one by external id, to everybody without; from a participant with their own name."""
    made = await house.create()
    url = house.room(made.id)
    ada, bob = await join(url, "Ada", external_id="ada"), await join(url, "Bob")
    async with present(ada) as to_ada, present(bob) as to_bob:
        await until(
            lambda: [p["status"] for p in bob.state["participants"]] == ["connected"] * 2, "both"
        )
        await house.service.rooms.message(made.id, "server", "to Ada", ["ada"])
        await house.service.rooms.message(made.id, "server", "to all")
        sent = await ask(
            house, "POST", f"/rooms/{made.id}/messages", {"message": "hello"}, ada.token
        )
        assert sent.status_code == 200
        await until(lambda: len([t for t, _ in to_bob if t == "message"]) == 2, "two messages")
        await until(lambda: len([t for t, _ in to_ada if t == "message"]) == 3, "three messages")
        last = [data for type, data in to_bob if type == "message"][-1]
        assert (last["from"], last["message"]) == ("ada", "hello")


# -- access control ----------------------------------------------------------------------------


@module
async def test_a_full_conference_takes_nobody(house: House) -> None:
    """The application's number of participants holds; mixers do not count, who returns either."""
    app = await house.application(max_participants=1)
    made = await house.create(app=app)
    first = (await joined(house, made, "Ada")).json()
    assert (await joined(house, made, "Bob")).status_code == 429
    assert (await joined(house, made, "Ada", token=first["token"])).status_code == 201
    token = house.service.tokens.mixer_token(made.id)
    assert (await joined(house, made, "M", type="mixer", mixerToken=token)).status_code == 201


# -- recording and replay ----------------------------------------------------------------------


@module
async def test_participants_start_and_stop_a_recording(house: House) -> None:
    """Everybody sees who has started it; errors of the sessions are told; after it, nobody has."""
    made = await house.create()
    path = f"/rooms/{made.id}/recording"
    ada = await join(house.room(made.id), "Ada")
    async with present(ada):
        assert (await ask(house, "POST", path, token="x" * 43)).status_code == 401
        house.recorders.fails = ApiError(503, 4001, "NO_RECORDER", "This machine is full.")
        failed = await ask(house, "POST", path, token=ada.token)
        assert (failed.status_code, failed.json()["error"]) == (503, "This machine is full.")
        house.recorders.fails = None
        assert (await ask(house, "POST", path, token=ada.token)).status_code == 202
        assert house.recorders.started_by[-1] == ada.participant_id
        await until(lambda: ada.state["recording"]["active"], "the recording")
        now = (await ask(house, "GET", path, token=ada.token)).json()
        assert now["participantId"] == ada.participant_id and not now["paused"]
        await house.recorders.pause(made.id)
        await until(lambda: ada.state["recording"].get("paused") is True, "the pause")
        assert (await ask(house, "GET", path, token=ada.token)).json()["paused"]
        assert (await ask(house, "DELETE", path, token=ada.token)).status_code == 202
        await until(lambda: ada.state["recording"].get("paused") is False, "its end")
        stopped = (await ask(house, "GET", path, token=ada.token)).json()
        assert not stopped["active"] and stopped["participantId"] is None
        row = await conferences.find(house.service, house.app.key, made.id)
        await house.recorders.start(row, None)  # by REST: no participant has
        await until(lambda: ada.state["recording"]["active"], "the other recording")
        assert ada.state["recording"].get("participantId") is None


async def test_a_restart_takes_everybody_back(tmp_path: Path) -> None:
    """The same conference, the same participants, the same recorder; what had ended has."""
    async with hosting(tmp_path / "data") as first:
        made, ended = await first.create("Weekly"), await first.create("over")
        await conferences.terminate(first.service, ended.id, "ended")
        key, port = first.app.key, first.service.settings.port
        mixer_token = first.service.tokens.mixer_token(made.id)
        ada = await join(first.room("weekly"), "Ada", external_id="ada")
        mixer = await join(first.room(made.id), "M", "mixer", mixer_token=mixer_token)
        events = await enter_all(ada, mixer)
        await until(lambda: ada.state["recording"]["active"], "the recording")
    try:
        began = 1_700_000_000_000
        async with hosting(tmp_path / "data", port, key, {made.id: began}) as second:
            await until(lambda: len(second.reported("participant.added")) == 2, "both to be back")
            state = (await ask(second, "GET", "/rooms/weekly/state")).json()
            assert state["conference"] == {"id": made.id, "alias": "Weekly"}
            ids = {p["id"] for p in state["participants"]}
            assert ids == {ada.participant_id, mixer.participant_id}
            assert state["recording"]["active"]
            await until(lambda: ada.state["recording"]["startedAt"] == began, "its old beginning")
            answer = await ask(second, "GET", f"/rooms/{ended.id}/state")
            assert answer.status_code == 410 and answer.json()["reason"] == "ended"
            with pytest.raises(ConferenceOver):
                await join(second.room(made.id), "X", conference=ended.id)
            await conferences.terminate(second.service, made.id, "ended")
            await asyncio.wait_for(asyncio.gather(*events), 30)
    finally:
        for session in (ada, mixer):
            with contextlib.suppress(ConferenceError):
                await session.leave()


async def enter_all(*sessions: RoomSession) -> list[asyncio.Task[None]]:
    async def follow(session: RoomSession) -> None:
        async for _ in session.events():
            pass

    return [asyncio.create_task(follow(session)) for session in sessions]
