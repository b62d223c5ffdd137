"""The list of what is looked at, in the order in which it is shown."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

from . import machine, software
from .browser import browser, sandbox
from .finding import Finding, failed

Check = Callable[[], Finding]


def examine(out: Path | None = None) -> list[Finding]:
    """Looks at everything; takes a second or two, most of it for starting the browser.

    `out`: where recordings are to go. Its disk is looked at, and how fast it takes data, by
    writing 64 MB that are removed again; without it only the free space of the working folder.
    """
    checks: list[Check] = [
        software.python,
        software.packages,
        software.codecs,
        browser,
        sandbox,
        software.fonts,
        software.janus,
        machine.port,
        functools.partial(machine.disk, out or Path.cwd()),
        machine.shared_memory,
        machine.memory,
        machine.processors,
        machine.open_files,
        machine.clock,
    ]
    if out is not None:
        checks.insert(9, functools.partial(machine.write_speed, out))
    return [_looked(check) for check in checks]


def _looked(check: Check) -> Finding:
    """A check that breaks is a finding too: the doctor always gives the whole list."""
    try:
        return check()
    except Exception as error:
        inner = check.func if isinstance(check, functools.partial) else check
        name = getattr(inner, "__name__", "check").replace("_", " ")
        return failed(name, f"could not be looked at: {error}", "report this with the line above")
