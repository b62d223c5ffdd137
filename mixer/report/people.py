"""Who was there, spoke, had the camera on and shared a screen, when: in journal time, from events.

The conference's reducer says what each event means; here only the changes are noted. Which part of
it a file shows is `model.on_file`'s job.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ..conference import state as conference
from ..conference.state import Participant, Stream
from ..edit import Span
from ..journal import Event

Lane = Literal["present", "speaking", "microphone", "camera", "sharing"]
LANES: tuple[Lane, ...] = ("present", "speaking", "microphone", "camera", "sharing")


@dataclass(frozen=True, slots=True)
class Person:
    """One participant, however often they came. Names are untrusted text."""

    id: str
    name: str
    external_id: str
    type: str
    spans: Mapping[Lane, Sequence[Span]]


@dataclass(frozen=True, slots=True)
class ShownVideo:
    """A stream with pictures, and when there was something to draw: available and not muted."""

    participant: str
    stream: str
    source: str
    spans: Sequence[Span]


@dataclass(frozen=True, slots=True)
class Attendance:
    """Everybody but mixers, in the order of joining, and all that was to be seen of them."""

    people: tuple[Person, ...]
    videos: tuple[ShownVideo, ...]

    def visible_at(self, t_ns: int) -> int:
        """How many pictures of people and screens there were."""
        return sum(any(_holds(span, t_ns) for span in video.spans) for video in self.videos)

    def speaking_at(self, t_ns: int) -> bool:
        return any(_holds(span, t_ns) for p in self.people for span in p.spans["speaking"])


def attendance(events: Sequence[Event], end_ns: int) -> Attendance:
    """Folds the events of a whole journal; all that still lasts at `end_ns` ends there."""
    fold = _Fold()
    for event in events:
        fold.take(event)
    fold.end(end_ns)
    return Attendance(tuple(fold.people()), tuple(fold.videos()))


def _holds(span: Span, t_ns: int) -> bool:
    return span.start_ns <= t_ns and (span.stop_ns is None or t_ns < span.stop_ns)


@dataclass(slots=True)
class _Fold:
    """Notes for each key, a participant's lane or a stream, when it began and when it was over."""

    state: conference.State = field(default_factory=conference.empty)
    known: dict[str, Participant] = field(default_factory=dict)  # as last seen, in order
    there: dict[str, Participant] = field(default_factory=dict)
    begun: dict[tuple[str, str], int] = field(default_factory=dict)
    over: dict[tuple[str, str], list[Span]] = field(default_factory=dict)
    streams: dict[str, tuple[str, str]] = field(default_factory=dict)  # id: participant, source

    def take(self, event: Event) -> None:
        self.state = conference.apply(self.state, event.type, event.data)
        now = {p["id"]: p for p in self.state["participants"] if p["type"] != "mixer"}
        for id_ in {**self.there, **now}:
            if now.get(id_) is not self.there.get(id_):
                self._compare(id_, now.get(id_), event.t_ns)
        self.there = now

    def _compare(self, id_: str, new: Participant | None, t_ns: int) -> None:
        was = set(self._keys(self.there.get(id_)))
        holds = set(self._keys(new))
        for key in was - holds:
            self._close(key, t_ns)
        for key in holds - was:
            self.begun[key] = t_ns
        if new is not None:
            self.known[id_] = new

    def _keys(self, person: Participant | None) -> Iterator[tuple[str, str]]:
        if person is None or person["status"] == "left":
            return
        id_ = person["id"]
        yield "present", id_
        if person["speaking"]:
            yield "speaking", id_
        for stream in person["streams"]:
            self.streams[stream["id"]] = (id_, stream["type"])
            film = stream["type"] == "VideoPresentation"
            if stream["audio"] is not None and not stream["audio"]["muted"] and not film:
                yield "microphone", id_
            if _drawn(stream):
                yield "camera" if stream["type"] == "Camera" else "sharing", id_
                yield "stream", stream["id"]

    def _close(self, key: tuple[str, str], t_ns: int) -> None:
        start_ns = self.begun.pop(key)
        spans = self.over.setdefault(key, [])
        if spans and spans[-1].stop_ns == start_ns:
            spans[-1] = Span(spans[-1].start_ns, t_ns)
        elif t_ns > start_ns:
            spans.append(Span(start_ns, t_ns))

    def end(self, end_ns: int) -> None:
        for key in list(self.begun):
            self._close(key, end_ns)

    def people(self) -> Iterator[Person]:
        for id_, last in self.known.items():
            spans = {lane: tuple(self.over.get((lane, id_), ())) for lane in LANES}
            yield Person(id_, last["name"], last["externalId"], last["type"], spans)

    def videos(self) -> Iterator[ShownVideo]:
        for stream, (participant, source) in self.streams.items():
            if spans := self.over.get(("stream", stream)):
                yield ShownVideo(participant, stream, source, tuple(spans))


def _drawn(stream: Stream) -> bool:
    video = stream["video"]
    return video is not None and not video["muted"] and video.get("available", False)
