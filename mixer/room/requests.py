"""Which videoroom requests a participant may send, and what of them reaches Janus. Pure.

Bodies are rebuilt from a list of permitted fields, never passed on: Janus would write files for
`record` and `filename`, for instance. The state of a connection is in mixer/room/gate.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mixer.conference.state import ParticipantType

Role = Literal["publisher", "subscriber"]
Json = dict[str, Any]

FORBIDDEN = 403  # JANUS_ERROR_UNAUTHORIZED
INVALID = 456  # JANUS_ERROR_INVALID_ELEMENT_TYPE
MAX_SDP_CHARS = 200_000
MAX_STREAMS = 64
MAX_CANDIDATES = 64

# What a participant of a type may join as a publisher with; only users then publish.
FEEDS: Mapping[ParticipantType, tuple[str, ...]] = {
    "user": ("camera", "screen"),
    "listener": ("listener",),
    "mixer": ("mixer",),
    "robot": ("camera", "screen"),
}
PUBLISHES: frozenset[ParticipantType] = frozenset({"user", "robot"})
SENDING = frozenset({"SEND_AUDIO", "SEND_VIDEO", "SHARE_SCREEN"})


class Refused(Exception):
    """The request is not permitted; becomes a Janus error with this code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Permission:
    """Who sends, and what is put into the requests in their stead."""

    participant_id: str
    type: ParticipantType
    room: str
    pin: str
    max_bitrate_bps: int
    allowed: frozenset[str] = SENDING

    @property
    def feeds(self) -> frozenset[str]:
        return frozenset(f"{self.participant_id}.{name}" for name in FEEDS[self.type])

    @property
    def publishes(self) -> bool:
        return self.type in PUBLISHES

    def kinds(self, feed: str) -> frozenset[str]:
        """Which kinds of media may be sent in that feed."""
        if not self.publishes:
            return frozenset()
        if feed.endswith(".screen"):  # with the sound of what is shared
            return frozenset({"audio", "video"} if "SHARE_SCREEN" in self.allowed else ())
        names = {"audio": "SEND_AUDIO", "video": "SEND_VIDEO"}
        return frozenset(kind for kind, name in names.items() if name in self.allowed)


@dataclass(frozen=True, slots=True)
class Joining:
    """What a permitted join makes of its handle."""

    role: Role
    feed: str  # of a publisher; '' for a subscriber


def permitted_body(
    body: Mapping[str, Any], role: Role | None, permission: Permission
) -> tuple[Json, Joining | None]:
    """The body for Janus, and what it makes of the handle if it joins. Raises Refused."""
    name = body.get("request")
    if name in ("join", "joinandconfigure"):
        return _join(str(name), body, role, permission)
    if name == "listparticipants":
        return {"request": "listparticipants", "room": permission.room}, None
    rules = {"publisher": _PUBLISHER, "subscriber": _SUBSCRIBER, None: {}}[role]
    fields = rules.get(name) if isinstance(name, str) else None
    if fields is None:
        raise Refused(FORBIDDEN, "this request is not permitted here")
    if role == "publisher" and name in ("publish", "configure") and not permission.publishes:
        raise Refused(FORBIDDEN, f"a {permission.type} may not publish")
    return {"request": name, **_kept(body, fields, permission)}, None


def offered_kinds(sdp: str) -> frozenset[str]:
    """The kinds of media of an SDP's sections, "audio" and "video" alone.

    Reads whatever Janus might take for a section (RFC 8866, 5.14, but any case, white space and end
    of line), and rather more than less.
    """
    sections = (line.strip() for line in re.split(r"[\r\n]", sdp))
    kinds = (line[2:].split() for line in sections if line[:2].lower() == "m=")
    return frozenset(words[0].lower() for words in kinds if words) & {"audio", "video"}


def permitted_jsep(jsep: Any, role: Role | None, feed: str, permission: Permission) -> Json:
    """The session description for Janus: offers of publishers, answers of subscribers.

    An offer with a section of a kind that may not be sent in that feed is refused as a whole.
    """
    wanted = "answer" if role == "subscriber" else "offer"
    if not isinstance(jsep, Mapping) or jsep.get("type") != wanted:
        raise Refused(FORBIDDEN, f"only an SDP {wanted} is permitted here")
    if role != "subscriber" and not permission.publishes:
        raise Refused(FORBIDDEN, f"a {permission.type} may not publish")
    sdp = jsep.get("sdp")
    if not isinstance(sdp, str) or len(sdp) > MAX_SDP_CHARS:
        raise Refused(INVALID, "sdp is no text or too long")
    if role != "subscriber" and (more := offered_kinds(sdp) - permission.kinds(feed)):
        what = "a screen" if feed.endswith(".screen") else " and ".join(sorted(more))
        raise Refused(FORBIDDEN, f"you are not permitted to send {what}")
    trickle = {"trickle": jsep["trickle"]} if isinstance(jsep.get("trickle"), bool) else {}
    return {"type": wanted, "sdp": sdp, **trickle}


