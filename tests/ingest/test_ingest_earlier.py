"""What a run of ingest finds of earlier ones, also of such as died at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from mixer import clock
from mixer.clock import MILLISECOND, SECOND
from mixer.ingest.earlier import read_earlier
from mixer.journal import Alignment, Event, Frame, FrameFlag, Gap, JournalWriter

STREAM = {"id": "ada.camera", "type": "Camera"}
JOINED = {"id": "ada", "name": "Ada", "type": "user", "status": "joined", "streams": []}
FRAME_NS = 33_333_333


def _begun(folder: Path) -> JournalWriter:
    return JournalWriter.create(folder, conference="c")


def _announce(writer: JournalWriter) -> int:
    return writer.track(
        participant="ada",
        stream="ada.camera",
        source="Camera",
        kind="video",
        codec="vp8",
        clock_rate=90_000,
    ).id


def _frames(writer: JournalWriter, track: int, from_ns: int, count: int) -> None:
    """Pictures that arrive in the moment of their media time."""
    for number in range(count):
        t_ns = from_ns + number * FRAME_NS
        flags = FrameFlag.KEY if number == 0 else FrameFlag(0)
        rtp = round(t_ns * 90_000 / SECOND)
        writer.frame(Frame(track, rtp, t_ns, b"picture", flags, 0, 64, 36))


def _long_run(folder: Path) -> int:
    """Ten seconds with a stream, aligned; where its media ends."""
    with _begun(folder) as writer:
        writer.event(Event(0, "participant.added", {"participant": JOINED}))
        writer.event(Event(0, "stream.added", {"participantId": "ada", "stream": STREAM}))
        track = _announce(writer)
        writer.align(Alignment(track, 0, 0, 0.0, "arrival", MILLISECOND))
        _frames(writer, track, 0, 300)
        writer.watermark(10 * SECOND)
    return 300 * FRAME_NS


def test_a_run_that_died_before_it_could_tell_of_its_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first picture came, but no alignment: the gap before it is told by the next run."""
    end_ns = _long_run(tmp_path)
    later_ns = clock.monotonic_ns() + 12 * SECOND
    monkeypatch.setattr("mixer.clock.monotonic_ns", lambda: later_ns)
    with _begun(tmp_path) as dead:
        track = _announce(dead)
        _frames(dead, track, 12 * SECOND, 6)
        dead.watermark(12 * SECOND + SECOND // 5)
    earlier = read_earlier(tmp_path)
    (gap,) = earlier.untold
    assert gap == Gap(track, gap.from_ns, gap.to_ns, "restart")
    assert gap.from_ns == pytest.approx(end_ns, abs=MILLISECOND)
    assert gap.to_ns == pytest.approx(12 * SECOND, abs=MILLISECOND)
    end = earlier.ends["ada.camera", "video"]
    assert end.media_ns == pytest.approx(12 * SECOND + 6 * FRAME_NS, abs=MILLISECOND)


def test_a_run_that_died_without_any_media(tmp_path: Path) -> None:
    """The next gap begins where the media of the run before it ended."""
    end_ns = _long_run(tmp_path)
    with _begun(tmp_path) as dead:
        dead.watermark(dead.now_ns())
    earlier = read_earlier(tmp_path)
    assert not earlier.untold
    end = earlier.ends["ada.camera", "video"]
    assert end.media_ns == pytest.approx(end_ns, abs=MILLISECOND)


def test_what_was_silent_for_long_begins_no_gap(tmp_path: Path) -> None:
    """A stream that sent nothing in the whole last run was not interrupted by its end."""
    _long_run(tmp_path)
    with _begun(tmp_path) as later:
        later.watermark(later.now_ns() + 20 * SECOND)
    earlier = read_earlier(tmp_path)
    assert not earlier.ends and not earlier.untold
