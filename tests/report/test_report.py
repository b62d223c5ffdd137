"""The whole report of a recording: its figures, its page, and what hostile names do to it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from mixer.clock import SECOND
from mixer.edit import edit_list
from mixer.errors import StorageError
from mixer.journal import FrameFlag, Journal
from mixer.report import OutputFile, Report, make_report
from tests.report.scenes import Scene, every, film, flat, moving, switched
from tests.report.test_story import HOSTILE, cues

SECONDS, FPS = 30, 10
PAUSE = (12, 16)
LENGTH = SECONDS - 1 - 4  # of the file: it starts at 1 s
VOID = {"meta", "img", "br", "path", "link", "input"}


def journal_in(directory: Path) -> Journal:
    """Ada's camera freezes at 5 s for 2 s, Bob's loses 20 s to 21 s; paused from 12 s to 16 s."""
    scene = Scene(directory, SECONDS)
    scene.joins(0, "a", "Ada")
    scene.joins(0, "b", HOSTILE)
    for id_ in ("a", "b"):
        scene.shows(id_, 0, SECONDS)
    scene.shows("a", 18, 24, screen=True, sound=False)
    scene.speaks("a", (2, 5))
    scene.speaks("b", (17, 20))
    paused = [*every(0.1, 0, 12), *every(0.1, 16, SECONDS)]
    ada = scene.track("a.camera", "video", method="sender-report")
    scene.frames(ada, [t for t in paused if not 5 < t < 7])
    scene.frames(scene.track("a.camera", "audio", method="sender-report"), paused)
    bob, voice = scene.track("b.camera", "video"), scene.track("b.camera", "audio", ms=3)
    scene.frames(bob, [t for t in paused if not 20 <= t < 21])
    scene.gap(bob, 20, 21)
    scene.frames(voice, [t for t in paused if not 20 <= t < 21])
    scene.gap(voice, 20, 21)
    scene.frames(bob, [25.05], FrameFlag.BROKEN)
    scene.frames(scene.track("a.screen", "video"), every(0.5, 18, 24))
    scene.pause(*PAUSE)
    return scene.journal()


@dataclass
class Made:
    report: Report
    folder: Path

    @property
    def file(self) -> dict[str, Any]:
        found: dict[str, Any] = self.report.document["files"][0]
        return found

    @property
    def page(self) -> str:
        return (self.folder / "report.html").read_text()

    def stream(self, name: str) -> dict[str, Any]:
        return next(s for s in self.file["pictures"]["streams"] if s["stream"] == name)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    base = tmp_path_factory.mktemp("recording")
    journal = journal_in(base / "journal")
    picture = switched([(21, moving), (99, lambda t: flat(16))])
    film(base / "mixes" / "default.mp4", picture, seconds=LENGTH, fps=FPS)
    edits = edit_list(SECOND, SECONDS * SECOND, journal.pauses, FPS)
    facts = {
        "alias": "Weekly </title><script>alert(2)</script>",
        "irregularities": [
            {"t": 3.0, "type": "missing-glyphs", "mix": "default", "characters": "ꙮ", "count": 1},
            {"t": 14.0, "type": "reconnect", "seconds": 1.5},  # in the pause: not in the file
            {"t": 4.0, "type": "page-restart", "mix": "another", "failures": 1},
        ],
    }
    note = {"type": "page.stalled", "t_ns": 22 * SECOND}
    output = OutputFile(base / "mixes" / "default.mp4", "video", "default", edits, (note,))
    progress: list[float] = []
    report = make_report(journal, [output], facts, base / "report", progress.append)
    assert progress == sorted(progress)
    assert progress[-1] == 1.0
    yield Made(report, base / "report")
    journal.close()


def test_figures_are_in_the_seconds_of_the_file(made: Made) -> None:
    """The file starts at 1 s and leaves out 4 s: what was at 20 s of the journal is at 15 s."""
    assert made.file["durationSeconds"] == LENGTH
    ada, bob = made.stream("a.camera"), made.stream("b.camera")
    (freeze,) = ada["freezes"]
    assert freeze["t"] == pytest.approx(4.0, abs=0.11)
    assert freeze["seconds"] == pytest.approx(2.0, abs=0.11)
    assert freeze["cause"] == "nothing-sent"
    (lost,) = bob["freezes"]
    assert lost["t"] == pytest.approx(15.0, abs=0.11)
    assert lost["cause"] == "loss"
    assert bob["repeatedInGaps"] == 10
    assert ada["real"] + ada["repeated"] == ada["frames"] == LENGTH * FPS
    screen = made.stream("a.screen")
    assert (screen["seconds"], screen["real"], screen["shownPerSecond"]) == (6.0, 12, 2.0)


def test_what_never_came_is_told_for_each_track(made: Made) -> None:
    losses = {(e["stream"], e["kind"]): e for e in made.file["losses"]}
    gap = {"t": 15.0, "seconds": 1.0, "reason": "loss"}
    assert losses["b.camera", "audio"]["gaps"] == [gap]
    assert losses["b.camera", "video"]["missingSeconds"] == 1.0
    assert losses["b.camera", "video"]["missingShare"] == pytest.approx(1 / LENGTH, abs=0.001)
    assert losses["a.camera", "audio"]["gaps"] == []
    track = next(t for t in made.report.document["tracks"] if t["broken"])
    assert (track["stream"], track["broken"]) == ("b.camera", 1)


def test_sync_says_how_it_was_obtained_and_how_well(made: Made) -> None:
    """By the sender's clock or by arrival; where there was only arrival, less is promised."""
    sync = {e["participantId"]: e for e in made.file["sync"]}
    assert sync["a"]["audio"]["method"] == sync["a"]["video"]["method"] == "sender-report"
    assert sync["b"]["video"]["method"] == "arrival"
    assert sync["a"]["plusMinusMs"] == pytest.approx(2 * 2**0.5, abs=0.1)
    assert sync["b"]["plusMinusMs"] > sync["a"]["plusMinusMs"] + 10
    assert abs(sync["a"]["offsetMs"]) < 0.1


