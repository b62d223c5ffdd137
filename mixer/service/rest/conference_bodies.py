"""What requests about conferences may contain (contract 2): lenient, as the platform's clients are.

Null is the same as missing, unknown fields are passed over, some fields have several forms.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from ..conferences import MAX_ALIAS_CHARS, MAX_INVITED, PERMISSIONS
from .bodies import Name, Text

MAX_TTL_S = 24 * 3600
MAX_MESSAGE_CHARS = 16_000
MAX_EXTERNAL_IDS = 1000


class _Wire(BaseModel):
    """Names as on the wire; null is the same as missing, unknown fields are passed over."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    @field_validator("*", mode="before")
    @classmethod
    def _null_is_missing(cls, value: Any, info: Any) -> Any:
        if value is None and info.field_name is not None:
            return cls.model_fields[info.field_name].get_default(call_default_factory=True)
        return value


class RecordingFormats(_Wire):
    """What a recording of the conference makes."""

    format: list[Literal["mp3", "mp4"]] | None = Field(default=None, examples=[["mp3", "mp4"]])

    @field_validator("format", mode="before")
    @classmethod
    def _as_list(cls, given: Any) -> Any:
        """One format instead of a list of them; upper case; BOTH."""
        if isinstance(given, str):
            given = [given]
        if not isinstance(given, list):
            return given
        lower = [one.lower() if isinstance(one, str) else one for one in given]
        wanted = ["mp3", "mp4"] if "both" in lower else lower
        return wanted or None


class Parameters(_Wire):
    """How the conference is to be. Those about bandwidth and voice are kept, not acted upon."""

    dolbyVoice: bool | None = None
    liveRecording: bool | None = None
    rtcpMode: Literal["worst", "average", "max"] | None = None
    pincode: Annotated[Text | None, Field(validation_alias=AliasChoices("pincode", "pinCode"))] = (
        None
    )
    ttl: int | None = Field(default=None, ge=0, le=MAX_TTL_S, description="Seconds.")
    videoCodec: Literal["VP8", "H264", "NONE"] | None = None
    audioOnly: bool | None = None
    recording: RecordingFormats | None = None

    @field_validator("recording", mode="before")
    @classmethod
    def _bare(cls, given: Any) -> Any:
        """A client sends the formats without the object around them."""
        return {"format": given} if isinstance(given, list | str) else given

    @field_validator("pincode", mode="before")
    @classmethod
    def _digits(cls, given: Any) -> Any:
        return str(given) if type(given) is int else given


class Invited(_Wire):
    """What one participant may do."""

    permissions: list[str] = Field(default=[], examples=[["JOIN", "SEND_AUDIO", "SEND_VIDEO"]])
    notification: bool = False

    @field_validator("permissions")
    @classmethod
    def _known(cls, given: list[str]) -> list[str]:
        upper = [one.upper() for one in given]
        unknown = [one for one in upper if one not in PERMISSIONS]
        if unknown:
            raise ValueError(f"there is no such permission; there are {', '.join(PERMISSIONS)}")
        return list(dict.fromkeys(upper))


def _null_is_empty(given: Any) -> Any:
    return {} if given is None else given


Participants = Annotated[
    dict[Name, Annotated[Invited, BeforeValidator(_null_is_empty)]], Field(max_length=MAX_INVITED)
]


class CreateConference(_Wire):
    """A conference to be created; all fields can be left out."""

    ownerExternalId: Text = Field(default="", examples=["owner@example.org"])
    alias: Text | None = Field(default=None, examples=["weekly sync"])
    parameters: Parameters = Parameters()
    participants: Participants = {}

    @field_validator("alias")
    @classmethod
    def _no_hash(cls, alias: str | None) -> str | None:
        if alias is None or not alias.strip():
            return None
        if "#" in alias:
            raise ValueError(f"an alias has at most {MAX_ALIAS_CHARS} characters and no '#'")
        return alias.strip()


class Invitation(_Wire):
    """Participants and their permissions."""

    participants: Participants = {}


class Kick(_Wire):
    """Whom to throw out."""

    externalIds: list[Name] = Field(default=[], max_length=MAX_EXTERNAL_IDS, examples=[["ada"]])


class Message(_Wire):
    """A message for participants; for everybody when `to` is missing or empty."""

    sender: Annotated[Text, Field(validation_alias="from", serialization_alias="from")] = ""
    to: list[Name] = Field(default=[], max_length=MAX_EXTERNAL_IDS)
    message: str = Field(
        default="", max_length=MAX_MESSAGE_CHARS, examples=["We start again at ten."]
    )
