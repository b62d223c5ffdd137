"""Counting a journal's frames by their heads gives what reading them gives."""

from __future__ import annotations

from pathlib import Path

from mixer.journal import Journal
from mixer.journal.heads import count_heads
from mixer.journal.inspect import count, inspect
from tests.journal.small import write_small


def test_heads_count_as_frames_do(tmp_path: Path) -> None:
    """Frames, bytes, flags, key pictures and times of every track; reports are the same."""
    write_small(tmp_path / "journal")
    journal = Journal.open(tmp_path / "journal")
    counts = count_heads(journal)
    assert counts == count(journal)
    assert any(track.broken for track in counts.values())
    assert inspect(journal, counts) == inspect(journal)


def test_rubbish_between_frames_is_passed_over(tmp_path: Path) -> None:
    """A damaged head costs its own frame and no other; a torn end costs nothing."""
    write_small(tmp_path / "journal")
    whole = count_heads(Journal.open(tmp_path / "journal"))
    media = tmp_path / "journal" / "run-0001.media"
    content = bytearray(media.read_bytes())
    content[0:4] = b"\0\0\0\0"
    media.write_bytes(bytes(content) + content[4:12])
    journal = Journal.open(tmp_path / "journal")
    left = count_heads(journal)
    assert sum(c.frames for c in left.values()) == sum(c.frames for c in whole.values()) - 1
    assert left == count(journal)


def test_who_is_left_out_is_not_counted(tmp_path: Path) -> None:
    write_small(tmp_path / "journal")
    journal = Journal.open(tmp_path / "journal", without=("a",))
    assert count_heads(journal).keys() == journal.tracks.keys()
    assert {track.participant for track in journal.tracks.values()} == {"b"}
