"""When a page is stepped, and which events it is told: pure functions of media time."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from mixer.clock import SECOND
from mixer.engine.child import spawnable
from mixer.journal import Journal, JournalWriter, Note
from mixer.journal.model import PAUSED
from mixer.layout.look import Look, VideoElement
from mixer.layout.schedule import Rates, Waiting
from mixer.layout.timeline import Timeline
from tests.layout.support import added, journal, speaking
from tests.system.processes import until

RATES = Rates(fps=30)
STILL = Look(
    settled=True,
    due_ms=None,
    moving=False,
    animated=False,
    carrying=False,
    loaded=True,
    ready=True,
    failed=None,
    awaits="",
    finished=False,
    notes=(),
    readers=(),
    missing="",
    videos=(),
)


def test_a_page_that_waits_for_nothing_is_left_alone() -> None:
    """Nothing pending and calm: the next step is the check, a second later at most."""
    assert Waiting(10, STILL, 3, False).next_step(RATES) == 37


def test_what_is_pending_wakes_the_page() -> None:
    """rAF and a fresh change want the next frame, timers theirs, animations the next still."""
    assert Waiting(10, replace(STILL, moving=True), 9, False).next_step(RATES) == 11
    assert Waiting(10, STILL, 0, False).next_step(RATES) == 11
    assert Waiting(10, replace(STILL, due_ms=100.0), 9, False).next_step(RATES) == 13
    assert Waiting(10, replace(STILL, due_ms=101.0), 9, False).next_step(RATES) == 13
    assert Waiting(10, replace(STILL, due_ms=102.0), 9, False).next_step(RATES) == 14
    assert Waiting(10, replace(STILL, animated=True), 9, False).next_step(RATES) == 12
    assert Waiting(10, STILL, 9, True).next_step(RATES) == 12


def test_between_stills_a_page_moved_by_its_script_is_not_drawn() -> None:
    """Nor for a still that is another one anyway; always where videos move. It is not even stepped,
    but where something else than its script moves it."""
    drawing = Waiting(10, replace(STILL, moving=True, drawing=True), 0, False)
    assert drawing.next_step(RATES) == 12  # a frame for a still
    assert replace(drawing, look=replace(drawing.look, animated=True)).next_step(RATES) == 11
    assert replace(drawing, since=9).next_step(RATES) == 11
    assert not drawing.drawn(11, RATES, lively=False)
    assert not drawing.drawn(15, RATES, lively=True)
    assert Waiting(10, replace(STILL, moving=True), 0, False).drawn(13, RATES, lively=True)
    assert Waiting(11, drawing.look, 0, False).drawn(12, RATES, lively=False)
    assert not Waiting(11, drawing.look, 0, False).drawn(12, RATES, lively=True)
    assert Waiting(10, STILL, 0, False).drawn(11, RATES, lively=True)
    assert replace(drawing, since=9).drawn(11, RATES, lively=True)
    assert drawing.ended(STILL) and not drawing.ended(drawing.look)


def test_videos_that_move_are_shown_smoothly_for_a_while() -> None:
    """24 stills a second, at any rate of frames; after two seconds as many as of other changes."""
    video = VideoElement(0, "s", 640, 360, (0, 0, 64, 36))
    for fps in (24, 25, 30, 50, 60):
        rates, taken = Rates(fps), []
        waiting = Waiting(0, replace(STILL, videos=(video,)), 9, False)
        for frame in range(1, 4 * fps + 1):
            assert frame == 1 or waiting.next_step(rates) == frame or frame > 2 * fps
            moved = replace(video, box=(frame, 0, 64, 36))
            look = replace(STILL, videos=(moved,), moving=True)
            waiting = waiting.then(frame, look, rates, changed=True, told=False)
            if waiting.takes_still(rates, told=False):
                taken.append(frame)
                waiting = replace(waiting, dirty=False)
        for second, least, most in ((0, 24, 34), (1, 23, 34), (3, 8, 13)):
            count = sum(second * fps < frame <= (second + 1) * fps for frame in taken)
            assert least <= count <= most, (fps, second, count)


def test_a_timer_is_waited_for_and_what_it_begins_too() -> None:
    """What a timer does may be seen only some frames later."""
    waiting = Waiting(10, replace(STILL, due_ms=100.0), 9, False)
    assert waiting.then(12, STILL, RATES, changed=False, told=False).calm == 10
    assert waiting.then(13, STILL, RATES, changed=False, told=False).calm == 0


def test_what_changes_though_nothing_was_to_come_is_watched() -> None:
    """A calm page's change that nothing explains is followed by stills for a while, renewed by the
    next one; events, timers, animations and what comes right after them explain theirs."""
    calm = Waiting(10, STILL, 3, False)
    watched = calm.then(37, STILL, RATES, changed=True, told=False)
    assert watched.alert == 37 + 90
    assert replace(watched, frame=41, calm=4, dirty=False).next_step(RATES) == 42
    assert replace(watched, frame=127, calm=4, dirty=False).next_step(RATES) == 154
    assert replace(watched, calm=4).then(51, STILL, RATES, changed=True, told=False).alert == 141
    for before in (calm, replace(calm, calm=1), replace(calm, look=replace(STILL, animated=True))):
        told = before is calm
        assert before.then(37, STILL, RATES, changed=True, told=told).alert == 0
    timed = replace(calm, look=replace(STILL, due_ms=900.0))
    assert timed.then(37, STILL, RATES, changed=True, told=False).alert == 0


def test_an_event_is_seen_in_the_frame_whose_middle_it_precedes(tmp_path: Path) -> None:
    """An event at t is visible in frame n iff t <= start + (n + 1/2) / fps."""
    events = [added(0, 0), speaking(0.05, 0), speaking(0.050000001, 0, False), speaking(0.3, 0)]
    timeline = Timeline(
        Journal.open(journal(tmp_path, events, 1.0)), start_ns=0, stop_ns=None, fps=30
    )
    assert [len(timeline.events_at(frame)) for frame in range(4)] == [1, 1, 1, 0]
    assert timeline.next_event_after(2) == 9
    assert timeline.state_at(1)["participants"][0]["speaking"] is True
    assert timeline.state_at(2)["participants"][0]["speaking"] is False
    assert timeline.total == timeline.known == 30


def test_events_before_the_start_are_the_first_state(tmp_path: Path) -> None:
    """A mix that starts later begins with the conference as it is then."""
    events = [added(0, 0), added(1, 1), speaking(2.4, 1)]
    opened = Journal.open(journal(tmp_path, events, 3.0))
    timeline = Timeline(opened, start_ns=2_000_000_000, stop_ns=2_500_000_000, fps=30)
    assert len(timeline.state_at(0)["participants"]) == 2
    assert timeline.next_event_after(0) == 12
    assert timeline.total == 15


def test_a_mix_that_ran_in_a_pause_only_is_known_while_the_pause_goes_on(tmp_path: Path) -> None:
    """Its one frame is final as soon as the journal is known beyond its end."""
    with JournalWriter.create(tmp_path / "j", conference="made") as writer:
        writer.note(Note(SECOND, PAUSED))
        writer.watermark(4 * SECOND)
        opened = Journal.open(tmp_path / "j")
        timeline = Timeline(opened, start_ns=2 * SECOND, stop_ns=3 * SECOND, fps=30)
        until(lambda: timeline.refresh() and timeline.total == 1, "the pause is journalled")
        assert not opened.finished
        assert timeline.known == 1


@pytest.mark.system
def test_a_page_pass_told_to_leave_has_not_ended(tmp_path: Path) -> None:
    """SIGTERM, as from an init system that stops all of a unit at once: its parent starts another,
    which goes on with the track."""
    with JournalWriter.create(tmp_path / "j", conference="made") as writer:
        writer.watermark(SECOND)
        argv = ["mixer.layout", str(tmp_path / "j"), str(tmp_path / "mattes"), "--start-ns"]
        argv = spawnable([*argv, str(2 * SECOND)])  # it waits for that; its browser is not started
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            until(lambda: (tmp_path / "mattes").exists(), "the page pass has begun its track")
            child.terminate()
            assert child.stdout
            assert child.stdout.read() == b""
            assert child.wait() == 1