def test_the_video_itself_is_looked_at(made: Made) -> None:
    """Black for the last 4 s; the sound is a tone of −20 dBFS in both channels: −20 LUFS."""
    (black,) = made.file["stretches"]
    assert (black["kind"], black["t"], black["seconds"]) == ("black", 21.0, 4.0)
    assert made.file["loudness"]["integratedLufs"] == pytest.approx(-20.0, abs=0.6)
    assert made.file["loudness"]["truePeakDbtp"] == pytest.approx(-20.0, abs=1.0)
    assert made.file["posterAt"] < 21


def test_irregularities_are_those_of_the_file(made: Made) -> None:
    """Not those within a pause or of another mix; a render's own notes count, too."""
    told = [(e["type"], e["t"]) for e in made.file["irregularities"]]
    assert told == [("missing-glyphs", 2.0), ("page.stalled", 17.0)]
    texts = [finding["text"] for finding in made.file["findings"]]
    assert any("ꙮ" in text for text in texts)


def test_findings_name_who_and_when(made: Made) -> None:
    findings = {(f["area"], f["participantId"]): f for f in made.file["findings"]}
    assert [m["t"] for m in findings["picture", "a"]["moments"]] == [pytest.approx(4, abs=0.11)]
    assert "Ada" in findings["picture", "a"]["text"]
    assert findings["network", "b"]["moments"][0]["t"] == 15.0
    severities = [f["severity"] for f in made.file["findings"]]
    assert severities == sorted(severities, key=["problem", "note", "good"].index)


def test_products_are_all_there_and_fit_the_file(made: Made) -> None:
    """Every file that is listed exists; chapters and turns lie within the video."""
    names = {path.name for path in made.report.files}
    assert names == {
        "report.json",
        "report.html",
        "timeline.json",
        "default.chapters.vtt",
        "default.speakers.vtt",
        "default.poster.jpg",
        "default.contact-sheet.jpg",
    }
    assert all(path.stat().st_size for path in made.report.files)
    assert set(made.file["products"].values()) == {n for n in names if n.startswith("default")}
    assert json.loads((made.folder / "report.json").read_text()) == made.report.document
    for name in ("chapters", "speakers"):
        found = cues((made.folder / f"default.{name}.vtt").read_text())
        assert found
        assert all(0 <= start < stop <= LENGTH for start, stop, _ in found)
    timeline = json.loads((made.folder / "timeline.json").read_text())["files"][0]
    ada, bob = timeline["participants"]
    assert ada["speaking"] == [[1.0, 4.0]]
    assert bob["speaking"] == [[12.0, 15.0]]
    assert ada["sharing"] == [[13.0, 19.0]]
    assert timeline["pauses"] == [{"t": 11.0, "seconds": 4.0}]


@dataclass
class Seen(HTMLParser):
    """What a browser's parser would see: elements, their attributes, text, and what is unclosed."""

    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def values(self, name: str) -> list[str]:
        return [attrs[name] or "" for _, attrs in self.tags if name in attrs]


