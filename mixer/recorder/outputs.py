"""The files that a plan wants: how each of them is made, and what is known of it afterwards.

The same for the recorder, while it records, and for `mixer render`, later. What was noted on the
way to a part is kept beside it, so that whoever merges the parts knows it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..edit import EditList, edit_list, joined
from ..encode.durable import whole_file
from ..engine import Warm
from ..journal import Journal, write_whole
from ..layout.notebook import REPLACED
from ..render.audio_settings import AudioFile
from ..render.job import Progress, RenderJob, RenderResult
from .alias import alias
from .plan import MixPlan, Plan, RecordFolder

if TYPE_CHECKING:
    from ..render.audio import AudioJob, AudioResult

Kind = Literal["video", "mix", "participant"]
OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Output:
    """A finished file. `path` is relative to the recording's folder; times are journal times."""

    path: str
    kind: Kind
    bytes: int
    seconds: float
    frames: int = 0  # of a video
    participant: str = ""
    source: str = ""
    stay_ns: int | None = None  # of a participant's audio: when this stay began
    notes: tuple[dict[str, Any], ...] = ()  # irregularities met in making it


def video_edits(mix: MixPlan, journal: Journal) -> EditList:
    assert mix.start_ns is not None
    return edit_list(mix.start_ns, mix.shown_until_ns, journal.pauses, mix.fps)


def video_job(
    folder: RecordFolder,
    journal: Journal,
    mix: MixPlan,
    *,
    workers: int = 1,
    on_progress: OnProgress = lambda progress: None,
    warm: Warm | None = None,
    keep_free: int = 0,
) -> RenderJob:
    """Makes one part's file."""
    assert mix.start_ns is not None
    settings = mix.settings(mix.start_ns, title=alias(journal))
    return RenderJob(
        journal,
        folder.mix_work(mix),
        replace(settings, keep_free=keep_free),
        folder.part_file(mix),
        stop_ns=mix.stop_ns,
        workers=workers,
        on_progress=on_progress,
        warm=warm,
    )


def audio_job(
    folder: RecordFolder,
    journal: Journal,
    plan: Plan,
    number: int | None,
    *,
    on_progress: OnProgress = lambda progress: None,
) -> AudioJob:
    """Makes the MP3 files of one part (from 0), or with None those of the whole recording."""
    from ..render.audio import AudioJob

    chosen = plan.audio_parts if number is None else plan.audio_parts[number : number + 1]
    return AudioJob(
        journal.directory,
        folder.audio_work(number),
        plan.audio,
        [part.span for part in chosen],
        folder.audio if number is None else folder.parts,
        title=alias(journal),
        on_progress=on_progress,
    )


def video_output(folder: RecordFolder, mix: MixPlan, result: RenderResult) -> Output:
    seconds = round(result.frames / mix.fps, 3)
    return Output(
        _relative(folder, result.out),
        "video",
        result.bytes,
        seconds,
        result.frames,
        notes=result.notes,
    )


def audio_outputs(folder: RecordFolder, result: AudioResult) -> tuple[Output, ...]:
    """The mix first: it bears the notes."""
    outputs = [_audio_output(folder, file) for file in result.files]
    outputs[:1] = [replace(output, notes=result.notes) for output in outputs[:1]]
    return tuple(outputs)


def _audio_output(folder: RecordFolder, file: AudioFile) -> Output:
    return Output(
        _relative(folder, file.path),
        file.kind,
        file.bytes,
        round(file.seconds, 6),
        participant=file.participant,
        source=file.source,
        stay_ns=file.stay_start_ns if file.kind == "participant" else None,
    )


def _relative(folder: RecordFolder, path: Path) -> str:
    return str(path.absolute().relative_to(folder.directory.absolute()))


# --- what is known of finished parts -----------------------------------------------------------


def remember(path: Path, outputs: Sequence[Output]) -> None:
    """Keeps what is known of a part's files in `path`."""
    value = [asdict(output) for output in outputs]
    write_whole(path, json.dumps(value, indent=1, ensure_ascii=False).encode())


def recall(path: Path) -> tuple[Output, ...]:
    """What `remember` kept; nothing where that is not there or not readable."""
    try:
        value = json.loads(path.read_text())
        return tuple(Output(**{**one, "notes": tuple(one["notes"])}) for one in value)
    except (OSError, ValueError, TypeError, KeyError):
        return ()


def why_replaced(notes: Iterable[Mapping[str, Any]]) -> str | None:
    """Why the default layout is, or was, shown instead of the mix's own; None where it was not."""
    replaced = (note for note in notes if note.get("type") == REPLACED)
    return next((str(note.get("reason", "")) for note in replaced), None)


# --- the whole recording's files ---------------------------------------------------------------


def merged_video(
    folder: RecordFolder,
    journal: Journal,
    name: str,
    parts: Sequence[MixPlan],
    keep_free: int = 0,
) -> Output:
    """One file of the parts of a mix; of a single part it is that part's. Parts in which nothing
    was recorded (all of it was paused) have no place in it. `keep_free`: as `assemble` has it."""
    out = folder.mix_file(name)
    parts = [mix for mix in parts if not video_edits(mix, journal).is_empty] or parts[:1]
    known = [output for mix in parts for output in recall(folder.part_facts(mix))]
    notes = tuple(note for output in known for note in output.notes)
    edits = joined([video_edits(mix, journal) for mix in parts])
    if len(parts) == 1:
        same_file(folder.part_file(parts[0]), out)
    else:
        files = [folder.part_file(mix) for mix in parts]
        work = folder.directory / "work" / f"merge-{name}"
        from ..render.merge import merge  # with all that mixes and encodes

        merge(journal, edits, files, out, title=alias(journal), work=work, keep_free=keep_free)
        shutil.rmtree(work, ignore_errors=True)
    frames = edits.frames or 0
    seconds = round(frames / edits.fps, 3)
    return Output(_relative(folder, out), "video", out.stat().st_size, seconds, frames, notes=notes)


def same_file(path: Path, other: Path) -> None:
    """Makes `other` a second name of a file; a copy where the file system knows none.

    Raises StorageError.
    """
    other.parent.mkdir(parents=True, exist_ok=True)
    aside = other.with_name(f".{other.name}.aside")
    aside.unlink(missing_ok=True)
    try:
        os.link(path, aside)
        aside.replace(other)
        aside.unlink(missing_ok=True)  # renaming onto the same file does nothing (POSIX rename)
    except OSError:
        with whole_file(other) as copy, path.open("rb") as original:
            shutil.copyfileobj(original, copy)
