"""The conference's state: one reducer, its checks, and differences."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixer.conference.difference import as_events, difference
from mixer.conference.schema import EVENT_TYPES, InvalidEvent, check_event, check_state
from mixer.conference.state import State, apply, empty, find_stream, participant, stream
from tests.fuzz import examples

VECTORS = json.loads((Path(__file__).parent / "reducer_vectors.json").read_text(encoding="utf-8"))

ids = st.sampled_from(["a", "b", "c"])
names = st.sampled_from(["Ada", "Grace", "‮Алан"])


@st.composite
def streams(draw: st.DrawFn, participant_id: str) -> list[Any]:
    made = []
    for kind, type in (("camera", "Camera"), ("screen", "ScreenShare")):
        if draw(st.booleans()):
            one = stream(
                f"{participant_id}.{kind}",
                type,  # type: ignore[arg-type]
                audio=draw(st.booleans()),
                video=draw(st.booleans()),
            )
            if one["audio"] is not None:
                one["audio"]["muted"] = draw(st.booleans())
            if one["video"] is not None:
                one["video"]["width"] = draw(st.sampled_from([0, 320, 1280]))
            made.append(one)
    return made


@st.composite
def states(draw: st.DrawFn) -> State:
    state = empty(draw(st.sampled_from(["c1", "c2"])), "weekly")
    for id in draw(st.lists(ids, unique=True)):
        someone = participant(id, draw(names))
        someone["speaking"] = draw(st.booleans())
        someone["streams"] = draw(streams(id))
        state["participants"].append(someone)
    if draw(st.booleans()):
        state["recording"] = {"active": True, "startedAt": 1_700_000_000_000}
    return state


def reduced(state: State, events: list[tuple[str, dict[str, Any]]]) -> State:
    for type, data in events:
        state = apply(state, type, check_event(type, data))
    return state


def by_id(state: State) -> dict[str, Any]:
    """Comparable without the order of participants and streams."""
    people = {
        p["id"]: {**p, "streams": {s["id"]: s for s in p["streams"]}} for p in state["participants"]
    }
    return {**state, "participants": people}


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda v: v["name"])
def test_the_reducer_agrees_with_the_layout_sdks(vector: dict[str, Any]) -> None:
    """The vectors that the SDK's JavaScript reducer is tested with hold here too, purely."""
    before = copy.deepcopy(vector["state"])
    state = vector["state"]
    for event in vector["events"]:
        state = apply(state, event["type"], event["data"])
    assert state == vector["expected"]
    assert vector["state"] == before


@given(states(), states())
def test_the_difference_of_two_states_leads_from_one_to_the_other(old: State, new: State) -> None:
    """Applying difference(old, new) to old gives new; nothing given is changed by it."""
    untouched = copy.deepcopy((old, new))
    assert by_id(reduced(old, difference(old, new))) == by_id(new)
    assert (old, new) == untouched
    assert difference(new, new) == []


@given(states())
def test_a_state_can_be_built_from_nothing(state: State) -> None:
    """as_events is what ingest journals at its start: it gives the very same state."""
    check_state(state)
    assert reduced(empty(), as_events(state)) == state


@pytest.mark.parametrize(
    ("type", "data"),
    [
        ("participant.added", {}),
        ("participant.added", {"participant": {"name": "Ada"}}),
        ("participant.added", {"participant": {"id": "a", "streams": [{"id": 7}]}}),
        ("participant.updated", {"id": "a", "type": "king"}),
        ("participant.speaking", {"id": "a", "speaking": "yes"}),
        ("stream.added", {"participantId": "a", "stream": {"id": "s", "video": {"width": 1}}}),
        ("stream.updated", {"participantId": "a", "streamId": "s", "video": {"width": -1}}),
        ("stream.updated", {"participantId": "a", "audio": {"muted": True}}),
        ("recording.updated", {"active": None}),
        ("recording.updated", ["active"]),
        ("unheard.of", "text"),
    ],
)
def test_events_of_a_wrong_form_are_refused(type: str, data: Any) -> None:
    """What apply could stumble over never reaches it."""
    with pytest.raises(InvalidEvent):
        check_event(type, data)


@settings(max_examples=examples(40))
@given(st.sampled_from(sorted(EVENT_TYPES)), states(), st.data())
def test_what_passes_the_check_never_makes_the_reducer_fail(
    type: str, state: State, data: st.DataObject
) -> None:
    """Events of any content either are refused or can be applied, and the result is a state."""
    leaf = st.none() | st.booleans() | st.integers() | st.text(max_size=4) | ids
    fields = ["id", "participantId", "streamId", "conference", "participant", "stream", "speaking"]
    fields += ["audio", "video", "active", "startedAt", "streams", "type", "muted", "width", "name"]
    keys = st.sampled_from(fields)
    value = st.recursive(leaf, lambda inner: st.dictionaries(keys, inner) | st.lists(inner))
    event = data.draw(st.dictionaries(keys, value))
    try:
        checked = check_event(type, event)
    except InvalidEvent:
        return
    check_state(apply(state, type, checked))


def test_unknown_fields_and_types_are_carried_along() -> None:
    """A newer writer's events do no harm, and its fields are kept for who knows them."""
    state = apply(empty(), "participant.added", {"participant": {"id": "a", "mood": "fine"}})
    assert state["participants"][0]["mood"] == "fine"  # type: ignore[typeddict-item]
    assert apply(state, "weather.changed", {"rain": True}) is state
    assert find_stream(state, "a.camera") is None
