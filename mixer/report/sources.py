"""Which files of a recording's folder a report is about: the one place that knows its plan."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from ..edit import EditList, Span, edit_list, joined
from ..errors import UsageError
from ..journal import Journal
from ..recorder.plan import Plan, RecordFolder
from .model import OutputFile

MIX = re.compile(r"record_\d+_conf_")  # how the sound of all is named; legs are record_…_conn_…
AUDIO_FPS = 30  # of the grid on which sound without pictures starts and stops (recorder/parts.py)


def outputs_of(folder: RecordFolder, plan: Plan, journal: Journal) -> list[OutputFile]:
    """The finished files of the whole recording: videos, the audio mix, participants' audio."""
    return [*_videos(folder, plan, journal), *_sounds(folder, plan, journal)]


def facts_of(folder: RecordFolder) -> dict[str, Any]:
    """What recording.json holds; nothing where there is none yet. Raises UsageError."""
    try:
        facts: dict[str, Any] = json.loads(folder.result.read_text())
        return facts
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise UsageError(
            f"{folder.result} is damaged: {error}; delete it, it is not needed"
        ) from None


def _videos(folder: RecordFolder, plan: Plan, journal: Journal) -> Iterator[OutputFile]:
    for name, parts in plan.groups().items():
        path = folder.mix_file(name)
        spans = [Span(m.start_ns, m.shown_until_ns) for m in parts if m.start_ns is not None]
        if path.exists() and spans:
            edits = _joined(journal, spans, parts[0].fps)
            yield OutputFile(path, "video", name, edits, layout_name=parts[0].layout_name)


def _sounds(folder: RecordFolder, plan: Plan, journal: Journal) -> Iterator[OutputFile]:
    if not plan.audio_parts:
        return
    edits = _joined(journal, (part.span for part in plan.audio_parts), AUDIO_FPS)
    for path in sorted(folder.audio.glob("*.mp3")):
        whole = MIX.match(path.name)
        yield OutputFile(path, "audio" if whole else "leg", path.stem, edits)


def _joined(journal: Journal, spans: Iterable[Span], fps: int) -> EditList:
    """What a file of these parts shows; an end that was never decided is the journal's."""
    end_ns, pauses = journal.watermark_ns, journal.pauses
    made = []
    for span in spans:
        stop_ns = max(span.start_ns, end_ns) if span.stop_ns is None else span.stop_ns
        made.append(edit_list(span.start_ns, stop_ns, pauses, fps))
    return joined(made)
