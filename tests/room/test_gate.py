"""What may pass to Janus, as pure functions: every refusal leaves the gate as it was."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mixer.conference.state import ParticipantType
from mixer.room.gate import Gate, Published, Speaking, Unpublished
from mixer.room.requests import Permission, Refused, offered_kinds

AUDIO, VIDEO = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n", "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n"
OFFER = {"type": "offer", "sdp": "v=0"}


class Talk:
    """A gate with a Janus that answers as Janus does."""

    def __init__(self, type: ParticipantType = "user", *allowed: str) -> None:
        permission = Permission("ann", type, "weekly", "pin", 2_000_000)
        if allowed:
            permission = replace(permission, allowed=frozenset(allowed))
        self.gate = Gate(permission, "secret")
        self._number = 0

    def send(self, **message: Any) -> dict[str, Any]:
        self._number += 1
        return self.gate.outgoing({"transaction": f"t{self._number}", **message})

    def answer(self, **message: Any) -> list[Any]:
        return self.gate.incoming({"transaction": f"t{self._number}", **message})

    def attached(self, handle: int = 7) -> Talk:
        if not self.gate._sessions:
            self.send(janus="create")
            self.answer(janus="success", data={"id": 1})
        self.send(janus="attach", session_id=1, plugin="janus.plugin.videoroom")
        self.answer(janus="success", session_id=1, data={"id": handle})
        return self

    def ask(self, handle: int = 7, jsep: Any = None, **body: Any) -> dict[str, Any]:
        extra = {"jsep": jsep} if jsep else {}
        return self.send(janus="message", session_id=1, handle_id=handle, body=body, **extra)

    def event(self, handle: int = 7, **data: Any) -> list[Any]:
        return self.answer(janus="event", sender=handle, plugindata={"data": data})

    def joined(self, feed: str = "ann.camera") -> Talk:
        self.attached().ask(request="join", ptype="publisher", id=feed)
        self.event(videoroom="joined", id=feed)
        return self


def test_room_pin_and_secret_are_put_in() -> None:
    """Whatever a participant sends, the room is theirs and the secrets are the server's."""
    sent = Talk().attached().ask(request="join", ptype="publisher", id="ann.camera", room="other")
    assert sent["apisecret"] == "secret"
    assert sent["body"] == {
        "request": "join",
        "ptype": "publisher",
        "id": "ann.camera",
        "room": "weekly",
        "pin": "pin",
    }


def test_only_listed_fields_pass() -> None:
    """Janus would write files for `record`; bitrates are bounded; streams keep what is needed."""
    sent = (
        Talk()
        .joined()
        .ask(
            request="publish",
            jsep=OFFER | {"e2ee": True},
            record=True,
            filename="/etc/passwd",
            display="x",
            bitrate=50_000_000,
            streams=[{"mid": "0", "send": True, "rtp_forward": "x"}],
        )
    )
    assert sent["body"] == {
        "request": "publish",
        "bitrate": 2_000_000,
        "streams": [{"mid": "0", "send": True}],
    }
    assert sent["jsep"] == OFFER


@pytest.mark.parametrize(
    "body",
    [
        {"request": "create", "room": "mine"},
        {"request": "destroy", "room": "weekly"},
        {"request": "kick", "id": "bob.camera"},
        {"request": "moderate", "id": "bob.camera", "mute": True},
        {"request": "rtp_forward", "host": "example.org"},
        {"request": "enable_recording", "record": True},
        {"request": "edit"},
        {"request": "list"},
        {"request": ["join"]},
        {"request": {"join": 1}},
        {},
        {"request": "join", "ptype": "publisher", "id": "bob.camera"},
        {"request": "join", "ptype": "publisher"},
        {"request": "join", "ptype": "publisher", "id": ["ann.camera"]},
        {"request": "join", "ptype": "admin", "id": "ann.camera"},
        {"request": "joinandconfigure", "ptype": "subscriber", "streams": []},
        {"request": "publish"},
        {"request": "start"},
        {"request": "join", "ptype": "subscriber", "streams": [{"feed": {"deep": 1}}]},
        {"request": "join", "ptype": "subscriber", "streams": [{"feed": "x"}] * 1000},
    ],
)
def test_everything_else_is_refused(body: dict[str, Any]) -> None:
    """Requests about rooms, about others, or out of turn never reach Janus."""
    with pytest.raises(Refused):
        Talk().attached().ask(**body)


