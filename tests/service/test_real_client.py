"""The platform's published Python client works unchanged: tokens and conferences."""

from __future__ import annotations

import pytest
from dolbyio_rest_apis import authentication
from dolbyio_rest_apis.communications import authentication as client_authentication
from dolbyio_rest_apis.communications import conference
from dolbyio_rest_apis.communications.models import Participant, Permission, RTCPMode, VideoCodec
from dolbyio_rest_apis.core.http_request_error import HttpRequestError

from mixer.service import applications
from mixer.service.conferences import PERMISSIONS
from mixer.service.context import Service
from mixer.service.presence import Presence
from tests.instruments.platform_client import point_at

from .conftest import Credentials, notebook
from .test_presence import somebody

# of the client's HTTP library, about the client
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
async def token(url: str, credentials: Credentials, monkeypatch: pytest.MonkeyPatch) -> str:
    point_at(monkeypatch, url)
    got = await authentication.get_api_token(credentials.key, credentials.secret, 600)
    assert (got.token_type, got.expires_in_val) == ("Bearer", 600)
    return str(got.access_token)


async def test_tokens(url: str, credentials: Credentials, token: str, service: Service) -> None:
    """API tokens by scope, and client access tokens."""
    narrow = await authentication.get_api_token(
        credentials.key, credentials.secret, scope=["comms:conf:create"]
    )
    assert narrow.scope == "comms:conf:create"
    client = await client_authentication.get_client_access_token_v2(
        token, ["conf:create", "session:update"], external_id="ada", expires_in=60
    )
    claims = service.tokens.read(client.access_token, "client")
    assert (claims.external_id, claims.scopes) == ("ada", ("conf:create", "session:update"))
    with pytest.raises(HttpRequestError) as refused:
        await authentication.get_api_token(credentials.key, "wrong")
    assert refused.value.error_code == 1001


async def test_conference_from_create_to_terminate(
    token: str, credentials: Credentials, service: Service
) -> None:
    """Every field that the client parses is filled in, every call does what it says."""
    await applications.change(service.database, credentials.key, {"access_control": True})
    made = await conference.create_conference(
        token,
        owner_external_id="owner",
        alias="The Weekly",
        pincode="1234",
        live_recording=True,
        rtcp_mode=RTCPMode.WORST,
        ttl=60,
        video_codec=VideoCodec.H264,
        participants=[Participant("ada", [Permission.JOIN, Permission.RECORD], True)],
        recording_formats=["mp3", "mp4"],
    )
    assert (made.conference_alias, made.conference_pincode) == ("The Weekly", "1234")
    assert made.is_protected is True
    owner = service.tokens.read(made.owner_token, "conference")
    assert owner.permissions == PERMISSIONS
    assert [one.external_id for one in made.user_tokens] == ["ada"]
    again = await conference.create_conference(token, "owner", alias="the weekly")
    assert again.conference_id == made.conference_id

    id = made.conference_id
    invited = await conference.invite(token, id, [Participant("bob", [Permission.JOIN], False)])
    assert service.tokens.read(invited[0].token, "conference").permissions == ("JOIN",)
    changed = await conference.update_permissions(
        token, id, [Participant("bob", [Permission.JOIN, Permission.KICK], False)]
    )
    assert service.tokens.read(changed[0].token, "conference").permissions == ("JOIN", "KICK")

    await Presence(service).on_event(id, "participant.added", somebody("p1", external_id="bob"))
    (there,) = (await conference.list_participants(token, id)).participants
    assert (there.user_id, there.external_id, there.name) == ("p1", "bob", "P1")
    assert (there.ip_address, there.user_agent) == ("192.0.2.7", "Browser")
    assert there.last_join_timestamp > 0 and there.nb_session == 1

    await conference.kick(token, id, ["bob"])
    await conference.send_message(token, id, "owner", [], "hello")
    await conference.terminate(token, id)
    await conference.terminate(token, id)  # a retried request is harmless
    names = notebook(service.rooms).names()
    assert [name for name in names if name in ("kick", "message", "end")] == [
        "kick",
        "message",
        "end",
    ]
    with pytest.raises(HttpRequestError) as refused:
        await conference.kick(token, id, ["bob"])
    assert (refused.value.error_code, refused.value.error_reason) == (2002, "CONFERENCE_ENDED")
    assert "ended" in refused.value.error_description
