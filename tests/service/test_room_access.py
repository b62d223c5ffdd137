"""Who may look into a conference without being in it."""

from __future__ import annotations

import pytest
from starlette.exceptions import HTTPException

from mixer.records.models import Conference
from mixer.service.context import Service
from mixer.service.room_access import check_looking
from mixer.service.rooms import HostedRooms


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
