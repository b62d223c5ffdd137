"""Stays and chapters: who was there when, from the events that journals have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mixer.conference import state
from mixer.edit import Span, edit_list, joined
from mixer.journal import Event
from mixer.render.attendance import Attendance, chapters
from tests.render.audio_scene import joined as joins
from tests.render.audio_scene import left, shares
from tests.sound.voices import SECOND

EVENTS = (
    Event(0, "participant.added", {"participant": dict(state.participant("m", "Mixer", "mixer"))}),
    joins(0, "ada", "Ada"),
    joins(2 * SECOND, "bob", ""),
    joins(2_500_000_000, "ada", "Ada"),  # told again: no new stay
    *shares(3 * SECOND, 6 * SECOND, "ada"),
    Event(4 * SECOND, "participant.updated", {"id": "bob", "name": "Bob"}),
    left(7 * SECOND, "bob"),
    joins(7 * SECOND + 50_000_000, "bob", "Bob"),
    joins(9 * SECOND, "bob", "Bob"),
    left(10 * SECOND, "ada"),
)


@dataclass
class Told:
    """Events up to a watermark."""

    all: Sequence[Event]
    watermark_ns: int = 0

    def events(self, from_ns: int = 0, to_ns: int | None = None) -> list[Event]:
        end = self.watermark_ns if to_ns is None else min(to_ns, self.watermark_ns)
        found = [event for event in self.all if from_ns <= event.t_ns < end]
        return sorted(found, key=lambda event: event.t_ns)


def attended(*marks_ns: int) -> Attendance:
    attendance, told = Attendance(), Told(EVENTS)
    for told.watermark_ns in marks_ns:
        attendance.advance(told)
    return attendance


def test_stays() -> None:
    """Each coming is a stay; being told of again is not; mixers are nobody. A name is what somebody
    was last called before the end, whatever comes after it."""
    attendance = attended(20 * SECOND)
    assert attendance.stays("ada") == [0]
    assert attendance.stays("bob") == [2 * SECOND, 7 * SECOND + 50_000_000]
    assert attendance.name("ada", SECOND) == "Ada"
    assert [attendance.name("bob", s * SECOND) for s in (1, 3, 4, 5)] == ["", "", "", "Bob"]
    assert not attendance.stays("nobody")


def test_whose_sound_it_is() -> None:
    """Sound belongs to a stay from a little before it until the next; never to one that has ended
    after the other began."""
    attendance = attended(20 * SECOND)
    second = 7 * SECOND
    assert [attendance.stay_at("bob", t) for t in (0, second - 1, second, 15 * SECOND)] == [
        0,
        0,
        1,
        1,
    ]
    assert attendance.stay_at("nobody", SECOND) == 0


def test_portions_do_not_matter() -> None:
    """Read as it becomes final or all at once: the same."""
    assert attended(*range(0, 20 * SECOND, 333_333_333), 20 * SECOND) == attended(20 * SECOND)


def test_chapters_are_in_the_files_time() -> None:
    """Counted over the parts, without what lies between; what happens there comes at the seam."""
    parts = joined(
        [edit_list(SECOND, 4 * SECOND, (), 30), edit_list(8 * SECOND, 12 * SECOND, (), 30)]
    )
    told = [(c.sample / 48_000, c.title) for c in chapters(attended(20 * SECOND).moments, parts)]
    assert told == [
        (0.0, "Start: Ada"),
        (1.0, "Somebody joined"),
        (2.0, "Ada shares the screen"),
        (3.0, "Ada stopped sharing, Bob left, Bob joined"),
        (5.0, "Ada left"),
    ]


def test_pauses_and_what_is_not_in_the_file() -> None:
    """A pause moves what follows; what comes after the end is no chapter."""
    edits = edit_list(SECOND, 7 * SECOND, [Span(2_500_000_000, 3_500_000_000)], 30)
    told = [(c.sample / 48_000, c.title) for c in chapters(attended(20 * SECOND).moments, edits)]
    assert told == [
        (0.0, "Start: Ada"),
        (1.0, "Somebody joined"),
        (1.5, "Ada shares the screen"),
        (4.0, "Ada stopped sharing"),
    ]


def test_the_start_names_a_few() -> None:
    """A crowd is counted."""
    attendance = Attendance()
    crowd = [joins(0, f"p{n}", f"N{n}") for n in range(8)]
    attendance.advance(Told(crowd, SECOND))
    [only] = chapters(attendance.moments, edit_list(0, SECOND, (), 30))
    assert only.title == "Start: N0, N1, N2, N3, N4, 3 more"
