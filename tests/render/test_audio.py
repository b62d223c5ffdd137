"""Audio jobs: names, lengths, legs that line up with the mix, and the same bytes whenever made."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from mixer.edit import Span, edit_list, joined
from mixer.errors import JournalMissing, UsageError
from mixer.journal import PAUSED, RESUMED, Event, Journal, Note
from mixer.render.audio import AudioJob, AudioResult
from mixer.render.audio_settings import AudioSettings
from mixer.render.job import clean
from mixer.render.settings import Workspace
from mixer.sound import edited_segment, mix_segment
from mixer.sound.loudness import measure_file
from tests.encode.scenes import needs_ffmpeg
from tests.render.audio_scene import (
    END_NS,
    EVENTS,
    content,
    heard,
    make,
    scene,
    scene_voices,
)
from tests.sound.voices import RATE, SECOND, decibels, journal_of, offset
from tests.sound.voices import correlation_of as correlation

pytestmark = needs_ffmpeg
LEGS = AudioSettings(legs=True)


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Journal:
    return scene(tmp_path_factory.mktemp("scene"))


@pytest.fixture(scope="module")
def made(journal: Journal, tmp_path_factory: pytest.TempPathFactory) -> AudioResult:
    return asyncio.run(make(journal.directory, tmp_path_factory.mktemp("made"), LEGS))


def test_files_and_their_names(journal: Journal, made: AudioResult) -> None:
    """The mix, Ada's voice, her screen's sound, Bob's two stays; nothing of who sent nothing."""
    start = round(journal.started_wall * 1_000)
    assert [file.path.name for file in made.files] == [
        f"record_{start}_conf_test.mp3",
        f"record_{start}_conn_ada_{start}.mp3",
        f"record_{start}_conn_ada_{start}_screen.mp3",
        f"record_{start}_conn_bob_{start + 2_000}.mp3",
        f"record_{start}_conn_bob_{start + 8_000}.mp3",
    ]
    assert [(f.participant, f.name, f.source, f.stay_start_ns) for f in made.files[1:]] == [
        ("ada", "Ada", "Camera", 0),
        ("ada", "Ada", "ScreenShare", 0),
        ("bob", "Bob", "Camera", 2 * SECOND),
        ("bob", "Bob", "Camera", 8 * SECOND),
    ]
    assert not made.notes
    assert all(file.bytes == file.path.stat().st_size for file in made.files)


def test_lengths_are_those_of_the_video(made: AudioResult) -> None:
    """All files have the samples of the frames that a video of 30 fps has."""
    assert made.seconds == 12.0
    assert {file.seconds for file in made.files} == {12.0}
    assert {len(heard(file)) for file in made.files} == {12 * RATE}


def test_the_mix_is_the_mix(journal: Journal, made: AudioResult) -> None:
    """The file sounds as the sound that videos get, and lies where it lies."""
    mix, truth = heard(made.files[0]), mix_segment(journal, 0, 12 * RATE)
    for channel in (0, 1):
        assert abs(offset(mix[:, channel], truth[:, channel])) < 0.5
        assert correlation(mix[:, channel], truth[:, channel]) > 0.99


def test_legs_line_up_with_the_mix(made: AudioResult) -> None:
    """Laid side by side, each leg lies within a sample of its place, and all together are the
    mix."""
    mix = heard(made.files[0]).mean(axis=1)
    legs = [heard(file)[:, 0] for file in made.files[1:]]
    assert correlation(np.sum(legs, axis=0), mix) >= 0.99
    alone = [(0, 2), (4, 7), (2, 4), (9, 11)]  # seconds in which to listen to each
    for leg, (begin, end) in zip(legs, alone, strict=True):
        part = slice(begin * RATE, end * RATE)
        assert abs(offset(mix[part], leg[part])) < 1


def test_legs_are_silent_where_nothing_was_sent(made: AudioResult) -> None:
    """Bob's first stay holds nothing of the second, nor the other way round."""
    first, second = (heard(file)[:, 0] for file in made.files[3:])
    assert decibels(first[2 * RATE : 5 * RATE]) > -40 and decibels(second[9 * RATE :]) > -40
    assert decibels(first[: 2 * RATE - 2_400]) < -90 and decibels(first[5 * RATE + 2_400 :]) < -90
    assert decibels(second[: 8 * RATE - 2_400]) < -90


def test_tags(made: AudioResult) -> None:
    """Title, and chapters for who came and went and what was shared."""
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_format", "-show_chapters"]
    told = [
        json.loads(subprocess.check_output([*command, str(file.path)])) for file in made.files[:3]
    ]
    titles = [one["format"]["tags"]["title"] for one in told]
    assert titles == ["Weekly", "Weekly: Ada", "Weekly: Ada (screen)"]
    chapters = [(float(c["start_time"]), c["tags"]["title"]) for c in told[0]["chapters"]]
    assert chapters == [
        (0.0, "Start: Ada, Cyd"),
        (2.0, "Bob joined"),
        (4.0, "Ada shares the screen"),
        (5.0, "Bob left"),
        (7.0, "Ada stopped sharing"),
        (8.0, "Bob joined"),
    ]


async def test_made_again_it_is_the_same(
    journal: Journal, made: AudioResult, tmp_path: Path
) -> None:
    """Another job gives the same bytes; one that has been done is not done again."""
    again = await make(journal.directory, tmp_path, LEGS)
    assert content(again) == content(made)
    stamps = {file.path: file.path.stat().st_mtime_ns for file in again.files}
    kept = await make(journal.directory, tmp_path, LEGS)
    assert kept == again
    assert {file.path: file.path.stat().st_mtime_ns for file in kept.files} == stamps
    again.files[1].path.unlink()
    assert content(await make(journal.directory, tmp_path, LEGS)) == content(made)


