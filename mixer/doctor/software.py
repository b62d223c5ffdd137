"""Whether the programs and libraries that mixer stands on are there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

from .finding import Finding, failed, install, ok, warning

OLDEST_PYTHON = (3, 11)
TIMEOUT_S = 15.0
# (codec, "w" to encode or "r" to decode, what for)
CODECS: tuple[tuple[str, Literal["r", "w"], str], ...] = (
    ("libx264", "w", "mixes"),
    ("aac", "w", "mixes' sound"),
    ("libmp3lame", "w", "MP3 files"),
    ("vp8", "r", "participants' video"),
    ("h264", "r", "participants' video"),
    ("libopus", "r", "participants' sound"),
)
# A character that stands for its script, and the package that has its font.
SCRIPTS = (
    ("Latin", "41", "fonts-noto-core"),
    ("Cyrillic", "436", "fonts-noto-core"),
    ("Arabic", "627", "fonts-noto-core"),
    ("Devanagari", "915", "fonts-noto-core"),
    ("Thai", "e01", "fonts-noto-core"),
    ("Chinese and Japanese", "6f22", "fonts-noto-cjk"),
    ("Korean", "d55c", "fonts-noto-cjk"),
    ("emoji", "1f98a", "fonts-noto-color-emoji"),
)
JANUS_PARTS = ("plugins/libjanus_videoroom.so", "transports/libjanus_websockets.so")
OLDEST_JANUS = (1, 1)


def python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        return failed("Python", f"{found} is too old", f"{install('python3.11')} (or newer)")
    return ok("Python", f"{found}, {sys.executable}")


def packages() -> Finding:
    """The wheels that pyproject.toml asks for, by what is installed."""
    try:
        wanted = [line for line in requires("mixer") or [] if "extra ==" not in line]
    except PackageNotFoundError:
        return failed("Packages", "mixer itself is not installed", "pip install -e .")
    missing = [name for line in wanted if not _installed(name := _package_name(line))]
    if missing:
        lacking = ", ".join(missing)
        return failed("Packages", f"missing: {lacking}", f"pip install {' '.join(missing)}")
    told = ", ".join(f"{name} {version(name)}" for name in ("aiortc", "av", "playwright"))
    return ok("Packages", f"all {len(wanted)} are there: {told}")


def _package_name(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    return match[0] if match else requirement


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def codecs() -> Finding:
    """What PyAV's libraries can encode and decode."""
    import av
    from av.codec.codec import UnknownCodecError

    missing: list[str] = []
    for name, mode, purpose in CODECS:
        try:
            av.Codec(name, mode)
        except UnknownCodecError:
            missing.append(f"{name} ({purpose})")
    if missing:
        remedy = "use PyAV's own wheels: pip install --force-reinstall --only-binary=:all: av"
        return failed("Codecs", f"PyAV {av.__version__} lacks {', '.join(missing)}", remedy)
    from ..sound.opus import backend

    if backend() == "pyav":
        what = "no libopus: a lost packet of sound becomes silence instead of being concealed"
        return warning("Codecs", what, install("libopus0"))
    return ok("Codecs", f"PyAV {av.__version__}: x264, AAC, VP8, H.264, Opus")


def fonts() -> Finding:
    """Names of participants are in any script: what has no font turns into boxes."""
    if shutil.which("fc-list") is None:
        wanted = sorted({package for *_, package in SCRIPTS})
        return warning("Fonts", "fontconfig is missing", install("fontconfig", *wanted))
    lacking = [(script, package) for script, code, package in SCRIPTS if not _has_font(code)]
    if not lacking:
        return ok("Fonts", ", ".join(script for script, *_ in SCRIPTS))
    remedy = install(*sorted({package for _, package in lacking}))
    what = f"no font for {', '.join(script for script, _ in lacking)}"
    return (failed if lacking[0][0] == "Latin" else warning)("Fonts", what, remedy)


def _has_font(code: str) -> bool:
    command = ["fc-list", f":charset={code}", "family"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
    return run.returncode == 0 and bool(run.stdout.strip())


def janus() -> Finding:
    """Only `mixer room` needs it: who records other rooms, or makes layouts, does not."""
    name, remedy = "Janus", f"{install('janus')} (only `mixer room` needs it)"
    path = shutil.which("janus", path=_search_path())
    if path is None:
        return warning(name, "not installed", remedy)
    from ..room.janus_config import janus_version, library_folder

    told = janus_version(Path(path))
    match = re.search(r"\((\d+)\.(\d+)[^)]*\)", told)
    if match is None:
        return warning(name, f"{path} does not start", remedy)
    if (int(match[1]), int(match[2])) < OLDEST_JANUS:
        return warning(name, f"{match[0]} is too old: 1.1 or newer is needed", remedy)
    missing = list(_missing_parts(library_folder(Path(path))))
    if missing:
        return warning(name, f"{path} lacks {', '.join(missing)}", remedy)
    return ok(name, f"{match[0].strip('()')}, {path}, with videoroom and WebSockets")


def _missing_parts(folder: Path | None) -> Iterable[str]:
    return (part for part in JANUS_PARTS if folder is not None and not (folder / part).exists())


def _search_path() -> str:
    return os.pathsep.join((os.environ.get("PATH", ""), "/usr/bin", "/usr/sbin"))
