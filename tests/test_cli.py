"""The command line as its user meets it: names, words, widths."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from mixer import __version__
from mixer.cli import app
from mixer.recorder.display import told

COMMANDS = ("record", "render", "ctl", "replay", "inspect", "check", "app create", "app list")
WIDE = {"COLUMNS": "300", "MIXER_VERSION": "of an image, which means nothing to us"}


def said(*arguments: str, code: int = 0, **environment: str) -> str:
    """What is printed, to either."""
    done = CliRunner().invoke(app, arguments, env=WIDE | environment)
    assert done.exit_code == code, done.output
    return re.sub(r"\x1b\[[0-9;]*m", "", done.output)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_flag_s_variable_is_named_after_it(command: str) -> None:
    """README.md: MIXER_RECORD_OUT for `mixer record --out`; some flags have names that are no names
    in Python. Those that several commands share have one of their own."""
    prefix = f"MIXER_{command.replace(' ', '_').upper()}_"
    found = re.findall(r"(--[a-z-]+) .*\[env var: (MIXER_\w+)\]", said(*command.split(), "--help"))
    assert found
    for flag, variable in found:
        if variable.startswith(prefix):
            assert variable == prefix + flag.strip("-").replace("-", "_").upper()


def test_the_variable_of_a_renamed_flag_counts() -> None:
    """Not only the help says so."""
    told = said("render", "nowhere", "--out", "x.mp4", code=2, MIXER_RENDER_FORMAT="avi")
    assert "format 'avi' is none of mp4, mp3, both" in told


def test_the_version() -> None:
    assert said("--version") == f"mixer {__version__}\n"


def test_a_video_is_not_written_under_the_name_of_something_else() -> None:
    """mixer render DIR --out sound.mp3 without --format makes no MP4 of that name."""
    assert "--format mp3" in said("render", "nowhere", "--out", "sound.mp3", code=2)


def test_a_status_is_told_in_words() -> None:
    """`mixer ctl DIR status` without --json, also of a recorder that has not joined yet."""
    report: dict[str, Any] = {
        "stage": "joining",
        "elapsed_s": 0.0,
        "paused": False,
        "free_bytes": 0,
        "ingest": {},
        "mixes": {},
    }
    assert "joining" in _shown(report)
    mix = {"stage": "rendering", "size": "64x64", "frames": 60, "fps": 30, "lag_s": 1.25}
    report["mixes"] = {
        "a": {**mix, "running": True, "error": None},
        "b": {**mix, "running": True, "error": "the disk [full]"},
    }
    text = _shown(report | {"stage": "recording", "elapsed_s": 62.0})
    assert "0:01:02" in text and "1.2 s" in text and "failed: the disk [full]" in text


def _shown(report: dict[str, Any]) -> str:
    out = io.StringIO()
    Console(file=out, width=160).print(told(report))
    return out.getvalue()


def test_a_port_that_is_none() -> None:
    """Told as every other flag's mistake, not by a traceback."""
    for command in ("room", "preview", "serve"):
        assert "--port" in said(command, "--port", "99999", code=2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("render", "DIR", "--foo"), "--foo"),
        (("render",), "Missing argument 'directory'"),
        (("record", "http://h/rooms/a"), "--out"),
        (("record", "http://h/rooms/a", "--out", "x", "--duration", "long"), "'--duration'"),
        (("nonsense",), "No such command 'nonsense'; see mixer --help"),
        (("app", "create"), "see mixer app create --help"),
    ],
)
def test_what_the_parser_finds_is_one_line(arguments: tuple[str, ...], words: str) -> None:
    """As every other error (docs/exit-codes.md), and for machines with --json."""
    text = said(*arguments, code=2)
    assert text.startswith("mixer: ") and text.count("\n") == 1 and words in text
    if len(arguments) > 1:
        line, machine = sorted(said(*arguments, "--json", code=2).splitlines())
        assert json.loads(machine) == {"event": "error", "message": line[7:], "code": 2}


def test_help_that_is_asked_for() -> None:
    """By its flag, and by giving nothing at all; no error is told."""
    for arguments, code in ((("--help",), 0), ((), 2), (("app",), 2)):
        text = said(*arguments, code=code)
        assert "Usage: mixer" in text and "mixer:" not in text


def test_an_empty_path_is_not_the_current_folder() -> None:
    """As a shell's variable gives it that is not set."""
    for command in (
        ("record", "http://h/rooms/a", "--out", ""),
        ("render", ""),
        ("doctor", "--out="),
    ):
        assert "it is empty: give a path" in said(*command, code=2)


def test_several_values_in_a_variable() -> None:
    """They are separated as a shell's words are: names and paths may have spaces."""
    mixes = "'id=a,layout=my layout' id=b,size=1x1"
    record = ("record", "http://h/rooms/a", "--out", "/proc/x")
    assert "width 1 is not" in said(*record, code=2, MIXER_RECORD_MIX=mixes)
    told = said("render", "nowhere", "--out", "x.mp4", code=2, MIXER_RENDER_WITHOUT="'Ada Lovelace")
    assert "no closing quotation" in told


@pytest.mark.parametrize(("level", "code"), [("foo", 2), ("DEBUG", 0), ("", 0)])
def test_the_level_of_the_log(level: str, code: int) -> None:
    """One that is none is a mistake of the caller's, told with those there are."""
    environment = {**os.environ, "MIXER_LOG": level}
    argv = [sys.executable, "-m", "mixer.cli", "--version"]
    done = subprocess.run(
        argv, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == code
    assert not code or done.stderr == (
        "mixer: MIXER_LOG='foo' is none of debug, info, warning, error, critical\n"
    )
