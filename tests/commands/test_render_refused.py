"""What `mixer render` and `mixer record` refuse before they begin, each in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from mixer.clock import SECOND
from mixer.recorder import MixPlan, Plan, RecordFolder
from tests.instruments.make_journal import make_journal
from tests.test_cli import said


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of a second."""
    folder = RecordFolder(tmp_path_factory.mktemp("record"))
    make_journal(folder.journal, participants=1, size=(160, 90), seconds=1.0, loop_seconds=1)
    folder.save(Plan("made", "made", (MixPlan(start_ns=0, stop_ns=SECOND),)))
    return folder.directory


@pytest.mark.parametrize("more", ["", "deeper"])
@pytest.mark.parametrize("format_", ["mp4", "mp3", "both"])
def test_a_file_is_no_folder(record: Path, tmp_path: Path, format_: str, more: str) -> None:
    """--out below a file is a mistake like another, and told as one."""
    file = tmp_path / "file"
    file.touch()
    out = file / more / ("film.mp4" if format_ == "mp4" else "films")
    text = said("render", str(record), "--out", str(out), "--format", format_, code=2)
    assert text == f"mixer: --out {out} lies in {file}, which is a file; give another\n"


LEGS = "--participant-audio"


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ((LEGS,), (LEGS, "--format mp4 makes none")),
        (("--format", "mp4", "--loudness", "-16"), ("--loudness", "mp3 or both")),
        (("--vbr", "2", "--audio-bit-rate", "96"), ("--audio-bit-rate, --vbr",)),
        (("--format", "mp3", "--cut-silence"), ("--cut-silence", f"add {LEGS}")),
        (("--format", "both", LEGS, "--loudness", "7"), ("loudness 7",)),
    ],
)
def test_wishes_that_would_change_nothing(
    record: Path, tmp_path: Path, flags: tuple[str, ...], words: tuple[str, ...]
) -> None:
    """Of sound that is not made; nothing is begun, and nobody is joined."""
    commands = (
        ("render", str(record), "--out", str(tmp_path / "out.mp4"), "--no-report"),
        ("record", "http://127.0.0.1:1/rooms/x", "--out", str(tmp_path / "rec")),
    )
    for command in commands:
        text = said(*command, *flags, code=2)
        assert text.startswith("mixer: ") and text.count("\n") == 1
        assert all(word in text for word in words), text
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "flags",
    [
        ("--layout", "default"),
        ("--size", "640x360"),
        ("--fps", "25"),
        ("--crf", "23", "--preset", "x"),
    ],
)
def test_the_look_of_a_sound(record: Path, tmp_path: Path, flags: tuple[str, ...]) -> None:
    """MP3 files have none: whoever asks for one would wait for something else."""
    out = ("--out", str(tmp_path / "out"), "--format", "mp3")
    text = said("render", str(record), *out, *flags, code=2)
    assert text.startswith(
        f"mixer: {', '.join(sorted(f for f in flags if f[0] == '-')[::-1])}: of "
    )
    assert not list(tmp_path.iterdir())


def test_an_upload_of_nothing(tmp_path: Path) -> None:
    """Without live renders there is no file to upload when the recording ends."""
    flags = ("--no-live", "--upload", f"file://{tmp_path}/up")
    text = said(
        "record", "http://127.0.0.1:1/rooms/x", "--out", str(tmp_path / "rec"), *flags, code=2
    )
    assert text.startswith("mixer: --upload: --no-live") and text.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_numbers_that_are_none(tmp_path: Path, number: str) -> None:
    """Python reads them, but nobody can wait for them, or be as loud."""
    record = ("record", "http://127.0.0.1:1/rooms/x", "--out", str(tmp_path / "rec"))
    for command in (
        *((*record, flag, number) for flag in ("--duration", "--empty-timeout", "--loudness")),
        ("render", "nowhere", "--from", number),
        ("replay", "nowhere", "--into", "http://127.0.0.1:1/rooms/x", "--offset", number),
    ):
        text = said(*command, code=2)
        assert text.startswith("mixer: Invalid value for '--") and text.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["status", "pause", "resume", "stop"])
def test_one_mix_of_what_is_said_to_all(tmp_path: Path, command: str) -> None:
    """`stop --mix phone` is not to end the whole recording."""
    text = said("ctl", str(tmp_path), command, "--mix", "phone", code=2)
    assert text == f"mixer: --mix: {command} is of the whole recording; leave it out\n"


def test_a_report_of_another_version(record: Path, tmp_path: Path) -> None:
    """There is none; who does not ask for one is not told so."""
    out = ("--out", str(tmp_path / "out.mp4"))
    assert "--report" in said("render", str(record), *out, "--report", code=2)
    for flags in ((), ("--no-report",)):
        assert "no participant 'x'" in said(
            "render", str(record), *out, *flags, "--without", "x", code=2
        )
