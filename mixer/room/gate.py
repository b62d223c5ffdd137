"""One participant's connection to Janus, as a state machine without input or output.

`outgoing` turns what the participant sends into what Janus gets, or raises Refused; `incoming`
learns from what Janus answers which sessions and handles belong to this connection (Janus itself
would let anybody with the secret use anybody's), and says what became published.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mixer.room.janus_config import VIDEOROOM
from mixer.room.requests import (
    INVALID,
    Joining,
    Json,
    Permission,
    Refused,
    Role,
    offered_kinds,
    permitted_body,
    permitted_candidates,
    permitted_jsep,
)

NO_SESSION = 458  # JANUS_ERROR_SESSION_NOT_FOUND
NO_HANDLE = 459  # JANUS_ERROR_HANDLE_NOT_FOUND
UNKNOWN_REQUEST = 453  # JANUS_ERROR_UNKNOWN_REQUEST
LIMIT = 403
MAX_SESSIONS = 4
MAX_HANDLES = 256
MAX_PENDING = 1024
WITHDRAWN = "mixer-withdrawn"  # begins the transactions of requests that nobody has sent


@dataclass(frozen=True, slots=True)
class Published:
    """A publisher's media is up, or what it sends has changed."""

    feed: str
    audio: bool
    video: bool


@dataclass(frozen=True, slots=True)
class Unpublished:
    feed: str


@dataclass(frozen=True, slots=True)
class Speaking:
    feed: str
    speaking: bool


Observation = Published | Unpublished | Speaking


@dataclass(slots=True)
class _Handle:
    session: int
    role: Role | None = None
    feed: str = ""
    audio: bool = False
    video: bool = False
    up: bool = False
    offered: frozenset[str] = frozenset()  # kinds of media of the last offer that has passed


@dataclass(slots=True)
class _Pending:
    """A request whose answer changes what this connection may do."""

    kind: str
    session: int = 0
    handle: int = 0


