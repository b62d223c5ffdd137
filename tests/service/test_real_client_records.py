"""The platform's Python client records, lists, remixes and deletes, with everything real."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from dolbyio_rest_apis import authentication
from dolbyio_rest_apis.communications import conference, recording, remix
from dolbyio_rest_apis.communications.monitor import recordings

from tests.instruments.platform_client import point_at
from tests.service.recorded import SMALL, Site
from tests.system.processes import publisher, until

pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(300),
    # of the client's HTTP library, about the client
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def call(request: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(request)


def test_from_token_to_deletion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two mixes started, all stopped by the stop without a mix, listed with every field that the
    client parses, terminated, remixed, deleted."""
    site = Site(tmp_path)
    point_at(monkeypatch, site.url)
    with site.serving():
        token = call(authentication.get_api_token(*site.credentials)).access_token
        made = call(
            conference.create_conference(token, "owner", alias="Weekly", live_recording=True)
        )
        id = made.conference_id
        began_ms = time.time() * 1000
        with publisher(tmp_path, f"{site.url}/rooms/{id}", "Ada", *SMALL):
            call(recording.start(token, id, "default", 480, 390, "wide"))
            call(recording.start(token, id, None, 390, 480, "tall"))
            until(lambda: all(m["beganAt"] for m in site.state(id)["mixes"]), "both began")
            site.until_recorded(id, 4)
            call(recording.stop(token, id))
            until(lambda: len(site.files(id)) == 2, "both parts can be downloaded")
            live = call(recordings.get_conference_recordings(token, id))
            assert live.live_conference and live.conference.conf_alias == "Weekly"
            assert not live.next
            call(conference.terminate(token, id))
        until(lambda: any(f["merged"] for f in site.files(id)), "the merged files are there")
        listed = call(recordings.get_all_recordings(token, media_type="video/mp4"))
        assert {(one.mix.mix_id, one.mix.width, one.mix.height) for one in listed} == {
            ("wide", 480, 390),
            ("tall", 390, 480),
        }
        for one in listed:
            assert (one.conference.conf_id, one.conference.conf_alias) == (id, "Weekly")
            assert (one.recording_type, one.media_type) == ("mix", "video/mp4")
            assert one.filename.endswith(".mp4") and one.region and one.created_at
            assert one.duration >= 2000 and one.start_time >= began_ms - 1000
            assert len(site.download(one)) == one.size
        until(lambda: site.state(id)["status"] == "finished", "the recorder has ended")
        assert call(remix.start(token, id, width=480, height=480)).status == "IN_PROGRESS"
        until(lambda: call(remix.get_status(token, id)).status != "IN_PROGRESS", "it was remixed")
        status = call(remix.get_status(token, id))
        assert (status.status, status.alias) == ("COMPLETED", "Weekly")
        sizes = {(f["mix"]["width"], f["mix"]["height"]) for f in site.files(id)}
        assert (480, 480) in sizes
        call(recordings.delete_recording(token, id))
        assert call(recordings.get_all_recordings(token)) == []
        assert call(recordings.get_all_conference_recordings(token, id)) == []
