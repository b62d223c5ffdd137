"""The conference itself, without network: what becomes an event, what is bounded."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mixer.conference.state import State, apply, empty, find_stream
from mixer.room.attendance import QUEUE_EVENTS, Attendance, Follower
from mixer.room.gate import Published, Speaking, Unpublished
from mixer.room.live import LiveConference, RoomFull
from tests.room.serving import until

PROFILE = {"name": "Ada", "externalId": "", "avatarUrl": ""}


class Line:
    """A connection to Janus as far as the conference knows it."""

    def __init__(self, *feeds: str) -> None:
        self.feeds = frozenset(feeds)
        self.closed: tuple[int, str] | None = None
        self.permitted: frozenset[str] | None = None

    def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)

    def permit(self, permissions: frozenset[str]) -> None:
        self.permitted = permissions


def conference(grace_s: float = 60.0, places: int = 10) -> LiveConference:
    return LiveConference("r", grace_s=grace_s, max_participants=places, wall_ms=lambda: 1234)


def joined(live: LiveConference, id: str = "ada", type: Any = "user") -> Attendance:
    live.join(id, f"token of {id}", type, PROFILE)
    return live.attendances[id]


async def read(follower: Follower) -> State:
    """The state that a reader of everything so far has."""
    state = empty()
    while True:
        try:
            event = await follower.get(0.01)
        except TimeoutError:
            return state
        if event is None:
            return state
        state = event[1] if event[0] == "state" else apply(state, *event)  # type: ignore[assignment]


async def test_a_reader_arrives_at_the_same_state() -> None:
    """Whatever happens, and whenever the reader comes, the events lead to the server's state."""
    live = conference()
    early = live.follow(None)
    joined(live)
    live.connected("ada", Line("ada.camera"))
    live.observe("ada", Published("ada.camera", True, True))
    middle = live.follow("ada")
    live.observe("ada", Speaking("ada.camera", True))
    live.update("ada", {"name": "Ada K"}, {"camera": {"video": {"muted": True}}})
    joined(live, "rec", "mixer")
    live.observe("ada", Published("ada.screen", False, True))
    live.observe("ada", Unpublished("ada.camera"))
    for follower in (early, middle, live.follow(None)):
        assert await read(follower) == live.state
    assert live.state["recording"] == {"active": True, "startedAt": 1234}
    assert not live.state["participants"][0]["speaking"], "who sends no sound does not speak"


async def test_a_slow_reader_is_dropped() -> None:
    """A reader who does not read gets what was queued, then the end; the others go on."""
    live = conference()
    slow, quick = live.follow(None), live.follow(None)
    joined(live)
    seen = await read(quick)
    for number in range(QUEUE_EVENTS + 10):
        live.update("ada", {"name": f"Ada {number}"}, {})
        seen = {**seen, **(await read(quick))} if number % 100 == 0 else seen
    assert slow.dropped and not quick.dropped
    got = 0
    while await slow.get(0.01) is not None:
        got += 1
    assert got == QUEUE_EVENTS
    assert await read(live.follow(None)) == live.state


async def test_mute_is_remembered_for_streams_to_come() -> None:
    """Muted before publishing, or while Janus restarts: the stream comes muted."""
    live = conference()
    joined(live)
    live.update("ada", {}, {"camera": {"audio": {"muted": True}}})
    live.observe("ada", Published("ada.camera", True, True))
    found = find_stream(live.state, "ada.camera")
    assert found is not None
    assert found[1]["audio"] == {"muted": True}
    assert found[1]["video"] is not None and not found[1]["video"]["muted"]


async def test_who_mutes_stops_speaking_at_once() -> None:
    """No second of a glowing border around somebody who is muted."""
    live = conference()
    joined(live)
    live.observe("ada", Published("ada.camera", True, True))
    live.observe("ada", Speaking("ada.camera", True))
    live.update("ada", {}, {"camera": {"audio": {"muted": True}}})
    assert not live.state["participants"][0]["speaking"]


async def test_streams_survive_a_lost_connection_for_the_grace() -> None:
    """A stream published again in time has never been away; one that is not goes."""
    live = conference(grace_s=0.2)
    joined(live)
    follower = live.follow("ada")
    first, second = Line("ada.camera", "ada.screen"), Line("ada.camera")
    live.connected("ada", first)
    live.observe("ada", Published("ada.camera", True, True))
    live.observe("ada", Published("ada.screen", False, True))
    live.disconnected("ada", first, first.feeds)
    live.connected("ada", second)
    live.observe("ada", Published("ada.camera", True, True))
    await until(lambda: find_stream(live.state, "ada.screen") is None, "the screen to go")
    assert find_stream(live.state, "ada.camera") is not None
    events = []
    while live.state["participants"] and (event := await follower.get(1)) is not None:
        events.append(event)
        if event[0] == "stream.removed":
            break
    assert [e[1].get("streamId") for e in events if e[0] == "stream.removed"] == ["ada.screen"]
    live.close()


