"""Checks of events and states that come from outside, before `state.apply` reduces them.

The schema itself is described in docs/conference-state.md. Unknown event types and unknown fields
are let through (a newer writer), wrong types of known fields are not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from mixer.conference.state import State

Check = Callable[[Any], bool]

MAX_EVENT_FIELDS = 32
MAX_ADDRESS_CHARS = 2000  # of a video that is presented


class InvalidEvent(ValueError):
    """An event or a state that is not of the documented schema; says which field."""


def check_event(type: str, data: Any) -> Mapping[str, Any]:
    """`data` itself if `apply` can take it. Raises InvalidEvent."""
    if not isinstance(data, Mapping):
        raise InvalidEvent(f"{type}: data is not an object")
    if len(data) > MAX_EVENT_FIELDS:
        raise InvalidEvent(f"{type}: more than {MAX_EVENT_FIELDS} fields")
    required, optional = _EVENTS.get(type, ({}, {}))
    _check_fields(type, data, required, optional)
    return data


def check_state(data: Any) -> State:
    """`data` itself if it is a whole state. Raises InvalidEvent."""
    if not isinstance(data, Mapping):
        raise InvalidEvent("state: not an object")
    fields: dict[str, Check] = {
        "conference": _is_conference,
        "participants": _list_of(_is_participant),
        "recording": _is_recording,
    }
    _check_fields("state", data, fields, {"presentation": _or_none(_is_presentation)})
    return cast(State, data)


def _check_fields(
    type: str, data: Mapping[str, Any], required: dict[str, Check], optional: dict[str, Check]
) -> None:
    for name, valid in required.items():
        if name not in data:
            raise InvalidEvent(f"{type}: field {name!r} is missing")
        if not valid(data[name]):
            raise InvalidEvent(f"{type}: field {name!r} is not of the documented form")
    for name, valid in optional.items():
        if name in data and not valid(data[name]):
            raise InvalidEvent(f"{type}: field {name!r} is not of the documented form")


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _id(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 300


def _address(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_ADDRESS_CHARS


def _any(value: Any) -> bool:
    return True


def _bool(value: Any) -> bool:
    return isinstance(value, bool)


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _or_none(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _one_of(*values: str) -> Check:
    return lambda value: isinstance(value, str) and value in values


def _list_of(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(check(v) for v in value)


def _object(required: dict[str, Check], optional: dict[str, Check]) -> Check:
    def valid(value: Any) -> bool:
        if not isinstance(value, Mapping) or len(value) > MAX_EVENT_FIELDS:
            return False
        known = {**required, **optional}
        return all(name in value for name in required) and all(
            check(value[name]) for name, check in known.items() if name in value
        )

    return valid


_PARTICIPANT_OPTIONAL: dict[str, Check] = {
    "externalId": _text,
    "name": _text,
    "avatarUrl": _text,
    "type": _one_of("user", "listener", "mixer", "robot"),
    "status": _one_of("connecting", "connected", "left"),
    "speaking": _bool,
}
_VIDEO: dict[str, Check] = {
    "muted": _bool,
    "width": _count,
    "height": _count,
    "available": _bool,
}
_is_conference = _object({}, {"id": _text, "alias": _text})
_is_recording = _object({"active": _bool}, {"startedAt": _or_none(_count)})
_is_audio_change = _or_none(_object({}, {"muted": _bool}))
_is_video_change = _or_none(_object({}, _VIDEO))
_is_stream = _object(
    {"id": _id},
    {
        "type": _one_of("Camera", "ScreenShare", "VideoPresentation"),
        "audio": _or_none(_object({"muted": _bool}, {})),
        "video": _or_none(_object(_VIDEO, {})),
    },
)
_is_participant = _object(
    {"id": _id},
    {**_PARTICIPANT_OPTIONAL, "streams": _list_of(_is_stream)},
)

_is_page = _object({"url": _id}, {"width": _count, "height": _count})
_FILE: dict[str, Check] = {
    "kind": _one_of("file"),
    "id": _id,
    "ownerId": _id,
    "pages": _list_of(_is_page),
    "page": _count,
}

_PLAYED: dict[str, Check] = {"playing": _bool, "positionMs": _count}
_PLAYED_AT: dict[str, Check] = {"updatedAt": _count, "sinceNs": _count}
_VIDEO_SHOWN: dict[str, Check] = {"id": _id, "ownerId": _id, "url": _address, **_PLAYED}
_KINDS = {
    "file": _object(_FILE, {"name": _text}),
    "video": _object(_VIDEO_SHOWN, {"name": _text, **_PLAYED_AT}),
}


def _is_presentation(value: Any) -> bool:
    """Of kinds that a newer writer knows, the kind and the id are looked at."""
    if not _object({"kind": _text, "id": _id}, {})(value):
        return False
    return _KINDS.get(value["kind"], _any)(value)


# type -> (required fields, optional fields)
_EVENTS: dict[str, tuple[dict[str, Check], dict[str, Check]]] = {
    "conference.updated": ({"conference": _is_conference}, {}),
    "conference.ended": ({}, {"reason": _text}),
    "participant.added": ({"participant": _is_participant}, {}),
    "participant.updated": (
        {"id": _id},
        {**_PARTICIPANT_OPTIONAL, "streams": _list_of(_is_stream)},
    ),
    "participant.removed": ({"id": _id}, {}),
    "participant.speaking": ({"id": _id, "speaking": _bool}, {}),
    "stream.added": ({"participantId": _id, "stream": _is_stream}, {}),
    "stream.updated": (
        {"participantId": _id, "streamId": _id},
        {"audio": _is_audio_change, "video": _is_video_change},
    ),
    "stream.removed": ({"participantId": _id, "streamId": _id}, {}),
    "recording.updated": ({"active": _bool}, {"startedAt": _or_none(_count)}),
    "presentation.started": ({"presentation": _is_presentation}, {}),
    "presentation.updated": ({"id": _id}, {"page": _count, **_PLAYED, **_PLAYED_AT}),
    "presentation.stopped": ({"id": _id}, {}),
}
EVENT_TYPES = frozenset(_EVENTS)