def permitted_candidates(message: Mapping[str, Any]) -> Json:
    """The `candidate` or `candidates` part of a trickle message. Raises Refused."""
    if "candidates" in message:
        many = message["candidates"]
        if not isinstance(many, list) or len(many) > MAX_CANDIDATES:
            raise Refused(INVALID, "candidates is no list or too long")
        return {"candidates": [_candidate(one) for one in many]}
    return {"candidate": _candidate(message.get("candidate"))}


def _candidate(candidate: Any) -> Json | None:
    if candidate is None:
        return None
    if not isinstance(candidate, Mapping):
        raise Refused(INVALID, "a candidate is an object")
    if candidate.get("completed") is True:
        return {"completed": True}
    valid: dict[str, Callable[[Any], bool]] = {
        "candidate": _short_text,
        "sdpMid": _short_text,
        "sdpMLineIndex": _small_count,
        "usernameFragment": _short_text,
    }
    return {k: candidate[k] for k, ok in valid.items() if k in candidate and ok(candidate[k])}


def _join(
    name: str, body: Mapping[str, Any], role: Role | None, permission: Permission
) -> tuple[Json, Joining]:
    if role is not None:
        raise Refused(FORBIDDEN, "this handle has joined already")
    common = {"request": name, "room": permission.room, "pin": permission.pin}
    ptype = body.get("ptype")
    if ptype == "subscriber" and name == "join":
        kept = _kept(body, _SUBSCRIBE_FIELDS, permission)
        return {**common, "ptype": "subscriber", **kept}, Joining("subscriber", "")
    if ptype != "publisher":
        raise Refused(FORBIDDEN, "ptype is neither publisher nor subscriber")
    feed = body.get("id")
    if not isinstance(feed, str) or feed not in permission.feeds:
        raise Refused(FORBIDDEN, "this feed id is not yours")
    if name == "joinandconfigure" and not permission.publishes:
        raise Refused(FORBIDDEN, f"a {permission.type} may not publish")
    kept = _kept(body, _PUBLISH_FIELDS, permission) if name == "joinandconfigure" else {}
    return {**common, "ptype": "publisher", "id": feed, **kept}, Joining("publisher", feed)


def _kept(
    body: Mapping[str, Any], fields: Mapping[str, Callable[[Any], bool]], permission: Permission
) -> Json:
    kept: Json = {}
    for name, valid in fields.items():
        if name not in body:
            continue
        if not valid(body[name]):
            raise Refused(INVALID, f"{name} is not of the permitted form")
        kept[name] = _clean_streams(body[name]) if name in _STREAM_LISTS else body[name]
    if "bitrate" in kept:
        kept["bitrate"] = min(kept["bitrate"], permission.max_bitrate_bps)
    return kept


def _clean_streams(streams: list[Mapping[str, Any]]) -> list[Json]:
    return [{k: v for k, v in one.items() if k in _STREAM_FIELDS} for one in streams]


def _short_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 1000


def _small_count(value: Any) -> bool:
    """Any 32-bit number: Janus draws private ids from all of them."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 0xFFFFFFFF


def _bool(value: Any) -> bool:
    return isinstance(value, bool)


def _stream_list(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= MAX_STREAMS
        and all(
            isinstance(one, Mapping)
            and all(_short_text(v) or _bool(v) or _small_count(v) for v in one.values())
            for one in value
        )
    )


_STREAM_LISTS = frozenset({"streams", "descriptions", "subscribe", "unsubscribe"})
_STREAM_FIELDS = frozenset(
    {"feed", "mid", "sub_mid", "crossrefid", "send", "keyframe", "description", "substream"}
    | {"temporal"}
)
_PUBLISH_FIELDS: Mapping[str, Callable[[Any], bool]] = {
    "audiocodec": _short_text,
    "videocodec": _short_text,
    "bitrate": _small_count,
    "keyframe": _bool,
    "streams": _stream_list,
    "descriptions": _stream_list,
    "update": _bool,
    "restart": _bool,
}
_SUBSCRIBE_FIELDS: Mapping[str, Callable[[Any], bool]] = {
    "streams": _stream_list,
    "feed": _short_text,
    "use_msid": _bool,
    "autoupdate": _bool,
    "private_id": _small_count,
}
_PUBLISHER: Mapping[str, Mapping[str, Callable[[Any], bool]]] = {
    "publish": _PUBLISH_FIELDS,
    "configure": _PUBLISH_FIELDS,
    "unpublish": {},
    "leave": {},
}
_SUBSCRIBER: Mapping[str, Mapping[str, Callable[[Any], bool]]] = {
    "start": {},
    "pause": {},
    "leave": {},
    "configure": {"streams": _stream_list, "update": _bool, "restart": _bool},
    "subscribe": {"streams": _stream_list},
    "unsubscribe": {"streams": _stream_list},
    "update": {"subscribe": _stream_list, "unsubscribe": _stream_list},
}
