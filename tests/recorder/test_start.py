"""A mix starts when everybody who was there at joining can be seen, but not later than 0.3 s."""

from __future__ import annotations

from typing import Any

from mixer.clock import MILLISECOND
from mixer.journal import Event
from mixer.recorder.start import LIMIT_NS, first_moment_ns

JOINED = 7_000_000_000


def person(stream: str, **video: Any) -> Event:
    streams = [{"id": stream, "type": "Camera", "audio": None, "video": {"muted": False, **video}}]
    return Event(JOINED, "participant.added", {"participant": {"id": stream, "streams": streams}})


def shown(stream: str, ms: int) -> Event:
    data = {"participantId": stream, "streamId": stream, "video": {"available": True}}
    return Event(JOINED + ms * MILLISECOND, "stream.updated", data)


def test_nobody_sends_a_picture() -> None:
    """Where there is nothing to wait for, the mix starts at joining."""
    assert first_moment_ns([], JOINED) == JOINED
    assert first_moment_ns([person("a", muted=True)], JOINED) == JOINED


def test_the_last_picture_decides() -> None:
    """All pictures are there at the start, if they came in time."""
    events = [person("a"), person("b"), shown("a", 90), shown("b", 120)]
    assert first_moment_ns(events, JOINED) == JOINED + 120 * MILLISECOND


def test_a_picture_that_does_not_come_is_not_waited_for() -> None:
    """The start is never later than 0.3 s after joining."""
    assert first_moment_ns([person("a"), person("b"), shown("a", 90)], JOINED) == JOINED + LIMIT_NS
    assert first_moment_ns([person("a"), shown("a", 900)], JOINED) == JOINED + LIMIT_NS


def test_who_leaves_is_not_waited_for() -> None:
    """Neither is a size that changes once the picture is there."""
    gone = Event(JOINED + 50 * MILLISECOND, "participant.removed", {"id": "b"})
    events = [person("a"), person("b"), shown("a", 30), gone, shown("a", 200)]
    assert first_moment_ns(events, JOINED) == JOINED + 30 * MILLISECOND
