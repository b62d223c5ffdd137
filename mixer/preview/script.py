"""Scripts of events: what was done in the preview, saved, to be played again (JSON).

    {"format": "mixer-preview-script", "version": 1, "duration": seconds,
     "size": [width, height], "parameters": "query", "events": [{"t": seconds, "type", "data"}]}

`size` and `parameters` may be missing. Events are those of docs/conference-state.md.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mixer.errors import UsageError

FORMAT, VERSION = "mixer-preview-script", 1


def read_script(path: Path) -> dict[str, Any]:
    """Raises UsageError where it is none."""
    try:
        script = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"{path} is no JSON: {error}") from None
    if not isinstance(script, dict) or script.get("format") != FORMAT:
        raise UsageError(f'{path} is no script: it has no "format": "{FORMAT}"')
    if script.get("version") != VERSION:
        raise UsageError(f"{path} is of another version than {VERSION}: save it anew")
    for event in script.get("events", ()):
        if not (isinstance(event.get("t"), int | float) and isinstance(event.get("type"), str)):
            raise UsageError(f"{path}: each event needs t (seconds), type and data")
    return script
