"""Who may come into a conference, or look into it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.exceptions import HTTPException

from mixer.records.models import Conference
from mixer.room.access import Admission, Visitor
from mixer.service import applications, conferences
from mixer.service.context import Service
from mixer.service.room_access import check_looking
from mixer.service.rooms import HostedRooms

from .conftest import Credentials


def test_permissions_that_were_taken_away(service: Service) -> None:
    """A token that permits to join lasts a day; taking JOIN away holds at once, for looking too."""
    row = Conference(id="c", app_key="a", protected=True)
    token = service.tokens.conference_token("a", "c", "ada", ("JOIN",))
    check_looking(service.tokens, row, token, {})
    check_looking(service.tokens, row, token, {"bob": []})
    with pytest.raises(HTTPException) as refused:
        check_looking(service.tokens, row, token, {"ada": []})
    assert refused.value.status_code == 403
    late = service.tokens.conference_token("a", "c", "eve", ())
    with pytest.raises(HTTPException):
        check_looking(service.tokens, row, late, {})
    check_looking(service.tokens, row, late, {"eve": ["JOIN"]})


async def test_a_conference_that_ends_while_it_is_opened(service: Service) -> None:
    """Its row was read before the end: no room is left over that nothing ends any more."""
    rooms = HostedRooms(service.settings, service.database, service.tokens)
    row = Conference(id="c", app_key="a", alias="c", alias_key="c", permissions={})
    await rooms.end("c", "ended")
    await rooms.open(row)
    assert rooms.hosted("c") is None


async def test_permissions_that_another_server_has_given(
    service: Service, credentials: Credentials
) -> None:
    """Whoever creates the conference there adds them to its row: they hold here for who joins; what
    was given here while the row was read holds instead."""
    service.rooms = rooms = HostedRooms(service.settings, service.database, service.tokens)
    app = await applications.change(service.database, credentials.key, {"access_control": True})
    given: dict[str, Any] = {"owner_external_id": "", "alias": "a", "parameters": {}}
    made = (await conferences.create(service, app, permissions={"ada": []}, **given)).conference
    hosted = rooms.hosted(made.id)
    assert hosted is not None
    token = service.tokens.conference_token(app.key, made.id, "ada", ())
    visitor = Visitor("p", "user", token, "")
    with pytest.raises(HTTPException):
        await rooms._host.admit(hosted.live, visitor)
    async with service.database.writing() as db:
        row = await db.get_one(Conference, made.id)
        row.permissions = {"ada": ["JOIN", "KICK"], "eve": ["JOIN"]}
    admitted = await rooms._host.admit(hosted.live, visitor)
    assert admitted == Admission(frozenset({"JOIN", "KICK"}), "ada")
    hosted.permissions["eve"] = frozenset()
    renewing = asyncio.create_task(rooms.renew_permissions(made.id))
    await asyncio.sleep(0)  # it has begun to read
    await rooms.set_permissions(made.id, "eve", ["JOIN", "RECORD"])
    await renewing
    assert hosted.permissions["eve"] == {"JOIN", "RECORD"}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_what_several_servers_give_at_once(
    service: Service, credentials: Credentials
) -> None:
    """To participants of one conference is joined: nothing is lost."""
    app = await applications.get(service.database, credentials.key)
    assert app is not None
    given: dict[str, Any] = {"owner_external_id": "", "alias": "a", "parameters": {}}
    await conferences.create(service, app, permissions={}, **given)
    names = [f"p{number}" for number in range(8)]
    made = await asyncio.gather(
        *(conferences.create(service, app, permissions={name: ["JOIN"]}, **given) for name in names)
    )
    row = await conferences.find(service, app.key, made[0].conference.id)
    assert sorted(row.permissions) == names


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_no_conference_has_such_a_name(service: Service) -> None:
    """PostgreSQL takes no text with a NUL: whoever asks for one is told that there is none."""
    rooms = HostedRooms(service.settings, service.database, service.tokens)
    with pytest.raises(HTTPException) as refused:
        await rooms.find("a\0")
    assert refused.value.status_code == 404