@dataclass(slots=True)
class Gate:
    """See the module. `feeds` are the publishers' ids that this connection holds."""

    permission: Permission
    api_secret: str
    _sessions: set[int] = field(default_factory=set)
    _handles: dict[int, _Handle] = field(default_factory=dict)
    _pending: dict[str, _Pending] = field(default_factory=dict)

    @property
    def feeds(self) -> frozenset[str]:
        return frozenset(h.feed for h in self._handles.values() if h.role == "publisher")

    def outgoing(self, message: Any) -> Json:
        """The message for Janus. Raises Refused; nothing has changed then."""
        if not isinstance(message, Mapping):
            raise Refused(INVALID, "a message is a JSON object")
        transaction = message.get("transaction")
        if not isinstance(transaction, str) or not 0 < len(transaction) <= 100:
            raise Refused(INVALID, "transaction is a text of 1 to 100 characters")
        made = self._rebuild(str(message.get("janus")), message, transaction)
        return {**made, "transaction": transaction, "apisecret": self.api_secret}

    def permit(self, allowed: frozenset[str]) -> list[Json]:
        """Other permissions from now on; the requests that end what is sent against them."""
        self.permission = replace(self.permission, allowed=allowed)
        unpublish: Json = {"janus": "message", "body": {"request": "unpublish"}}
        return [
            {
                **unpublish,
                "session_id": handle.session,
                "handle_id": number,
                "transaction": f"{WITHDRAWN}-{number}",
                "apisecret": self.api_secret,
            }
            for number, handle in self._handles.items()
            if handle.offered - self.permission.kinds(handle.feed)
        ]

    def _rebuild(self, kind: str, message: Mapping[str, Any], transaction: str) -> Json:
        if kind == "ping":
            return {"janus": kind}
        if kind == "create":
            if len(self._sessions) >= MAX_SESSIONS:
                raise Refused(LIMIT, "too many sessions")
            self._expect(transaction, _Pending("create"))
            return {"janus": kind}
        session = message.get("session_id")
        if not isinstance(session, int) or session not in self._sessions:
            raise Refused(NO_SESSION, "no such session")
        made: Json = {"janus": kind, "session_id": session}
        if kind in ("keepalive", "destroy"):
            return made
        if kind == "attach":
            return made | self._attach(message, session, transaction)
        number = message.get("handle_id")
        handle = self._handles.get(number) if isinstance(number, int) else None
        if handle is None or handle.session != session:
            raise Refused(NO_HANDLE, "no such handle")
        made["handle_id"] = number
        if kind in ("hangup", "detach"):
            return made
        if kind == "trickle":
            return made | permitted_candidates(message)
        if kind == "message":
            return made | self._message(message, handle, int(number or 0), transaction)
        raise Refused(UNKNOWN_REQUEST, "this kind of message is not permitted")

    def _attach(self, message: Mapping[str, Any], session: int, transaction: str) -> Json:
        if message.get("plugin") != VIDEOROOM:
            raise Refused(LIMIT, f"only {VIDEOROOM} is permitted")
        if len(self._handles) >= MAX_HANDLES:
            raise Refused(LIMIT, "too many handles")
        self._expect(transaction, _Pending("attach", session=session))
        return {"plugin": VIDEOROOM}

    def _message(
        self, message: Mapping[str, Any], handle: _Handle, number: int, transaction: str
    ) -> Json:
        body = message.get("body")
        if not isinstance(body, Mapping):
            raise Refused(INVALID, "body is a JSON object")
        permitted, joining = permitted_body(body, handle.role, self.permission)
        role = joining.role if joining else handle.role
        made: Json = {"body": permitted}
        if message.get("jsep") is not None:
            feed = joining.feed if joining else handle.feed
            made["jsep"] = permitted_jsep(message["jsep"], role, feed, self.permission)
        if joining is not None:
            self._join(handle, number, joining, transaction)
        if "jsep" in made and role == "publisher":
            handle.offered = offered_kinds(made["jsep"]["sdp"])
        return made

    def _join(self, handle: _Handle, number: int, joining: Joining, transaction: str) -> None:
        if joining.feed and joining.feed in self.feeds:
            raise Refused(LIMIT, "this feed is held by another handle of this connection")
        self._expect(transaction, _Pending("join", handle=number))
        handle.role, handle.feed = joining.role, joining.feed

    def _expect(self, transaction: str, pending: _Pending) -> None:
        if len(self._pending) >= MAX_PENDING or transaction in self._pending:
            raise Refused(LIMIT, "too many requests at once, or a transaction used twice")
        self._pending[transaction] = pending

    def incoming(self, message: Mapping[str, Any]) -> list[Observation]:
        """Learns from a message of Janus to the participant."""
        kind = message.get("janus")
        if kind == "ack":
            return []
        pending = self._pending.pop(str(message.get("transaction", "")), None)
        if kind == "success" and pending is not None:
            self._succeeded(pending, message)
            return []
        if kind == "error":
            self._join_failed(pending)
            return []
        number = message.get("sender")
        if not isinstance(number, int) or number not in self._handles:
            return []
        return self._handle_event(str(kind), number, message, pending)

    def _handle_event(
        self, kind: str, number: int, message: Mapping[str, Any], pending: _Pending | None
    ) -> list[Observation]:
        handle = self._handles[number]
        if kind == "webrtcup" and handle.role == "publisher":
            handle.up = True
            return [Published(handle.feed, handle.audio, handle.video)]
        if kind == "hangup":
            return _taken_down(handle)
        if kind == "detached":
            del self._handles[number]
            return _taken_down(handle)
        data = message.get("plugindata", {}).get("data", {})
        if kind != "event" or not isinstance(data, Mapping):
            return []
        if "error_code" in data:
            self._join_failed(pending)
            return []
        observations = _plugin_event(handle, data)
        if "ok" in (data.get("leaving"), data.get("left")):
            handle.role, handle.feed = None, ""
        return observations

    def _succeeded(self, pending: _Pending, message: Mapping[str, Any]) -> None:
        number = message.get("data", {}).get("id")
        if not isinstance(number, int):
            return
        if pending.kind == "create":
            self._sessions.add(number)
        elif pending.kind == "attach":
            self._handles[number] = _Handle(pending.session)

    def _join_failed(self, pending: _Pending | None) -> None:
        if pending is not None and pending.kind == "join" and pending.handle in self._handles:
            handle = self._handles[pending.handle]
            handle.role, handle.feed = None, ""


def _plugin_event(handle: _Handle, data: Mapping[str, Any]) -> list[Observation]:
    """What a videoroom event on a publisher's handle says about this publisher itself."""
    if handle.role != "publisher":
        return []
    if "unpublished" in data and data["unpublished"] in ("ok", handle.feed):
        return _taken_down(handle)
    if data.get("leaving") == "ok" or data.get("videoroom") == "destroyed":
        return _taken_down(handle)
    if isinstance(data.get("streams"), list):  # the answer to what was offered
        active = [s for s in data["streams"] if isinstance(s, Mapping) and not s.get("disabled")]
        kinds = {s.get("type") for s in active}
        before = (handle.audio, handle.video)
        handle.audio, handle.video = "audio" in kinds, "video" in kinds
        changed = handle.up and before != (handle.audio, handle.video)
        return [Published(handle.feed, handle.audio, handle.video)] if changed else []
    if data.get("id") == handle.feed and data.get("videoroom") in ("talking", "stopped-talking"):
        return [Speaking(handle.feed, data["videoroom"] == "talking")]
    return []


def _taken_down(handle: _Handle) -> list[Observation]:
    was_up, handle.up = handle.up, False
    return [Unpublished(handle.feed)] if was_up else []
