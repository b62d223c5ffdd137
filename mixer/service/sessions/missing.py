"""What a recording has not become, and why. Pure but for reading its folder."""

from __future__ import annotations

import json

from ...recorder.plan import Plan, RecordFolder
from ...recorder.spare import ERROR_FILE
from ...records.models import Mix
from .found import Look
from .going_on import DISK_FULL
from .store import View

NEVER_BEGAN = "it was stopped before it had begun"
NEVER_CAME = "the recorder did not start: start the recording again"
GAVE_UP = "the recorder has failed again and again: what it has is in the raw recording"

Problem = tuple[Mix | None, str]  # None: it is of the whole session


def problems(folder: RecordFolder, view: View, plan: Plan | None) -> list[Problem]:
    """Of a recording for which no recorder does anything any more."""
    why = _error(folder)
    if plan is None:
        return [(mix, mix.error or why or _never(view, mix)) for mix in view.mixes]
    found: list[Problem] = []
    if plan.live:
        found += Look(folder, plan, view.mixes).errors()
    found += [(mix, mix.error) for mix in view.running if mix.error]  # told when they ended
    if found:
        return found
    if not (plan.merged and plan.ended):
        why = why or ("" if is_made(folder, plan) else GAVE_UP)
        found = [(mix, why) for mix in view.running] or [(None, why)] if why else []
    if plan.ended == DISK_FULL and not found:
        found = [(None, why or "the disk is full")]
    return found


def is_made(folder: RecordFolder, plan: Plan) -> bool:
    """Whether recording.json says what has become of it."""
    return folder.result.exists() and bool(plan.ended)


def _never(view: View, mix: Mix) -> str:
    return NEVER_BEGAN if mix.stopped_at is not None or view.ended else NEVER_CAME


def _error(folder: RecordFolder) -> str:
    """What the recorder said when it failed."""
    try:
        return str(json.loads((folder.directory / ERROR_FILE).read_text())["message"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
