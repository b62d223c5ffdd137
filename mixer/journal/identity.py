"""Who and when: journal.json, which is there, whole, before anything else of a journal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import JournalDamaged, JournalMissing, JournalTooNew
from . import records


def identity_path(directory: Path) -> Path:
    return directory / "journal.json"


def read_identity(directory: Path) -> dict[str, Any]:
    """What it says, with all that readers and writers need of it (docs/journal.md).

    Raises JournalMissing, JournalTooNew or JournalDamaged.
    """
    path = identity_path(directory)
    try:
        identity: dict[str, Any] = json.loads(path.read_text())
        version = int(identity["version"])
    except FileNotFoundError:
        raise JournalMissing(f"there is no journal in {directory}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise JournalDamaged(f"{path} is damaged: {_told(error)}") from None
    if version > records.VERSION:
        raise JournalTooNew(
            f"{directory} was written by a newer mixer: journal version {version}, "
            f"this one knows {records.VERSION}; use that version"
        )
    try:
        str(identity["conference"]), str(identity["boot_id"])
        float(identity["wall"]), int(identity["monotonic_ns"])
    except (ValueError, KeyError, TypeError) as error:
        raise JournalDamaged(f"{path} is damaged: {_told(error)}") from None
    return identity


def _told(error: Exception) -> str:
    return f"it lacks {error}" if isinstance(error, KeyError) else str(error)
