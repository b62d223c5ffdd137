"""Who was there, turns of speech and chapters, and their WebVTT read back."""

from __future__ import annotations

import html
import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from mixer.clock import SECOND
from mixer.edit import EditList, edit_list
from mixer.journal import Journal
from mixer.report import webvtt
from mixer.report.people import attendance
from mixer.report.story import Chapter, OnFile, Turn, chapters, listed, on_stage, turns
from tests.report.scenes import Scene

HOSTILE = '<b>Bob</b> & "Eve" -->\n\n00:00.000 --> 99:00.000\nNOTE <script>alert(1)</script>'
CUE = re.compile(r"(\d+):(\d\d):(\d\d\.\d{3}) --> (\d+):(\d\d):(\d\d\.\d{3})")


def cues(text: str) -> list[tuple[float, float, str]]:
    """A WebVTT file as its cues: start, stop, payload. Blocks are divided by blank lines."""
    head, *blocks = text.split("\n\n")
    assert head.splitlines()[0] == "WEBVTT"
    found = []
    for block in filter(str.strip, blocks):
        timing, *payload = block.strip().splitlines()
        match = CUE.fullmatch(timing)
        assert match, timing
        h1, m1, s1, h2, m2, s2 = map(float, match.groups())
        found.append((h1 * 3600 + m1 * 60 + s1, h2 * 3600 + m2 * 60 + s2, "\n".join(payload)))
    return found


def stage(journal: Journal, edits: EditList) -> list[OnFile]:
    end_ns = journal.watermark_ns
    return on_stage(attendance(journal.events(), end_ns), edits, end_ns)


def scene(directory: Path) -> Journal:
    made = Scene(directory, 60)
    made.joins(0, "a", "Ada")
    made.joins(0, "b", HOSTILE)
    made.joins(0, "m", "Mixer", "mixer")
    made.joins(20, "c", "")
    made.shows("a", 1, 60)
    made.shows("b", 30, 45, screen=True)
    made.speaks("a", (2, 4), (4.5, 6), (50, 60))
    made.speaks("b", (5, 9))
    made.leaves(52, "b")
    made.pause(10, 18)
    return made.journal()


def test_lanes_are_in_the_seconds_of_the_file(tmp_path: Path) -> None:
    """With a start at 1 s and a pause of 8 s, what happens later lies 9 s earlier in the file;
    mixers are nobody."""
    journal = scene(tmp_path)
    edits = edit_list(SECOND, 60 * SECOND, journal.pauses, 30)
    ada, bob, unnamed = stage(journal, edits)
    assert ada.lanes["present"] == [(0, 51)]
    assert ada.lanes["camera"] == [(0, 51)]
    assert ada.lanes["speaking"] == [(1, 3), (3.5, 5), (41, 51)]
    assert bob.lanes["sharing"] == [(21, 36)]
    assert bob.lanes["present"] == [(0, 43)]
    assert unnamed.lanes["present"] == [(11, 51)]
    assert unnamed.name == "Unnamed"


def test_turns_bridge_a_breath_and_may_overlap(tmp_path: Path) -> None:
    """Half a second of silence ends no turn; Bob's turn begins while Ada still speaks."""
    journal = scene(tmp_path)
    found = turns(stage(journal, edit_list(0, 60 * SECOND, [], 30)))
    assert [(t.start, t.stop, t.participant) for t in found] == [
        (2, 6, "a"),
        (5, 9, "b"),
        (50, 60, "a"),
    ]


def test_chapters_tell_who_comes_shares_and_leaves(tmp_path: Path) -> None:
    """They begin at 0, follow each other without a gap to the file's end, and know the pause."""
    journal = scene(tmp_path)
    edits = edit_list(SECOND, 60 * SECOND, journal.pauses, 30)
    found = chapters(stage(journal, edits), edits, journal.pauses, 51)
    bob = HOSTILE.strip()
    assert [(c.start, c.title) for c in found] == [
        (0.0, f"Ada and {bob} join"),
        (9.0, "Recording goes on after a pause; Unnamed joins"),
        (21.0, f"{bob} shares the screen"),
        (36.0, f"{bob} stops sharing"),
        (43.0, f"{bob} leaves"),
    ]
    assert [c.stop for c in found] == [*(c.start for c in found[1:]), 51]


def test_webvtt_reads_back_as_it_was_meant(tmp_path: Path) -> None:
    """A hostile name makes no cue, no markup and no note of its own; it is the voice's name."""
    journal = scene(tmp_path)
    edits = edit_list(0, 60 * SECOND, [], 30)
    people = stage(journal, edits)
    found = cues(webvtt.speakers(turns(people)))
    assert [(start, stop) for start, stop, _ in found] == [(2, 6), (5, 9), (50, 60)]
    assert found[0][2] == "<v Ada>Ada</v>"
    voice = re.fullmatch(r"<v ([^<>]*)>([^<>]*)</v>", found[1][2])
    assert voice
    assert html.unescape(voice[1]) == " ".join(HOSTILE.split())
    titles = [payload for _, _, payload in cues(webvtt.chapters(chapters(people, edits, [], 60)))]
    assert all("<" not in title and "-->" not in title for title in titles)


@given(st.lists(st.tuples(st.text(), st.floats(0, 40_000), st.floats(0, 5000)), max_size=5))
def test_any_text_is_one_cue(told: list[tuple[str, float, float]]) -> None:
    """As many cues as turns, times to the millisecond, whatever the names are made of."""
    made = [Turn(start, start + length, "x", name) for name, start, length in told]
    found = cues(webvtt.speakers(made))
    assert len(found) == len(made)
    for turn, (start, stop, payload) in zip(made, found, strict=True):
        assert abs(turn.start - start) < 0.0006
        assert abs(turn.stop - stop) < 0.0006
        assert re.fullmatch(r"<v [^<>]+>[^<>]+</v>", payload)
    titles = cues(webvtt.chapters([Chapter(0, 1, name) for name, *_ in told]))
    assert len(titles) == len(told)


def test_many_names_become_a_number() -> None:
    assert listed(["Ada"]) == "Ada"
    assert listed(["Ada", "Bob", "Cy", "Di"]) == "Ada, Bob, Cy and Di"
    assert listed(["Ada", "Bob", "Cy", "Di", "Ed"]) == "Ada, Bob, Cy and 2 others"