@pytest.fixture(scope="module")
def seen(made: Made) -> Seen:
    parser = Seen()
    parser.feed(made.page)
    parser.close()
    return parser


def test_hostile_names_are_text_on_the_page(made: Made, seen: Seen) -> None:
    """They add no element and no attribute; one script runs, the page's own, by its digest."""
    assert seen.open == []
    scripts = re.findall(r"<script>(.*?)</script>", made.page, re.S)
    assert len(scripts) == [tag for tag, _ in seen.tags].count("script") == 1
    policy = next(value for value in seen.values("content") if "script-src" in value)
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "b" not in [tag for tag, _ in seen.tags]
    assert not any(name.startswith("on") for _, attrs in seen.tags for name in attrs)
    assert any('<b>Bob</b> & "Eve"' in text for text in seen.text)


def test_the_page_holds_everything_it_shows(seen: Seen) -> None:
    """Pictures are in the page, nothing is loaded; links lead to the recording's own files."""
    for tag, attrs in seen.tags:
        assert tag not in ("link", "iframe", "object", "embed")
        if tag == "img":
            assert (attrs["src"] or "").startswith("data:image/jpeg;base64,")
            assert attrs["alt"]
        if tag == "video":
            assert (attrs["src"], attrs["preload"]) == ("../mixes/default.mp4", "none")
    links = seen.values("href")
    assert links
    assert all(re.match(r"(\.\./mixes/)?[\w.-]+(#t=[\d.]+)?$", href) for href in links)


def test_every_moment_on_the_page_is_in_the_file(seen: Seen) -> None:
    times = [float(t) for t in seen.values("data-t")]
    assert len(times) > 15
    assert all(0 <= t < LENGTH for t in times)
    shares = [float(v) for style in seen.values("style") for v in re.findall(r"([\d.]+)%", style)]
    assert all(0 <= share <= 100 for share in shares)


def test_lanes_are_a_table_with_words(seen: Seen) -> None:
    """A row for each participant with a header, and each picture of a lane has a description."""
    labels = [attrs["aria-label"] or "" for tag, attrs in seen.tags if tag == "svg"]
    assert len(labels) == 2
    assert "present 0:00 to 0:25" in labels[0]
    assert "spoke for 0:03" in labels[0]
    assert "shared a screen for 0:06" in labels[0]
    assert sum(attrs.get("scope") == "row" for _, attrs in seen.tags) >= 4


def test_somebody_who_is_left_out_is_nowhere(made: Made, tmp_path: Path) -> None:
    """A report of the journal without Bob has neither name, id nor figures of him."""
    base = made.folder.parent
    journal = Journal.open(base / "journal", without=("b",))
    edits = edit_list(SECOND, SECONDS * SECOND, journal.pauses, FPS)
    output = OutputFile(base / "mixes" / "default.mp4", "video", "default", edits)
    report = make_report(journal, [output], {}, tmp_path / "report")
    journal.close()
    written = "".join(p.read_text() for p in report.files if p.suffix != ".jpg")
    assert "Ada" in written
    assert "Bob" not in written
    assert "b.camera" not in written


def test_a_file_that_cannot_be_read_is_told_and_the_others_are_not_lost(tmp_path: Path) -> None:
    """Two mixes, one of them damaged, and a leg: the report is made, and says so."""
    journal = journal_in(tmp_path / "journal")
    edits = edit_list(0, 4 * SECOND, [], FPS)
    good = film(tmp_path / "mixes" / "good.mp4", moving, seconds=4, fps=FPS)
    bad = tmp_path / "mixes" / "bad.mp4"
    bad.write_bytes(b"nothing")
    outputs = [
        OutputFile(bad, "video", "bad", edits),
        OutputFile(good, "video", "good", edits),
        OutputFile(good, "leg", "good", edits),
    ]
    report = make_report(journal, outputs, {}, tmp_path / "report")
    told = {file["id"]: file for file in report.document["files"]}
    assert "bad.mp4" in told["bad"]["error"]
    assert told["bad"]["findings"][0]["severity"] == "problem"
    assert told["good.video"]["error"] is None
    assert told["good.leg"]["loudness"]["integratedLufs"] is not None
    assert (tmp_path / "report" / "good.video.poster.jpg").exists()
    assert not (tmp_path / "report" / "bad.poster.jpg").exists()


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    journal = journal_in(tmp_path / "journal")
    (tmp_path / "report").write_text("in the way")
    with pytest.raises(StorageError, match="report"):
        make_report(journal, [], {}, tmp_path / "report")
