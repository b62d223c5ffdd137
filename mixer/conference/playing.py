"""Where a video that is presented stands: in a room by its clock, in a journal by the journal's.

A room says where the video was at a moment of its clock (`positionMs` at `updatedAt`), a journal at
one of its time (`positionMs` at `sinceNs`): ingest puts the one in the other's place. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from mixer.clock import MILLISECOND
from mixer.conference.state import State, VideoPresentation

IN_STEP_MS = 40  # a difference that nobody sees or hears: clocks and networks make smaller ones


def position_ms(shown: Mapping[str, Any], now_ms: int) -> int:
    """Where a room's presentation is at a moment of the server's clock."""
    gone_ms = max(0, now_ms - int(shown.get("updatedAt", now_ms))) if shown["playing"] else 0
    return int(shown["positionMs"]) + gone_ms


def brought_to(state: State, now_ms: int) -> State:
    """A room's state as it is told at that moment: with the position of then. Who is told it need
    not know the server's clock."""
    shown = state.get("presentation")
    if shown is None or shown["kind"] != "video" or not shown["playing"]:
        return state
    moved = {**shown, "positionMs": position_ms(shown, now_ms), "updatedAt": now_ms}
    return {**state, "presentation": cast(VideoPresentation, moved)}


def received(type: str, data: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
    """A state ("state") or an event as the room tells it, with our own clock in the place of the
    room's: it holds at the moment at which it comes."""
    if type == "presentation.updated" and "updatedAt" in data:
        return {**data, "updatedAt": now_ms}
    shown = data.get("presentation")
    if shown is None or "updatedAt" not in shown:
        return dict(data)
    return {**data, "presentation": {**shown, "updatedAt": now_ms}}


def stream_id(shown: Mapping[str, Any]) -> str:
    """The stream of a journal that carries the video: one of who presents it."""
    return f"{shown['ownerId']}.{shown['id']}"


def journalled_video(shown: Mapping[str, Any], t_ns: int) -> dict[str, Any]:
    """A room's presentation, told of at a journal time, as the journal has it."""
    kept = {key: value for key, value in shown.items() if key != "updatedAt"}
    return {**kept, "sinceNs": t_ns, "streamId": stream_id(shown)}


def journal_position_ns(shown: Mapping[str, Any], t_ns: int) -> int:
    """Where in the video a journal's presentation is at a journal time."""
    gone_ns = max(0, t_ns - int(shown["sinceNs"])) if shown["playing"] else 0
    return int(shown["positionMs"]) * MILLISECOND + gone_ns


def in_step(shown: Mapping[str, Any], changes: Mapping[str, Any], t_ns: int) -> bool:
    """Whether a journal's presentation is, at a journal time, where `changes` say it is."""
    if changes.get("playing", shown["playing"]) != shown["playing"]:
        return False
    told_ns = int(changes.get("positionMs", shown["positionMs"])) * MILLISECOND
    return abs(told_ns - journal_position_ns(shown, t_ns)) < IN_STEP_MS * MILLISECOND
