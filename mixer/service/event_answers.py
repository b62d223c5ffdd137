"""The webhooks' events, for the API's description (contract 5). What is sent: mixer/webhooks."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from .applications import DEPRECATED_EVENTS
from .rest.monitor_answers import ConferenceName, RecordingItem


class _Event(BaseModel):
    thirdPartyId: str = Field(description="The application's key.", examples=["nb7a0jTY5qzPxJY3"])
    conference: ConferenceName


class _Regional(_Event):
    region: str = Field(examples=["us"])


class RecordingsAvailable(_Event):
    """Files can be downloaded: on each stop of a recording, and when parts were merged."""

    eventType: Literal["Recordings.Available"]
    createdAt: str = Field(examples=["2023-05-01T00:00:00.500Z"])
    recordings: list[RecordingItem]


class RecordingLiveInProgress(_Regional):
    """A live recording, or a remix, has begun."""

    eventType: Literal["Recording.Live.InProgress"]
    createdAt: str
    startedAt: str
    layoutUrl: str | None = None
    layoutName: str | None = None
    mixId: str | None = Field(None, examples=["default"])
    width: int | None = Field(None, examples=[1920])
    height: int | None = Field(None, examples=[1080])


class RecordingFailed(_Regional):
    """Ours: a recording came to harm; what was saved is kept."""

    eventType: Literal["Recording.Failed"]
    createdAt: str
    reason: str = Field(examples=["The layout's page could not be loaded."])
    saved: list[str] = Field(examples=[["raw"]])
    mixId: str | None = None
    layoutUrl: str | None = None
    layoutName: str | None = None


class Owner(BaseModel):
    userId: str
    externalId: str = Field(examples=["owner@example.org"])


class ConferenceCreated(_Regional):
    eventType: Literal["Conference.Created"]
    owner: Owner


class Attended(BaseModel):
    """One participant, over all their stays."""

    userId: str
    ipAddress: str
    presenceDuration: int = Field(description="Milliseconds.")
    recvTimers: dict[str, int]
    sendTimers: dict[str, int]
    metadata: dict[str, str]


class ConferenceEnded(_Regional):
    eventType: Literal["Conference.Ended"]
    confType: Literal["SDK_CONF", "REPLAY"]
    ownerId: str
    startTime: int = Field(description="Epoch ms.")
    duration: int = Field(description="Milliseconds, as the durations below.")
    speakingDuration: int
    recordingDuration: int
    participants: list[Attended]
    recordingFormat: Literal["audio", "video", "both"]
    dolbyVoice: Literal["true", "false"]


class EventParticipant(BaseModel):
    userId: str
    externalId: str
    externalName: str
    externalPhotoUrl: str


class ParticipantJoined(_Regional):
    eventType: Literal["Participant.Joined"]
    participant: EventParticipant


class ParticipantLeft(_Regional):
    eventType: Literal["Participant.Left"]
    participant: EventParticipant
    reason: Literal["hangUp", "timeoutEviction", "forced"]


class RecordingMp4Available(_Regional):
    """Deprecated: use Recordings.Available. Several addresses are joined by `|`."""

    eventType: Literal["Recording.MP4.Available"]
    url: str
    duration: int
    layoutName: str
    layoutUrl: str
    splits: None


class RecordingAudioAvailable(_Regional):
    """Deprecated: use Recordings.Available."""

    eventType: Literal["Recording.Audio.Available"]
    url: str
    filename: str
    duration: int
    size: int
    records: list[dict[str, Any]]


MODELS: dict[str, type[BaseModel]] = {
    model.model_fields["eventType"].annotation.__args__[0]: model  # type: ignore[union-attr]
    for model in (
        RecordingsAvailable,
        RecordingLiveInProgress,
        RecordingFailed,
        ConferenceCreated,
        ConferenceEnded,
        ParticipantJoined,
        ParticipantLeft,
        RecordingMp4Available,
        RecordingAudioAvailable,
    )
}
SIGNED = (
    "Signed: Dolby-Signature and the webhook-* headers of Standard Webhooks (docs/webhooks.md)."
)


def describe_events(webhooks: APIRouter) -> None:
    """Adds the events to the API's description."""
    for name, model in MODELS.items():

        async def receive(body: Any) -> None:
            """Any 2xx takes the event; all else is tried again for a day."""

        receive.__annotations__["body"] = model
        webhooks.add_api_route(
            name,
            receive,
            methods=["POST"],
            name=name,
            summary=name,
            description=f"{model.__doc__ or name}\n\n{SIGNED}",
            deprecated=name in DEPRECATED_EVENTS,
            response_class=Response,
        )