@pytest.mark.parametrize(
    "message",
    [
        None,
        [],
        {"janus": "create"},
        {"janus": "create", "transaction": 7},
        {"janus": "create", "transaction": "x" * 200},
        {"janus": "info", "transaction": "a"},
        {"janus": "claim", "transaction": "a", "session_id": 99},
        {"janus": "keepalive", "transaction": "a", "session_id": 99},
        {
            "janus": "attach",
            "transaction": "a",
            "session_id": 1,
            "plugin": "janus.plugin.streaming",
        },
        {"janus": "message", "transaction": "a", "session_id": 1, "handle_id": 99, "body": {}},
        {"janus": "message", "transaction": "a", "session_id": 1, "handle_id": 7, "body": []},
        {"janus": "detach", "transaction": "a", "session_id": 1, "handle_id": True},
        {"janus": "add_token", "transaction": "a", "session_id": 1},
    ],
)
def test_sessions_and_handles_of_others_do_not_exist(message: Any) -> None:
    """Only what this connection has made itself can be used by it."""
    with pytest.raises(Refused):
        Talk().attached().gate.outgoing(message)


@pytest.mark.parametrize("type", ["mixer", "listener"])
def test_mixers_and_listeners_hear_of_publishers_but_do_not_publish(type: ParticipantType) -> None:
    """They join under an id of their own; publishing in any way is refused."""
    talk = Talk(type).joined(f"ann.{type}")
    for request in ("publish", "configure"):
        with pytest.raises(Refused):
            talk.ask(request=request, jsep=OFFER)
    with pytest.raises(Refused):
        talk.ask(request="listparticipants", jsep=OFFER)
    with pytest.raises(Refused):
        Talk(type).attached().ask(
            request="joinandconfigure", ptype="publisher", id=f"ann.{type}", jsep=OFFER
        )
    with pytest.raises(Refused):
        Talk(type).attached().ask(request="join", ptype="publisher", id="ann.camera")


def test_a_refused_join_leaves_the_handle_free() -> None:
    """After Janus or the gate has said no to a join, the handle can join as something else."""
    talk = Talk().attached()
    talk.ask(request="join", ptype="publisher", id="ann.camera")
    talk.event(videoroom="event", error_code=436, error="exists")
    assert talk.gate.feeds == frozenset()
    talk.ask(request="join", ptype="subscriber", streams=[{"feed": "bob.camera"}])
    talk.event(videoroom="attached")
    assert talk.ask(request="start", jsep={"type": "answer", "sdp": "v=0"})["jsep"]["sdp"] == "v=0"
    with pytest.raises(Refused):
        talk.ask(request="start", jsep=OFFER)


def test_one_feed_one_handle() -> None:
    """The same feed cannot be joined twice on one connection; another feed can."""
    talk = Talk().joined("ann.camera").attached(8)
    with pytest.raises(Refused):
        talk.ask(8, request="join", ptype="publisher", id="ann.camera")
    talk.ask(8, request="join", ptype="publisher", id="ann.screen")
    assert talk.gate.feeds == {"ann.camera", "ann.screen"}


@pytest.mark.parametrize("request_name", ["publish", "joinandconfigure"])
def test_what_is_published_is_learnt_from_janus(request_name: str) -> None:
    """Streams come with the media, follow the negotiated kinds, and go with it."""
    talk = Talk().attached()
    streams = [{"type": "audio", "mid": "0"}, {"type": "video", "mid": "1"}]
    if request_name == "publish":
        talk.ask(request="join", ptype="publisher", id="ann.camera")
        talk.event(videoroom="joined")
        talk.ask(request="publish", jsep=OFFER)
        assert talk.event(videoroom="event", configured="ok", streams=streams) == []
    else:
        talk.ask(request="joinandconfigure", ptype="publisher", id="ann.camera", jsep=OFFER)
        assert talk.event(videoroom="joined", streams=streams) == []
    assert talk.answer(janus="webrtcup", sender=7) == [Published("ann.camera", True, True)]
    talk.ask(request="configure", jsep=OFFER)
    fewer = [streams[0], {**streams[1], "disabled": True}]
    changed = talk.event(videoroom="event", configured="ok", streams=fewer)
    assert changed == [Published("ann.camera", True, False)]
    assert talk.event(videoroom="talking", id="ann.camera") == [Speaking("ann.camera", True)]
    assert talk.event(videoroom="talking", id="bob.camera") == []
    assert talk.answer(janus="hangup", sender=7) == [Unpublished("ann.camera")]
    assert talk.answer(janus="detached", sender=7) == []


