"""Nobody is taken for gone while they are there, however long ingest is silent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mixer.recorder import RecordSettings
from mixer.recorder.limits import limit_reached
from mixer.recorder.presence import Presence
from mixer.recorder.settings import MIN_FREE_BYTES, Status

Told = tuple[float, int]  # at which second ingest told of so many users


def told(users: int, **more: Any) -> dict[str, Any]:
    return {"users": users, "connected": True, "watermark_ns": 0, **more}


@pytest.mark.parametrize(
    ("lines", "at_s", "reason"),
    [
        ([], 90.0, None),  # it has not joined yet
        ([(9.0, 4)], 9.9, None),  # a full room, of which it is told late
        ([(9.0, 4)], 30.0, None),  # ingest is started anew
        ([(9.0, 4), (10.0, 0)], 10.4, None),
        ([(9.0, 4), (10.0, 0), (11.0, 0)], 12.5, "empty-timeout"),
        ([(9.0, 4), (10.0, 0), (11.0, 4)], 30.0, None),
        ([(9.0, 0)], 10.9, None),
        ([(9.0, 0), (10.0, 0)], 11.5, "start-timeout"),
    ],
)
def test_who_is_there(tmp_path: Path, lines: list[Told], at_s: float, reason: str | None) -> None:
    """Patience begins when it is told that nobody is there, and ends with who comes."""
    presence = Presence(connected_s=0.0)
    for told_s, users in lines:
        presence.heard(told(users), told_s)
    reached = limit_reached(
        RecordSettings("", tmp_path, start_timeout_s=2, empty_timeout_s=2),
        Status(free_bytes=MIN_FREE_BYTES),
        paused=False,
        user_seen=presence.user_seen,
        alone_s=presence.alone_s(at_s),
        away_s=presence.away_s(at_s),
    )
    assert (reached[0] if reached else None) == reason


def test_a_connection_that_is_lost() -> None:
    """It is lost where the media ended, and found when it is told so."""
    presence = Presence(connected_s=0.0)
    presence.heard(told(1), 5.0)
    for second in (6, 7):
        presence.heard(told(1, connected=False, watermark_ns=second), float(second))
    assert (presence.lost_ns, presence.away_s(9.0)) == (6, 4.0)
    presence.heard(told(1), 9.0)
    assert (presence.lost_ns, presence.away_s(9.0)) == (None, 0.0)
