"""What `mixer room` is told reaches Janus."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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