async def test_two_at_once(journal: Journal, tmp_path: Path) -> None:
    """The second of two jobs that would work in one folder is refused, and nothing of it is in the
    way of the first; nor does whoever tidies up take a living job's work away."""
    work = Workspace(tmp_path / "work")
    both = [
        AudioJob(journal.directory, work, LEGS, (Span(0, END_NS),), tmp_path / name)
        for name in ("first", "second")
    ]
    first = asyncio.ensure_future(both[0].run())
    while not (work.directory / "request.json").exists():  # noqa: ASYNC110
        await asyncio.sleep(0)
    with pytest.raises(UsageError, match="is being made already"):
        await both[1].run()
    clean(work)
    made = await first
    assert len(made.files) == 5 and all(file.path.exists() for file in made.files)
    assert {file.path.parent for file in made.files} == {tmp_path / "first"}
    clean(work)
    assert not work.directory.exists()


async def test_to_the_journals_end(journal: Journal, made: AudioResult, tmp_path: Path) -> None:
    """A part without an end goes on to the journal's; without legs there is the mix alone."""
    whole = await make(journal.directory, tmp_path, AudioSettings(), Span(0))
    assert list(content(whole).values()) == list(content(made).values())[:1]


async def test_parts_and_pauses(tmp_path: Path) -> None:
    """Parts come one after the other without what lies between, pauses are left out: the length of
    the frames, no click at any seam, chapters and stays in the file's time."""
    pauses = [Note(2_500_000_000, PAUSED), Note(3_200_000_000, RESUMED)]
    told: list[Event | Note] = [*EVENTS, *pauses]
    told.sort(key=lambda one: one.t_ns)
    journal = journal_of(tmp_path / "j", scene_voices(), end_ns=END_NS, told=told)
    parts = (Span(SECOND, 4_600_000_000), Span(9_040_000_000, 11_500_000_000))
    result = await make(journal.directory, tmp_path, LEGS, *parts)
    edits = joined([edit_list(p.start_ns, p.stop_ns, journal.pauses, 30) for p in parts])
    assert edits.frames is not None
    samples = edits.sample(edits.frames)
    assert {len(heard(file)) for file in result.files} == {samples}
    truth = edited_segment(journal, edits, 0, edits.frames)
    mix = heard(result.files[0])
    assert correlation(mix[:, 0], truth[:, 0]) > 0.99
    _no_clicks(mix[:, 0], [s.samples for s in edits.stretches(0, edits.frames)], truth[:, 0])
    assert [file.stay_start_ns for file in result.files] == [
        SECOND,  # the mix
        SECOND,  # Ada was there before the first part
        SECOND,
        2 * SECOND,
        9_040_000_000,  # Bob's second stay began between the parts
    ]


def _no_clicks(sound: np.ndarray, stretches: Sequence[int], truth: np.ndarray) -> None:
    usual = np.percentile(np.abs(np.diff(truth)), 99.9)
    for seam in np.cumsum(stretches)[:-1]:
        assert np.abs(np.diff(sound[seam - 480 : seam + 480])).max() <= usual


async def test_cut_silence(journal: Journal, made: AudioResult, tmp_path: Path) -> None:
    """Without the silence: as long as what was sent, and the cue sheet says where it belongs."""
    cut = await make(journal.directory, tmp_path, AudioSettings(legs=True, cut_silence=True))
    assert content(cut)[cut.files[0].path.name] == made.files[0].path.read_bytes()
    for short, whole in zip(cut.files[1:], made.files[1:], strict=True):
        sound, truth = heard(short)[:, 0], heard(whole)[:, 0]
        assert len(sound) == round(short.seconds * RATE)
        sheet = short.path.with_suffix(".cue").read_text()
        assert f'FILE "{short.path.name}" MP3' in sheet
        [source] = [int(line.split()[-1]) for line in sheet.splitlines() if "SOURCE" in line]
        began = 4 * SECOND if short.source == "ScreenShare" else short.stay_start_ns
        assert 0 <= began * RATE / SECOND - source < 1_000
        assert correlation(sound, truth[source:][: len(sound)]) > 0.98
    assert [round(file.seconds) for file in cut.files[1:]] == [12, 3, 3, 4]


@pytest.mark.parametrize("target", [-16.0, -23.0])
async def test_loudness(journal: Journal, tmp_path: Path, target: float) -> None:
    """The mix reaches the loudness asked for, and its true peak stays below -1 dBTP."""
    result = await make(journal.directory, tmp_path, AudioSettings(loudness=target))
    measured = measure_file(result.files[0].path)
    assert measured.integrated_lufs == pytest.approx(target, abs=0.5)
    assert measured.true_peak_dbtp is not None and measured.true_peak_dbtp <= -1.0
    assert len(heard(result.files[0])) == 12 * RATE and not result.notes


async def test_without_somebody(journal: Journal, tmp_path: Path) -> None:
    """Whose consent is withdrawn: no file, no sound in the mix, no name in it."""
    gone = await make(journal.directory, tmp_path, AudioSettings(legs=True, without=("bob",)))
    assert [file.participant for file in gone.files] == ["", "ada", "ada"]
    assert b"Bob" not in gone.files[0].path.read_bytes()
    mix = heard(gone.files[0]).mean(axis=1)
    legs = [heard(file)[:, 0] for file in gone.files[1:]]
    assert correlation(mix, np.sum(legs, axis=0)) > 0.99


async def test_a_journal_that_is_not_there(tmp_path: Path) -> None:
    """One clear error, from the process in which it happened."""
    job = AudioJob(tmp_path, Workspace(tmp_path / "w"), LEGS, (Span(0, SECOND),), tmp_path / "a")
    with pytest.raises(JournalMissing):
        await job.run()
