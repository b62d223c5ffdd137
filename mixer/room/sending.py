"""What the participants of a conference send, as their connections to Janus tell it: streams come
and go, are muted, somebody speaks. Of mixer/room/live.py, whose state it reads, and changes by
events.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mixer.conference.state import SentType, State, Stream, find, find_stream, stream
from mixer.room.attendance import Attendance
from mixer.room.gate import Observation, Published, Speaking

SPEAKING_HOLD_S = 0.8  # a breath is no end of speaking: layouts would flicker
STREAM_TYPES: Mapping[str, SentType] = {"camera": "Camera", "screen": "ScreenShare"}


class SentStreams:
    """`emit` changes the state; `speaks` is told who does, for their attendance. Streams whose
    connection is lost stay for `grace_s`."""

    def __init__(
        self,
        state: Callable[[], State],
        emit: Callable[[str, dict[str, Any]], None],
        speaks: Callable[[str, bool], None],
        grace_s: float,
    ) -> None:
        self._state = state
        self._emit = emit
        self._speaks = speaks
        self._grace_s = grace_s
        self._expiring: dict[str, asyncio.TimerHandle] = {}  # feed -> its removal

    def observe(self, attendance: Attendance, observation: Observation) -> None:
        if isinstance(observation, Published):
            self._publish(attendance, observation)
        elif isinstance(observation, Speaking):
            self._speak(attendance, observation.speaking)
        else:
            self._remove(attendance.id, observation.feed)

    def mute(self, attendance: Attendance, muted: Mapping[str, Any]) -> None:
        """By stream: {"camera": {"audio": {"muted": True}}}; also of streams that come later."""
        id = attendance.id
        for name, kinds in muted.items():
            feed = f"{id}.{name}"
            known = attendance.muted.setdefault(feed, {})
            known.update({kind: change["muted"] for kind, change in kinds.items()})
            found = find_stream(self._state(), feed)
            if found is not None:
                self._set(id, _muted_as_known(found[1], known))
            if known.get("audio") and name == "camera":
                self._change_speaking(id, False)

    def lost(self, id: str, feeds: Iterable[str]) -> None:
        """The connection is gone; its streams stay for the time of grace, then they go too."""
        for feed in feeds:
            if find_stream(self._state(), feed) is not None and feed not in self._expiring:
                loop = asyncio.get_running_loop()
                self._expiring[feed] = loop.call_later(self._grace_s, self._expired, id, feed)

    def forget(self, id: str) -> None:
        """The participant leaves, and their streams with them."""
        for feed in [feed for feed in self._expiring if feed.startswith(f"{id}.")]:
            self._expiring.pop(feed).cancel()

    def close(self) -> None:
        for timer in self._expiring.values():
            timer.cancel()
        self._expiring.clear()

    def _expired(self, id: str, feed: str) -> None:
        self._expiring.pop(feed, None)
        self._remove(id, feed)

    def _speak(self, attendance: Attendance, speaking: bool) -> None:
        """Speaking is told at once, silence after it has lasted."""
        if attendance.falling_silent is not None:
            attendance.falling_silent.cancel()
            attendance.falling_silent = None
        if speaking:
            self._change_speaking(attendance.id, True)
            return
        attendance.falling_silent = asyncio.get_running_loop().call_later(
            SPEAKING_HOLD_S, self._change_speaking, attendance.id, False
        )

    def _change_speaking(self, id: str, speaking: bool) -> None:
        someone = find(self._state(), id)
        if someone is not None and someone["speaking"] != speaking:
            self._speaks(id, speaking)
            self._emit("participant.speaking", {"id": id, "speaking": speaking})

    def _publish(self, attendance: Attendance, observation: Published) -> None:
        feed = observation.feed
        type = STREAM_TYPES.get(feed.removeprefix(f"{attendance.id}."))
        if type is None:
            return
        timer = self._expiring.pop(feed, None)
        if timer is not None:
            timer.cancel()
        new = stream(feed, type, audio=observation.audio, video=observation.video)
        self._set(attendance.id, _muted_as_known(new, attendance.muted.get(feed, {})))

    def _set(self, id: str, new: Stream) -> None:
        found = find_stream(self._state(), new["id"])
        if found is None:
            self._emit("stream.added", {"participantId": id, "stream": dict(new)})
            return
        old = found[1]
        changes: dict[str, Any] = {}
        if old["audio"] != new["audio"]:
            changes["audio"] = new["audio"]
        if old["video"] != new["video"]:
            changes["video"] = new["video"]
        if changes:
            self._emit("stream.updated", {"participantId": id, "streamId": new["id"], **changes})

    def _remove(self, id: str, feed: str) -> None:
        found = find_stream(self._state(), feed)
        if found is None:
            return
        if found[0]["speaking"] and found[1]["audio"] is not None:
            self._change_speaking(id, False)
        self._emit("stream.removed", {"participantId": id, "streamId": feed})


def _muted_as_known(one: Stream, muted: Mapping[str, bool]) -> Stream:
    audio, video = one["audio"], one["video"]
    if audio is not None and "audio" in muted:
        audio = {**audio, "muted": muted["audio"]}
    if video is not None and "video" in muted:
        video = {**video, "muted": muted["video"]}
    return {**one, "audio": audio, "video": video}