def test_candidates_are_rebuilt() -> None:
    """A candidate keeps its four fields; too many, or other things, are refused."""
    talk = Talk().attached()
    common = {"janus": "trickle", "session_id": 1, "handle_id": 7}
    sent = talk.send(**common, candidate={"candidate": "c", "sdpMLineIndex": 0, "evil": 1})
    assert sent["candidate"] == {"candidate": "c", "sdpMLineIndex": 0}
    assert talk.send(**common, candidate={"completed": True})["candidate"] == {"completed": True}
    assert talk.send(**common, candidate=None)["candidate"] is None
    wrong: dict[str, Any]
    for wrong in ({"candidates": [{}] * 1000}, {"candidate": "text"}, {"candidates": "x"}):
        with pytest.raises(Refused):
            talk.send(**common, **wrong)


def test_nothing_grows_without_bound() -> None:
    """Sessions and requests without answers are limited."""
    talk = Talk().attached()
    for _ in range(3):
        talk.send(janus="create")
        talk.answer(janus="success", data={"id": 100 + talk._number})
    with pytest.raises(Refused):
        talk.send(janus="create")
    talk = Talk().attached()
    with pytest.raises(Refused):
        for _ in range(10_000):
            talk.send(janus="attach", session_id=1, plugin="janus.plugin.videoroom")


def offer(*sections: str) -> dict[str, str]:
    return {"type": "offer", "sdp": "v=0\r\n" + "".join(sections)}


@pytest.mark.parametrize("request_name", ["publish", "configure", "joinandconfigure"])
@pytest.mark.parametrize(
    ("allowed", "feed", "sections", "passes"),
    [
        ("SEND_AUDIO", "ann.camera", (AUDIO,), True),
        ("SEND_AUDIO", "ann.camera", (AUDIO, VIDEO), False),
        ("SEND_VIDEO", "ann.camera", (VIDEO,), True),
        ("SEND_VIDEO", "ann.camera", (AUDIO,), False),
        ("JOIN", "ann.camera", (AUDIO,), False),
        ("SHARE_SCREEN", "ann.screen", (AUDIO, VIDEO), True),
        ("SHARE_SCREEN", "ann.camera", (VIDEO,), False),
        ("SEND_VIDEO", "ann.screen", (VIDEO,), False),
    ],
)
def test_offers_have_only_permitted_kinds(
    request_name: str, allowed: str, feed: str, sections: tuple[str, ...], passes: bool
) -> None:
    """An offer with a section of a kind that is not permitted in its feed never reaches Janus,
    whichever request carries it."""
    talk = Talk("user", allowed).attached()
    body: dict[str, Any] = {"request": request_name}
    if request_name == "joinandconfigure":
        body |= {"ptype": "publisher", "id": feed}
    else:
        talk.ask(request="join", ptype="publisher", id=feed)
        talk.event(videoroom="joined", id=feed)
    if passes:
        assert "jsep" in talk.ask(jsep=offer(*sections), **body)
        return
    with pytest.raises(Refused):
        talk.ask(jsep=offer(*sections), **body)


@pytest.mark.parametrize(
    "section",
    [
        "m=video 9",
        "M=Video 9",
        " m=video 9",
        "m= video 9",
        "a=x\rm=video 9",
        "m=video\t0",
        "m=video",
    ],
)
def test_sections_are_found_however_they_are_written(section: str) -> None:
    """Whatever a lenient reader of SDP might take for a section counts as one."""
    assert offered_kinds(f"v=0\n{section}\n") == {"video"}


def test_permissions_that_are_taken_away_end_feeds() -> None:
    """What is sent against them is unpublished, by a request like the participant's own; what is
    not goes on; what is offered from then on is judged anew."""
    talk = Talk().joined("ann.camera")
    talk.ask(request="publish", jsep=offer(AUDIO, VIDEO))
    talk.attached(8).ask(8, request="join", ptype="publisher", id="ann.screen")
    talk.event(8, videoroom="joined", id="ann.screen")
    talk.ask(8, request="publish", jsep=offer(VIDEO))
    assert talk.gate.permit(frozenset({"SEND_AUDIO", "SEND_VIDEO", "SHARE_SCREEN"})) == []
    [withdrawn] = talk.gate.permit(frozenset({"SEND_AUDIO", "SHARE_SCREEN"}))
    assert withdrawn["body"] == {"request": "unpublish"}
    assert (withdrawn["session_id"], withdrawn["handle_id"]) == (1, 7)
    assert withdrawn["apisecret"] == "secret"
    with pytest.raises(Refused):
        talk.ask(request="publish", jsep=offer(AUDIO, VIDEO))
    talk.ask(request="publish", jsep=offer(AUDIO))
    assert [one["handle_id"] for one in talk.gate.permit(frozenset())] == [7, 8]
