"""A journal without somebody: nothing of them is there, and everything else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from mixer.clock import SECOND
from mixer.conference import state as conference
from mixer.errors import UsageError
from mixer.journal import Event, Journal, JournalWriter, Note, people
from tests.journal.small import write_small


def added(id_: str, name: str, external: str = "") -> Event:
    someone = conference.participant(id_, name, external_id=external)
    return Event(0, "participant.added", {"participant": dict(someone)})


def test_nothing_of_them_is_there(tmp_path: Path) -> None:
    """Tracks, frames, alignments, gaps, key pictures, events and notes of who is left out are
    gone; those of the other are as they were."""
    written = write_small(tmp_path / "j")
    whole = Journal.open(tmp_path / "j")
    seen = Journal.open(tmp_path / "j", without=("a",))
    gone = {t.id for t in written.tracks.values() if t.participant == "a"}
    kept = {t.id for t in written.tracks.values() if t.participant == "b"}
    assert seen.tracks == {id_: track for id_, track in whole.tracks.items() if id_ in kept}
    assert seen.alignments == {id_: whole.alignments[id_] for id_ in kept}
    assert not seen.gaps
    assert not seen.notes
    assert [e.data["participant"]["id"] for e in seen.events()] == ["b"]
    assert not list(seen.frames(gone, 0, 10 * SECOND))
    assert list(seen.frames(gone | kept, 0, 10 * SECOND)) == list(
        whole.frames(kept, 0, 10 * SECOND)
    )
    assert (seen.watermark_ns, seen.finished) == (whole.watermark_ns, True)
    with pytest.raises(UsageError, match=r"Person b \(b\)"):
        people(seen, "a")


def test_whatever_tells_of_them_is_left_out(tmp_path: Path) -> None:
    """All events about who is left out are gone, a whole state loses only them, and notes about
    what they sent go, too."""
    camera = dict(conference.stream("a.camera", "Camera", audio=True, video=True))
    about = [
        added("a", "Ada"),
        Event(1, "participant.updated", {"id": "a", "name": "Ada L."}),
        Event(2, "participant.speaking", {"id": "a", "speaking": True}),
        Event(3, "stream.added", {"participantId": "a", "stream": camera}),
        Event(4, "stream.updated", {"participantId": "a", "streamId": "a.camera", "video": None}),
        Event(5, "stream.removed", {"participantId": "a", "streamId": "a.camera"}),
        Event(6, "participant.removed", {"id": "a"}),
    ]
    others = [
        added("b", "Ben"),
        Event(3, "participant.speaking", {"id": "b", "speaking": True}),
        Event(7, "recording.updated", {"active": True, "startedAt": None}),
    ]
    both = [dict(conference.participant(id_, id_)) for id_ in "ab"]
    with JournalWriter.create(tmp_path, conference="c") as writer:
        for event in [*about, *others, Event(8, "state", {"participants": both})]:
            writer.event(event)
        writer.note(Note(4, "unsupported-codec", {"stream": "a.camera", "codec": "av1"}))
        writer.note(Note(4, "reconnect", {"seconds": 1.0}))
        writer.watermark(SECOND)
    journal = Journal.open(tmp_path, {"a"})
    assert journal.events() == sorted(
        [*others, Event(8, "state", {"participants": both[1:]})], key=lambda event: event.t_ns
    )
    assert [note.type for note in journal.notes] == ["reconnect"]
    assert len(Journal.open(tmp_path).events()) == len(about) + len(others) + 1


def test_a_growing_journal_stays_without_them(tmp_path: Path) -> None:
    """Whoever comes back while the journal grows, in another run, too, is still left out."""
    with JournalWriter.create(tmp_path, conference="c") as writer:
        writer.event(added("b", "Ben"))
        writer.watermark(SECOND)
    journal = Journal.open(tmp_path, {"a"})
    with JournalWriter.create(tmp_path, conference="c") as writer:
        writer.event(added("a", "Ada"))
        writer.track(
            participant="a",
            stream="a.camera",
            source="Camera",
            kind="audio",
            codec="opus",
            clock_rate=48_000,
        )
        writer.event(Event(SECOND, "participant.removed", {"id": "b"}))
        writer.watermark(2 * SECOND)
    assert journal.refresh()
    assert [e.type for e in journal.events()] == ["participant.added", "participant.removed"]
    assert not journal.tracks


def test_people_are_found_by_id_external_id_and_name(tmp_path: Path) -> None:
    """An id is one participant; an external id or a name all whom it ever meant; otherwise the
    error names who is there, but no mixer."""
    with JournalWriter.create(tmp_path, conference="c") as writer:
        for event in (
            added("x1", "Ada", "ada@example.org"),
            added("x2", "Ada Lovelace", "ada@example.org"),
            added("x3", "Ben"),
            Event(5, "participant.updated", {"id": "x3", "name": "Ada"}),
            Event(6, "participant.added", {"participant": {"id": "m", "type": "mixer"}}),
        ):
            writer.event(event)
    journal = Journal.open(tmp_path)
    assert people(journal, "x2") == ("x2",)
    assert people(journal, "ada@example.org") == ("x1", "x2")
    assert people(journal, "Ada") == ("x1", "x3")
    for nobody in ("Zoe", ""):
        with pytest.raises(UsageError) as error:
            people(journal, nobody)
        assert str(error.value).endswith("Ada (x1), Ada / Ben (x3), Ada Lovelace (x2)")


def test_whatever_people_are_called_it_is_one_short_line(tmp_path: Path) -> None:
    """Nothing that a name or a wish holds ends the line, writes on the terminal or turns the text
    round; long ones are cut, and of many people some are named."""
    with JournalWriter.create(tmp_path, conference="c") as writer:
        for number, name in enumerate(
            ("a\nb\0c", "\x1b[2Jred", "\u202egnp", "x" * 300, " ", "é 李")
        ):
            writer.event(added(f"id{number}", name))
    journal = Journal.open(tmp_path)
    with pytest.raises(UsageError) as error:
        people(journal, "No\nbody\u202e" + "y" * 300)
    told = str(error.value)
    assert told.isprintable() and len(told) < 300
    assert told.startswith("no participant 'No body yyy")
    for shown in ("a b c (id0)", "[2Jred (id1)", "gnp (id2)", "é 李 (id5)", f"{'x' * 59}… (id3)"):
        assert shown in told
    with JournalWriter.create(tmp_path, conference="c") as writer:
        for number in range(500):
            writer.event(added(f"p{number:03}", "Ada"))
    with pytest.raises(UsageError, match=r"Ada \(p000\), .* and 486 more$") as error:
        people(Journal.open(tmp_path), "Zoe")
    assert len(str(error.value)) < 700
