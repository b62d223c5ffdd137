"""The API's description is true: of answers, of errors, of events."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from mixer.records.models import Attendance, Conference, Recording
from mixer.service import applications
from mixer.service.context import Service
from mixer.service.event_answers import MODELS
from mixer.webhooks import bodies


async def test_description(anybody: httpx2.AsyncClient) -> None:
    """All calls of the contract are described; errors by the one body; no answer that never is."""
    described = (await anybody.get("/openapi.json")).json()
    assert described["openapi"].startswith("3.1")
    wanted = {
        ("post", "/v1/auth/token"),
        ("post", "/v2/client-access-token"),
        ("post", "/v2/conferences/create"),
        ("delete", "/v2/conferences/{conferenceId}"),
    }
    calls = {(method, path) for path, one in described["paths"].items() for method in one}
    assert wanted <= calls
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            assert "422" not in operation["responses"], (method, path)
            assert operation["summary"], (method, path)
    assert set(described["webhooks"]) == {*applications.EVENTS, *applications.DEPRECATED_EVENTS}


def _conference() -> Conference:
    return Conference(
        id="a88484c6-2a47-4691-86e2-933eec80b316",
        app_key="key",
        alias="weekly",
        type="SDK_CONF",
        owner_external_id="owner",
        parameters={},
        created_at=1,
        started_at=2,
        ended_at=9,
    )


def _stay(left_at: int | None = 8) -> Attendance:
    return Attendance(
        participant_id="p",
        external_id="",
        name="Ada",
        avatar_url="",
        type="user",
        ip_address="",
        joined_at=2,
        left_at=left_at,
        reason="forced",
        speaking_ms=3,
    )


def _recording() -> Recording:
    return Recording(
        id="r",
        session_id="s",
        kind="mix",
        media_type="video/mp4",
        merged=False,
        filename="x.mp4",
        size=1,
        duration=2,
        start_time=3,
        end_time=5,
        width=1,
        height=1,
        details={},
    )


def _sent(type: str, body: dict[str, Any]) -> dict[str, Any]:
    whole = {**bodies.envelope(type, _conference(), "us"), **body}
    return bodies.rendered(type, whole, [_recording()], {"r": "https://x"}, region="us", now=7)


@pytest.mark.parametrize(
    ("type", "body"),
    [
        ("Conference.Created", bodies.conference_created(_conference())),
        (
            "Conference.Ended",
            bodies.conference_ended(
                _conference(), [_stay()], recording_format="mp3", recording_ms=3
            ),
        ),
        ("Participant.Joined", bodies.participant(_stay(None))),
        ("Participant.Left", bodies.participant(_stay())),
        ("Recordings.Available", {}),
        ("Recording.Live.InProgress", bodies.live_in_progress(1, mix_id="a", width=1, height=2)),
        ("Recording.Failed", bodies.recording_failed(1, reason="x", saved=["raw"])),
        ("Recording.Failed", bodies.recording_failed(1, reason="x", layout_name="mine")),
        ("Recording.MP4.Available", bodies.mp4_available(_recording())),
        ("Recording.Audio.Available", {}),
    ],
)
def test_events_are_as_described(type: str, body: dict[str, Any]) -> None:
    """What is sent fits the description, and has nothing that is not described."""
    sent = _sent(type, body)
    model = MODELS[type]
    model.model_validate(sent)
    assert set(sent) <= set(model.model_fields)


async def test_conformance_of_created(api: httpx2.AsyncClient, service: Service) -> None:
    """What is answered has the fields that are described, no null among them."""
    answer = (await api.post("/v2/conferences/create", json={})).json()
    assert None not in answer.values()
