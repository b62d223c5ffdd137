"""The doctor says what is missing, how to get it, and never loses its head."""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mixer import doctor
from mixer.doctor import Finding, browser, examination, machine, software

NAMES = [
    "Python", "Packages", "Codecs", "Browser", "Sandbox", "Fonts", "Janus", "Port", "Disk",
    "Disk speed", "Shared memory", "Memory", "Processors", "Open files", "Clock",
]  # fmt: skip


@pytest.mark.system
def test_here_where_the_tests_run_recording_works(tmp_path: Path) -> None:
    """The machine of the tests has all that is needed; every warning says what to do."""
    findings = doctor.examine(tmp_path / "new")
    assert [finding.name for finding in findings] == NAMES
    assert [finding for finding in findings if finding.state == "failed"] == []
    assert all(finding.remedy for finding in findings if finding.state != "ok")
    assert all("\n" not in finding.what + finding.remedy for finding in findings)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.system
def test_json_and_exit_code_when_the_browser_is_missing() -> None:
    """Something needed that is missing ends with 3, and JSON names it with a remedy."""
    code = "import sys; from mixer.doctor import run; sys.exit(run(json=True))"
    environment = os.environ | {"MIXER_BROWSER": "/nowhere/chromium"}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=100
    )
    assert run.returncode == 3
    report = json.loads(run.stdout)
    assert report["ok"] is False
    found = {finding["name"]: finding for finding in report["findings"]}
    assert found["Browser"]["state"] == "failed"
    assert "chromium" in found["Browser"]["remedy"]
    assert found["Sandbox"]["state"] == "failed"
    assert found["Codecs"]["state"] == "ok"


def test_all_that_encodes_is_looked_for() -> None:
    """Also what only MP3 files need."""
    assert {name for name, mode, _ in software.CODECS if mode == "w"} == {
        "libx264",
        "aac",
        "libmp3lame",
    }


def test_a_browser_that_does_not_start_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that is there but dies is a failure of both browser and sandbox."""
    program = tmp_path / "headless_shell"
    program.write_text("#!/bin/sh\necho 'No usable sandbox!' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("MIXER_BROWSER", str(program))
    assert browser.browser().state == "failed"
    found = browser.sandbox()
    assert found.state == "failed"
    assert "MIXER_SANDBOX" in found.remedy


def test_a_sandbox_that_is_off_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """MIXER_SANDBOX=off is allowed but not passed over in silence."""
    monkeypatch.setenv("MIXER_SANDBOX", "off")
    assert browser.sandbox().state == "warning"


def test_each_script_without_a_font_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without any fonts even Latin is missing, and the packages are named."""
    nothing = tmp_path / "fonts.conf"
    nothing.write_text(f"<fontconfig><cachedir>{tmp_path}</cachedir></fontconfig>")
    monkeypatch.setenv("FONTCONFIG_FILE", str(nothing))
    found = software.fonts()
    assert found.state == "failed"
    for package in ("fonts-noto-core", "fonts-noto-cjk", "fonts-noto-color-emoji"):
        assert package in found.remedy


@pytest.mark.parametrize(
    ("told", "what"), [("", "does not start"), ("Janus version: 94 (0.9.4)", "too old")]
)
def test_a_janus_that_will_not_do_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str, what: str
) -> None:
    """Janus is needed by mixer room only: broken, old or absent, it is no failure."""
    monkeypatch.setattr(software, "_search_path", lambda: str(tmp_path))
    assert software.janus().what == "not installed"
    program = tmp_path / "janus"
    program.write_text(f"#!/bin/sh\necho '{told}'\n")
    program.chmod(0o755)
    found = software.janus()
    assert (found.state, what in found.what) == ("warning", True)


def test_sound_that_will_not_be_concealed_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without libopus recordings work, and losses are heard."""
    assert software.codecs().state == "ok"
    monkeypatch.setattr("mixer.sound.opus._libopus", lambda: None)
    found = software.codecs()
    assert found.state == "warning" and "libopus0" in found.remedy


def test_a_taken_port_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else listens where mixer room would."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(machine, "PORT", taken.getsockname()[1])
        assert machine.port().state == "warning"
    assert machine.port().state == "ok"


def test_a_full_disk_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below what a recording keeps free nothing can be recorded."""
    assert machine.disk(tmp_path / "not" / "yet").what.endswith(str(tmp_path))
    monkeypatch.setattr(machine, "NEEDED_DISK", 1 << 60)
    assert machine.disk(tmp_path).state == "failed"


def test_few_open_files_are_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit below what a recorder may open is told with the command that raises it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
        assert machine.open_files().remedy == "ulimit -n 1024"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_check_that_breaks_is_a_finding() -> None:
    """An error inside a check does not end the examination."""

    def strange_thing() -> Finding:
        raise RuntimeError("what is this?")

    found = examination._looked(strange_thing)
    assert (found.name, found.state) == ("strange thing", "failed")
    assert "what is this?" in found.what
