"""The platform's Python client looks back: conferences, people, webhooks."""

from __future__ import annotations

import json

import pytest
from dolbyio_rest_apis import authentication
from dolbyio_rest_apis.communications.monitor import conferences, webhooks

from tests.instruments.platform_client import point_at

from .conftest import Credentials
from .published import EPOCH, Archive
from .published import archive as archive
from .published import service as service

# of the client's HTTP library, about the client
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
async def token(url: str, credentials: Credentials, monkeypatch: pytest.MonkeyPatch) -> str:
    point_at(monkeypatch, url)
    got = await authentication.get_api_token(credentials.key, credentials.secret, 600)
    return str(got.access_token)


async def test_conferences(archive: Archive, token: str) -> None:
    """Every field that the client parses is there, and what it should be."""
    parameters = {"liveRecording": True}
    ended = await archive.conference(owner_external_id="ext-p1", parameters=parameters)
    await archive.stay(ended, "p1", avatar_url="https://a.example/x.png", ip_address="192.0.2.1")
    await archive.stay(ended, "p2", type="listener")
    await archive.mix(await archive.session(ended), "a")
    going_on = await archive.conference("Other", ended_at=None, created_at=EPOCH + 1)
    (listed,) = await conferences.get_all_conferences(
        token, filter_alias="week.*", external_id="ext-p1"
    )
    one = await conferences.get_conference(token, ended.id, live_stats=True)
    assert listed == one
    assert (one.conf_id, one.alias, one.region) == (ended.id, "Weekly sync", "us")
    assert (one.live, one.type) == (False, "sdk_conf")
    assert (one.start, one.end, one.duration) == (EPOCH, EPOCH + 60_000, 60_000)
    assert (one.presence_duration, one.recording_duration) == (20_000, 6_418)
    assert (one.mixer_live_recording, one.mixer_hls_streaming) == (6_418, 0)
    assert one.mixer_rtmp_streaming == 0
    assert (one.nb_users, one.nb_listeners, one.nb_pstn) == (1, 1, 0)
    owner = one.mix  # so the client calls it
    assert (owner.user_id, owner.metadata.user_id) == ("p1", "p1")
    assert (owner.metadata.external_name, owner.metadata.external_id) == ("Name of p1", "ext-p1")
    assert owner.metadata.external_photo_url == "https://a.example/x.png"
    assert owner.metadata.ip_address == "192.0.2.1"
    most = one.statistics.max_participants
    assert (most.user, most.listener, most.mixer, most.pstn) == (1, 1, 0, 0)
    assert one.statistics.network == {}  # nothing of it is measured (docs/api.md)
    (active,) = (await conferences.get_conferences(token, active=True)).conferences
    assert (active.conf_id, active.live, active.end) == (going_on.id, True, 0)
    assert await conferences.get_conference_statistics(token, ended.id) == one.statistics


async def test_participants(archive: Archive, token: str) -> None:
    """Page by page, and of one type."""
    ended = await archive.conference()
    await archive.stay(ended, "p1")
    await archive.stay(ended, "p2", type="listener", joined_at=EPOCH + 1)
    found = await conferences.get_all_conference_participants(token, ended.id, page_size=1)
    assert list(found) == ["p1", "p2"]
    page = await conferences.get_conference_participants(token, ended.id, "listener")
    (listener,) = page.participants
    assert listener.user_id == "p2" and not page.next
    (connection,) = listener["connections"]
    assert connection["metadata"]["externalId"] == "ext-p2"
    assert connection["duration"] == 9_999


async def test_webhooks(archive: Archive, token: str) -> None:
    """What was sent of a conference, by the names of events."""
    recorded = await archive.recorded()
    id = recorded.conference_id
    (sent,) = await webhooks.get_all_events(token, filter_type="Recordings.*")
    page = await webhooks.get_events(token, id, filter_type="Recordings.Available")
    assert page.webhooks == [sent] and not page.next
    assert (sent.conf_id, sent.third_party_id) == (id, archive.app_key)
    assert sent.id and sent.ts > 0 and sent.url is not None
    assert (sent.response.status, sent.response.headers) == ("", {})
    assert json.loads(sent.webhook)["eventType"] == "Recordings.Available"
    assert (await webhooks.get_events(token, id, filter_type="Conf.*")).webhooks == []
