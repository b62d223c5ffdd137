"""What an outlet sends of a journal's frames, and in which order."""

from __future__ import annotations

import time
from typing import cast

from mixer.clock import SECOND
from mixer.journal import Frame, FrameFlag
from mixer.publish import PublishedFeed, Section
from mixer.replay.outlet import Outlet


class Feed:
    """Takes what is sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def send(self, kind: str, data: bytes, rtp: int, at_ns: int, level: int) -> None:
        self.sent.append(data)


def frame(track: int, rtp: int, data: bytes) -> Frame:
    return Frame(track, rtp, 0, data, FrameFlag(0), 30, 0, 0)


def test_a_track_ends_where_a_newer_one_begins() -> None:
    """A track that was aligned too late reaches over the beginning of the one that follows it;
    after a seek back it is heard again."""
    feed, now_ns = Feed(), time.monotonic_ns()
    outlet = Outlet(cast(PublishedFeed, feed), "a.camera", Section("audio", "opus"), 0)
    order = [(1, b"a"), (1, b"b"), (2, b"c"), (1, b"x"), (2, b"d"), (1, b"x"), (2, b"e")]
    for number, (track, data) in enumerate(order):
        outlet.offer(frame(track, number * 960, data), now_ns + SECOND + number * SECOND // 50)
    assert b"".join(feed.sent) == b"abcde"
    outlet.prime([])
    outlet.offer(frame(1, 0, b"f"), now_ns + 3 * SECOND)
    assert b"".join(feed.sent) == b"abcdef"