async def test_presence_needs_events_or_janus() -> None:
    """Either keeps a participant; without both they go after the grace, and are told so."""
    live = conference(grace_s=0.1)
    attendance = joined(live)
    follower, line = live.follow("ada"), Line()
    live.connected("ada", line)
    live.unfollow(follower, "ada")
    await asyncio.sleep(0)
    assert attendance.leaving is None
    live.disconnected("ada", line, frozenset())
    assert attendance.leaving is not None
    again = live.follow("ada")
    assert attendance.leaving is None
    live.unfollow(again, "ada")
    await until(lambda: not live.attendances, "Ada to have left")
    assert live.state["participants"] == []


async def test_leaving_and_ending_close_connections() -> None:
    """Who leaves loses what they have open; who is there at the end is told, then closed."""
    live = conference()
    for id in ("ada", "bob"):
        joined(live, id)
    ada, bob = Line("ada.camera"), Line()
    live.connected("ada", ada)
    live.connected("bob", bob)
    follower = live.follow("bob")
    live.leave("ada", "left")
    assert ada.closed == (4000, "left")
    assert bob.closed is None
    live.end("ended")
    assert bob.closed is not None and bob.closed[0] == 4001
    last = None
    while (event := await follower.get(1)) is not None:
        last = event
    assert last == ("conference.ended", {"reason": "ended"})


async def test_a_room_has_its_places() -> None:
    """The place after the last is refused; who comes back with their token needs none."""
    live = conference(places=2)
    joined(live, "a")
    joined(live, "b")
    with pytest.raises(RoomFull):
        joined(live, "c")
    joined(live, "a")
    assert len(live.state["participants"]) == 2


class Notes:
    """An observer who writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def joined(self, conference: LiveConference, attendance: Attendance) -> None:
        self.told.append(("joined", attendance.id))

    def left(
        self, conference: LiveConference, attendance: Attendance, someone: Any, reason: str
    ) -> None:
        assert someone["id"] == attendance.id
        self.told.append((f"left {reason}", attendance.id))

    def changed(self, conference: LiveConference, type: str, data: dict[str, Any]) -> None:
        pass


async def test_an_observer_hears_of_every_coming_and_going() -> None:
    """Whoever leaves for whatever reason is told once, also those who are there at the end."""
    notes = Notes()
    live = LiveConference("r", grace_s=0.01, max_participants=9, wall_ms=lambda: 1, observer=notes)
    for id in ("ada", "bob", "carl", "dora"):
        joined(live, id)
        if id != "carl":
            live.follow(id)
    live.leave("ada", "left")
    live.kick("bob")
    await until(lambda: "carl" not in live.attendances, "carl to be given up")
    live.end("ended")
    assert notes.told[4:] == [
        ("left left", "ada"),
        ("left kicked", "bob"),
        ("left gone", "carl"),
        ("left ended", "dora"),
    ]


async def test_the_kicked_are_told_and_known() -> None:
    """Their readers hear it before the end, their connections are closed for it, nobody else's."""
    live = conference()
    joined(live, "ada")
    joined(live, "bob")
    line, reader, other = Line(), live.follow("ada"), live.follow("bob")
    live.connected("ada", line)
    live.kick("ada")
    assert line.closed == (4003, "kicked")
    types = []
    while (event := await reader.get(1)) is not None:
        types.append(event[0])
    assert types.index("kicked") < types.index("participant.removed")
    assert live.was_kicked("ada") and not live.was_kicked("bob")
    assert [p["id"] for p in (await read(other))["participants"]] == ["bob"]


async def test_permissions_are_told_to_whose_they_are() -> None:
    """A change reaches their readers and connections, and nobody else; the same again does not."""
    live = conference()
    joined(live, "ada")
    joined(live, "bob")
    line, reader, other = Line(), live.follow("ada"), live.follow("bob")
    live.connected("ada", line)
    for _ in range(2):
        live.permit("ada", frozenset({"JOIN"}))
    live.tell("message", {"from": "x", "message": "y"}, ["bob", "nobody"])
    live.close()

    async def all_of(follower: Follower) -> list[str]:
        types = []
        while (event := await follower.get(1)) is not None:
            types.append(event[0])
        return types

    assert line.permitted == frozenset({"JOIN"})
    assert (await all_of(reader)).count("permissions.updated") == 1
    told = await all_of(other)
    assert "permissions.updated" not in told and told.count("message") == 1


async def test_speaking_is_counted() -> None:
    """The time between the events, also of somebody who speaks still."""
    live = conference()
    ada = joined(live)
    assert ada.spoken_ms == 0
    live.observe("ada", Speaking("ada.camera", True))
    await until(lambda: ada.spoken_ms >= 20, "some speech")
    live.observe("ada", Speaking("ada.camera", False))
    await until(lambda: not live.state["participants"][0]["speaking"], "silence")
    assert ada.spoken_ms == ada.spoken_ms > 20
