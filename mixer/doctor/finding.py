"""One finding of the doctor, and how the system at hand installs what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

State = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`failed`: recording or rendering cannot work. `warning`: something will, or may, be worse."""

    name: str
    state: State
    what: str  # one line: how it is
    remedy: str = ""  # one line: how to get it; empty where all is well


def ok(name: str, what: str) -> Finding:
    return Finding(name, "ok", what)


def warning(name: str, what: str, remedy: str) -> Finding:
    return Finding(name, "warning", what, remedy)


def failed(name: str, what: str, remedy: str) -> Finding:
    return Finding(name, "failed", what, remedy)


def install(*packages: str) -> str:
    """The command for Debian and Ubuntu."""
    return f"sudo apt-get install {' '.join(packages)}"


@cache
def is_ubuntu() -> bool:
    """Ubuntu's chromium is a snap that cannot be driven, and it has no headless shell."""
    try:
        lines = Path("/etc/os-release").read_text().splitlines()
    except OSError:
        return False
    return "ID=ubuntu" in lines
