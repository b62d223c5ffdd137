"""What a recording tells about itself: contact sheet, poster, WebVTT, timeline, quality report.

`make_report` takes a finished journal and the files made of it and changes neither. docs/report.md
describes what it writes. Nothing in the recording waits for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .model import OnProgress, OutputFile, Report, unheard

if TYPE_CHECKING:
    from ..journal import Journal

__all__ = ["OutputFile", "Report", "make_report"]


def make_report(
    journal: Journal,
    outputs: Sequence[OutputFile],
    facts: Mapping[str, Any],
    folder: Path,
    on_progress: OnProgress = unheard,
) -> Report:
    """Writes into `folder` what docs/report.md lists. `facts` is what recording.json holds, as far
    as there is any. A file that cannot be read is in the report with its error.

    `on_progress` is told the share that is done, 0 to 1. Raises StorageError where `folder` cannot
    be written.
    """
    from .make import make  # what it needs is large: not for those who only look for the command

    return make(journal, outputs, facts, folder, on_progress)
