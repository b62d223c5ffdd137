"""What `mixer room` is told reaches Janus; what it tells is enough to join it."""

from __future__ import annotations

import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from mixer.conference.janus import JanusConnection
from mixer.conference.session import join
from tests.instruments.make_journal import make_journal
from tests.system.processes import mixer, process

JANUS = """#!/bin/sh
while [ $# -gt 1 ]; do [ "$1" = -F ] && cp "$2/janus.jcfg" "$(dirname "$0")/told"; shift; done
exit 1
"""


def test_the_interfaces_for_media_reach_janus(tmp_path: Path) -> None:
    """Each --ice-interface is in the list that Janus is to keep to; it starts with no other."""
    janus = tmp_path / "janus"
    janus.write_text(JANUS)
    janus.chmod(0o755)
    room = [sys.executable, "-m", "mixer.cli", "room", "--port", "0", "--janus", str(janus)]
    room += ["--log-dir", str(tmp_path), "--ice-interface", "lo", "--ice-interface", "10.0.0.7"]
    done = subprocess.run(room, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0  # such a Janus does not run
    assert 'ice_enforce_list = "lo,10.0.0.7"' in (tmp_path / "told").read_text()


async def test_a_certificate_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--tls-self-signed` says where its certificate is. Who does not trust it hears that, and
    what to do; who is given it by --tls-ca, or trusts it anyway, is in."""
    make_journal(tmp_path / "j", participants=0, microphones=1, seconds=1, loop_seconds=1)
    argv = ("mixer.cli", "room", "--port", "0", "--tls-self-signed", "--log-dir", str(tmp_path))
    with process(*argv, log=tmp_path / "room.log") as server:
        assert server.stdout
        said = dict(server.stdout.readline().strip().split(": ", 1) for _ in range(3))
        room = f"{said['Conference server'].strip()}/rooms/a"
        file = said["Certificate"].split()[0]
        out = str(tmp_path / "out")
        for attempt in (
            ("record", room, "--format", "mp3", "--out", out),
            ("record", f"janus+{room.replace('https', 'wss')}", "--format", "mp3", "--out", out),
            ("replay", str(tmp_path / "j"), "--into", room),
        ):
            done = mixer(*attempt, check=False)
            assert done.returncode == 10, done.stderr
            assert "not trusted" in done.stderr and "--tls-ca FILE" in done.stderr
        mixer(
            "record", room, "--format", "mp3", "--out", out, "--duration", "0.5", "--tls-ca", file
        )
        trusting = ssl.create_default_context(cafile=file)
        monkeypatch.setenv("SSL_CERT_FILE", file)  # as if an authority had signed it
        async with await join(room, "Ada", ssl_context=trusting) as ada:
            await (await JanusConnection.open(ada.janus_url)).close()
