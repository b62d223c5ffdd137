"""What the Monitor API answers (contract 4), for the API's description."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

CONFERENCE_ID = "a88484c6-2a47-4691-86e2-933eec80b316"


class Page(BaseModel):
    first: str = Field(description="A token of this page.", examples=["MTYwMjA4Njk2NDc0NjphYg"])
    next: str = Field(description="A token of the next page; empty on the last.", examples=[""])


class ConferenceName(BaseModel):
    confId: str = Field(examples=[CONFERENCE_ID])
    confAlias: str = Field(examples=["weekly sync"])


class Mix(BaseModel):
    """Of videos."""

    mixId: str = Field(examples=["default"])
    layoutUrl: str = Field(examples=["default"])
    width: int = Field(examples=[1920])
    height: int = Field(examples=[1080])
    layoutName: str | None = None
    layoutReplaced: str | None = Field(
        None, description="Ours: why the default layout is shown in it instead (from some moment)."
    )


class Person(BaseModel):
    """Whose a participant's file is."""

    externalName: str
    externalId: str
    externalPhotoUrl: str
    ipAddress: str


class RecordingItem(BaseModel):
    conference: ConferenceName | None = None
    region: str = Field(examples=["us"])
    url: str = Field(description="Downloads for ten minutes.")
    createdAt: str = Field(examples=["2023-05-01T00:00:00.200Z"])
    recordingType: str = Field(description="mix or participant", examples=["mix"])
    duration: int = Field(description="Milliseconds.", examples=[67540])
    filename: str = Field(examples=[f"record_1602086897206_conf_{CONFERENCE_ID}_default.mp4"])
    size: int = Field(description="Bytes.", examples=[1048576])
    startTime: int = Field(description="Epoch ms.", examples=[1602086897206])
    mediaType: str = Field(examples=["video/mp4"])
    merged: bool = Field(description="Whether it is of all parts of a recording.")
    mix: Mix | None = None
    userId: str | None = None
    metadata: Person | None = None


class Recordings(Page):
    recordings: list[RecordingItem]


class ConferenceRecordings(Recordings):
    conference: ConferenceName
    liveConference: bool = Field(description="Whether more may follow.")


class Archive(BaseModel):
    url: str = Field(description="A ZIP of all that can be downloaded; for ten minutes.")
    createdAt: str


class Sizes(BaseModel):
    mp4: int = Field(description="Bytes.")
    mp3: int = Field(description="Bytes.")
    region: str


class Split(BaseModel):
    startTime: int
    duration: int
    size: int
    fileName: str
    url: str
    metadata: dict[str, str]


class AudioRecord(BaseModel):
    startTime: int
    duration: int
    size: int
    fileName: str
    url: str
    splits: list[Split] | None = None


class Audio(BaseModel):
    region: str
    mix: Sizes
    records: list[AudioRecord]


class RecordingV1(BaseModel):
    confId: str
    alias: str
    duration: int
    ts: int = Field(description="Epoch ms of the end.")
    region: str
    mix: Sizes
    audio: Audio


class RecordingsV1(Page):
    recordings: list[RecordingV1]


class AudioV1(BaseModel):
    region: str
    conference: ConferenceName
    records: list[AudioRecord]


class Conferences(Page):
    conferences: list[dict[str, Any]]


class Participants(Page):
    participants: dict[str, dict[str, Any]]


class WebhookResponse(BaseModel):
    status: str = Field(examples=["200 OK"])
    headers: dict[str, str]
    error: str | None = None


class WebhookItem(BaseModel):
    id: str
    webhook: str = Field(description="The body as it was sent last.")
    url: str
    confId: str
    thirdPartyId: str
    ts: int = Field(description="Epoch ms of the event.")
    response: WebhookResponse
    state: str = Field(description="pending, delivered or dead (given up)")
    attempts: int


class Webhooks(Page):
    webhooks: list[WebhookItem]
