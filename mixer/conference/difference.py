"""The events that lead from one state of a conference to another.

Used after a lost connection: who follows events sees the difference as ordinary events instead of
having to know of reconnections. Pure; its inverse is `mixer.conference.state.apply`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mixer.conference.state import Participant, State, Stream, empty

ConferenceEvent = tuple[str, dict[str, Any]]

_PRESENTATION_CHANGES = (
    "page",
    "playing",
    "positionMs",
    "updatedAt",
    "sinceNs",
    "object",
    "durationMs",
)
_CHANGEABLE = ("externalId", "name", "avatarUrl", "type", "status")


def as_events(state: State) -> list[ConferenceEvent]:
    """The events that build `state` from nothing: what ingest journals at its start."""
    return difference(empty(), state)


def difference(old: State, new: State) -> list[ConferenceEvent]:
    """Events such that applying them to `old` in order gives `new` (up to participants' order)."""
    events: list[ConferenceEvent] = []
    if old["conference"] != new["conference"]:
        events.append(("conference.updated", {"conference": dict(new["conference"])}))
    ended, begun = _presentation_difference(old, new)
    events += ended
    before = {p["id"]: p for p in old["participants"]}
    after = {p["id"]: p for p in new["participants"]}
    events += [("participant.removed", {"id": id}) for id in before if id not in after]
    for id, someone in after.items():
        if id not in before:
            events.append(("participant.added", {"participant": dict(someone)}))
        else:
            events += _participant_difference(before[id], someone)
    if old["recording"] != new["recording"]:
        events.append(("recording.updated", dict(new["recording"])))
    return events + begun


def _presentation_difference(
    old: State, new: State
) -> tuple[list[ConferenceEvent], list[ConferenceEvent]]:
    """What ends before others leave, and what begins after they have come."""
    before, after = old.get("presentation"), new.get("presentation")
    if before == after:
        return [], []
    if before and after and _fixed(before) == _fixed(after):
        changed = {k: v for k, v in after.items() if before.get(k) != v}
        return [], [("presentation.updated", {"id": after["id"], **changed})]
    ended: list[ConferenceEvent] = []
    if before:
        ended.append(("presentation.stopped", {"id": before["id"]}))
    return ended, [("presentation.started", {"presentation": dict(after)})] if after else []


def _fixed(presentation: Mapping[str, Any]) -> dict[str, Any]:
    """What of a presentation stays from its start to its end."""
    return {k: v for k, v in presentation.items() if k not in _PRESENTATION_CHANGES}


def _participant_difference(old: Participant, new: Participant) -> list[ConferenceEvent]:
    events: list[ConferenceEvent] = []
    changed = {k: new.get(k) for k in _CHANGEABLE if old.get(k) != new.get(k)}
    if changed:
        events.append(("participant.updated", {"id": new["id"], **changed}))
    events += _streams_difference(new["id"], old["streams"], new["streams"])
    if old["speaking"] != new["speaking"]:
        speaking = {"id": new["id"], "speaking": new["speaking"]}
        events.append(("participant.speaking", speaking))
    return events


def _streams_difference(
    participant_id: str, old: list[Stream], new: list[Stream]
) -> list[ConferenceEvent]:
    before = {s["id"]: s for s in old}
    after = {s["id"]: s for s in new}
    events: list[ConferenceEvent] = []
    for id in before:
        if id not in after or before[id]["type"] != after[id]["type"]:
            gone = {"participantId": participant_id, "streamId": id}
            events.append(("stream.removed", gone))
    for id, one in after.items():
        if id not in before or before[id]["type"] != one["type"]:
            added = {"participantId": participant_id, "stream": dict(one)}
            events.append(("stream.added", added))
            continue
        changed = {k: one[k] for k in ("audio", "video") if before[id][k] != one[k]}
        if changed:
            data = {"participantId": participant_id, "streamId": id, **changed}
            events.append(("stream.updated", data))
    return events
