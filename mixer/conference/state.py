"""The conference's state as plain JSON values, and the pure reducer of its events.

One schema for everybody: room server, own-room session, ingest, journal, page SDK and preview
(docs/conference-state.md). Events are checked by `mixer.conference.schema`; two states are compared
by `mixer.conference.difference`. No input or output here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NotRequired, TypedDict, cast

ParticipantType = Literal["user", "listener", "mixer", "robot"]
ParticipantStatus = Literal["connecting", "connected", "left"]
SentType = Literal["Camera", "ScreenShare"]  # what participants publish
StreamType = SentType | Literal["VideoPresentation"]  # of journals: a video that is presented

EventData = Mapping[str, Any]


class Audio(TypedDict):
    muted: bool


class Video(TypedDict):
    """`width` and `height` are of the last picture in pixels, 0 before the first one."""

    muted: bool
    width: int
    height: int
    available: bool  # a picture has been received: there is something to draw


class Stream(TypedDict):
    """What one publisher sends together. `audio` or `video` is None when it is not sent at all."""

    id: str
    type: StreamType
    audio: Audio | None
    video: Video | None


class Participant(TypedDict):
    id: str
    externalId: str  # the application's own id of this person, '' if it gave none
    name: str
    avatarUrl: str  # '' for none
    type: ParticipantType
    status: ParticipantStatus
    speaking: bool
    streams: list[Stream]


class Conference(TypedDict):
    id: str
    alias: str


class Recording(TypedDict):
    active: bool
    startedAt: int | None  # milliseconds since 1970 (UTC)


class FilePage(TypedDict):
    """An image. `url` begins with "presentations/": below the room's address; or, in a journal,
    with "journal:": among its objects (mixer/conference/presentation.py)."""

    url: str
    width: int  # pixels
    height: int


class FilePresentation(TypedDict):
    """A file whose pages somebody shows to all."""

    kind: Literal["file"]
    id: str
    ownerId: str  # the participant who presents
    name: str
    pages: list[FilePage]
    page: int  # which of them is shown, from 0


class VideoPresentation(TypedDict):
    """A video that somebody plays to all. What of it is seen when: mixer/conference/playing.py."""

    kind: Literal["video"]
    id: str
    ownerId: str  # the participant who presents
    name: str
    url: str  # http or https
    playing: bool
    positionMs: int  # where in the video it was at `updatedAt`
    updatedAt: NotRequired[int]  # milliseconds since 1970 (UTC) by the server; not in journals
    sinceNs: NotRequired[int]  # of journals: the journal time of `positionMs`
    streamId: NotRequired[str]  # of journals: the stream that carries picture and sound
    object: NotRequired[str]  # of journals: "journal:" and the name of the file, once it is there
    durationMs: NotRequired[int]  # of journals, from then on


Presentation = FilePresentation | VideoPresentation


class State(TypedDict):
    conference: Conference
    participants: list[Participant]
    recording: Recording
    presentation: NotRequired[Presentation]  # absent: nothing is presented


def empty(conference_id: str = "", alias: str = "") -> State:
    """The state before the first event."""
    return {
        "conference": {"id": conference_id, "alias": alias},
        "participants": [],
        "recording": {"active": False, "startedAt": None},
    }


def participant(
    participant_id: str,
    name: str,
    type: ParticipantType = "user",
    *,
    external_id: str = "",
    avatar_url: str = "",
    status: ParticipantStatus = "connected",
) -> Participant:
    """A participant who does not speak and has no streams."""
    return {
        "id": participant_id,
        "externalId": external_id,
        "name": name,
        "avatarUrl": avatar_url,
        "type": type,
        "status": status,
        "speaking": False,
        "streams": [],
    }


def stream(stream_id: str, type: StreamType, *, audio: bool, video: bool) -> Stream:
    """A stream that is not muted and of which no picture has been seen."""
    return {
        "id": stream_id,
        "type": type,
        "audio": {"muted": False} if audio else None,
        "video": {"muted": False, "width": 0, "height": 0, "available": False} if video else None,
    }


def find(state: State, participant_id: str) -> Participant | None:
    """The participant of that id, or None."""
    return next((p for p in state["participants"] if p["id"] == participant_id), None)


def find_stream(state: State, stream_id: str) -> tuple[Participant, Stream] | None:
    """The stream of that id and whose it is, or None."""
    for someone in state["participants"]:
        for one in someone["streams"]:
            if one["id"] == stream_id:
                return someone, one
    return None


def apply(state: State, type: str, data: EventData) -> State:
    """The state after the event. `state` is not touched; unchanged parts are shared with it.

    Total: an unknown type, or an event about somebody who is not there, changes nothing, so that
    a reader of today survives a writer of tomorrow. Adding what is there replaces it where it
    stands; absent fields of what is added get their defaults. The same vectors test this and the
    layout SDK's reducer (tests/conference/reducer_vectors.json).
    """
    reduce = _REDUCERS.get(type)
    return state if reduce is None else reduce(state, data)


def _conference_updated(state: State, data: EventData) -> State:
    return {**state, "conference": cast(Conference, {**state["conference"], **data["conference"]})}


def _participant_added(state: State, data: EventData) -> State:
    new = _complete_participant(data["participant"])
    if find(state, new["id"]) is not None:
        return _with_participant(state, new["id"], lambda _old: new)
    return {**state, "participants": [*state["participants"], new]}


def _participant_updated(state: State, data: EventData) -> State:
    fields = dict(data)
    if "streams" in fields:
        fields["streams"] = [_complete_stream(one) for one in fields["streams"]]
    return _with_participant(state, data["id"], lambda p: cast(Participant, {**p, **fields}))


def _participant_removed(state: State, data: EventData) -> State:
    kept = [p for p in state["participants"] if p["id"] != data["id"]]
    return state if len(kept) == len(state["participants"]) else {**state, "participants": kept}


def _participant_speaking(state: State, data: EventData) -> State:
    speaking = bool(data["speaking"])
    return _with_participant(state, data["id"], lambda p: {**p, "speaking": speaking})


def _stream_added(state: State, data: EventData) -> State:
    new = _complete_stream(data["stream"])

    def add(p: Participant) -> Participant:
        ids = [s["id"] for s in p["streams"]]
        if new["id"] not in ids:
            return {**p, "streams": [*p["streams"], new]}
        return {**p, "streams": [new if s["id"] == new["id"] else s for s in p["streams"]]}

    return _with_participant(state, data["participantId"], add)


def _stream_updated(state: State, data: EventData) -> State:
    changes = {kind: data[kind] for kind in ("audio", "video") if kind in data}

    def update(s: Stream) -> Stream:
        merged = dict(s)
        for key, value in changes.items():
            old = merged.get(key)
            both = isinstance(old, Mapping) and isinstance(value, Mapping)
            merged[key] = {**old, **value} if both else value  # type: ignore[dict-item]
        return cast(Stream, merged)

    def replace(p: Participant) -> Participant:
        if all(s["id"] != data["streamId"] for s in p["streams"]):
            return p
        new = [update(s) if s["id"] == data["streamId"] else s for s in p["streams"]]
        return {**p, "streams": new}

    return _with_participant(state, data["participantId"], replace)


def _stream_removed(state: State, data: EventData) -> State:
    def remove(p: Participant) -> Participant:
        kept = [s for s in p["streams"] if s["id"] != data["streamId"]]
        return p if len(kept) == len(p["streams"]) else {**p, "streams": kept}

    return _with_participant(state, data["participantId"], remove)


def _recording_updated(state: State, data: EventData) -> State:
    return {**state, "recording": cast(Recording, {**state["recording"], **data})}


def _presentation_started(state: State, data: EventData) -> State:
    return {**state, "presentation": data["presentation"]}


def _presentation_updated(state: State, data: EventData) -> State:
    now = state.get("presentation")
    if now is None or now["id"] != data["id"]:
        return state
    return {**state, "presentation": cast(Presentation, {**now, **data})}


def _presentation_stopped(state: State, data: EventData) -> State:
    now = state.get("presentation")
    if now is None or now["id"] != data["id"]:
        return state
    return cast(State, {key: value for key, value in state.items() if key != "presentation"})


def _conference_ended(state: State, data: EventData) -> State:
    return state  # who was there at the end is still to be seen


def _complete_participant(given: EventData) -> Participant:
    streams = [_complete_stream(one) for one in given.get("streams", [])]
    known = participant(str(given["id"]), "")
    return cast(Participant, {**known, **given, "streams": streams})


def _complete_stream(given: EventData) -> Stream:
    known: EventData = {"type": "Camera", "audio": None, "video": None}
    return cast(Stream, {**known, **given})


def _with_participant(
    state: State, participant_id: str, change: Callable[[Participant], Participant]
) -> State:
    """The state with one participant changed; the same object when nothing changes."""
    old = find(state, participant_id)
    if old is None:
        return state
    new = change(old)
    if new is old:
        return state
    return {**state, "participants": [new if p is old else p for p in state["participants"]]}


_REDUCERS: dict[str, Callable[[State, EventData], State]] = {
    "conference.updated": _conference_updated,
    "conference.ended": _conference_ended,
    "participant.added": _participant_added,
    "participant.updated": _participant_updated,
    "participant.removed": _participant_removed,
    "participant.speaking": _participant_speaking,
    "stream.added": _stream_added,
    "stream.updated": _stream_updated,
    "stream.removed": _stream_removed,
    "recording.updated": _recording_updated,
    "presentation.started": _presentation_started,
    "presentation.updated": _presentation_updated,
    "presentation.stopped": _presentation_stopped,
}
