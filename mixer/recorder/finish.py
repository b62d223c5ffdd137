"""The end of a recording: parts become files of the whole, and recording.json tells of all.

Both the recorder and `mixer render` come here, when every part they could make is made. Nothing is
lost by a kill: the plan says `merged` only when all is there.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import structlog

from ..errors import MixerError, StorageError
from ..journal import Journal, UnusedFrames
from .outputs import Output, audio_job, audio_outputs, merged_video, recall, same_file
from .plan import Plan, RecordFolder
from .result import SOUND, Ending, part_name, sound_name, write_result

log = structlog.get_logger()
CUE = ".cue"  # beside a participant's audio without silences (docs/audio.md)


@dataclass(slots=True)
class Files:
    """What there is in the end. `videos` by the name of the group of parts."""

    videos: dict[str, Output] = field(default_factory=dict)
    sounds: tuple[Output, ...] = ()
    errors: dict[str, str] = field(default_factory=dict)
    unnamed: frozenset[str] = frozenset()  # parts that have no file of their own, by their name
    first_error: MixerError | None = None

    def failed(self, name: str, error: MixerError | OSError) -> None:
        log.error("merge.failed", name=name, error=str(error))
        self.errors[name] = str(error)
        if not isinstance(error, MixerError):
            error = StorageError(f"cannot make the file of {name}: {error}")
        self.first_error = self.first_error or error


async def finish(
    folder: RecordFolder,
    plan: Plan,
    journal: Journal,
    ending: Ending,
    errors: Mapping[str, str],
    *,
    unused: UnusedFrames | None = None,
    keep_work: bool = False,
    keep_free: int = 0,
) -> Files:
    """Joins the parts of each mix, and of the sound, and writes recording.json and the plan.

    `errors`: why parts are missing, by their name; `unused`: what is known of unused frames;
    `keep_free`: bytes of the disk that files must leave to others. What cannot be joined is told in
    the result.
    """
    files = Files(errors=dict(errors))
    if plan.has_video:
        for name, parts in plan.groups().items():
            if all(mix.finished for mix in parts):
                try:
                    files.videos[name] = await asyncio.to_thread(
                        merged_video, folder, journal, name, parts, keep_free
                    )
                except (MixerError, OSError) as error:
                    files.failed(name, error)
    if plan.has_audio and plan.audio_parts and all(p.finished for p in plan.audio_parts):
        try:
            files.sounds = await _sounds(folder, plan, journal)
        except (MixerError, OSError) as error:
            files.failed(SOUND, error)
    whole = not files.errors and _is_whole(plan, files)
    if whole:
        files.unnamed = frozenset(_only_parts(plan, journal, files))
    await asyncio.to_thread(write_result, folder, plan, journal, ending, files, unused)
    folder.save(replace(plan, merged=whole))
    if whole:
        _hide_only_parts(folder, plan, files.unnamed)
        if not keep_work:
            await asyncio.to_thread(_clean, folder)
    return files


def is_there(folder: RecordFolder, plan: Plan) -> bool:
    """Whether all files of the whole recording were made and still lie there."""
    if not plan.merged:
        return False
    videos = not plan.has_video or all(folder.mix_file(name).exists() for name in plan.groups())
    return videos and (not plan.has_audio or any(folder.audio.glob("*.mp3")))


def files_of(folder: RecordFolder, plan: Plan) -> Iterator[Path]:
    """The files of the whole recording, where they are there."""
    if plan.has_video:
        yield from map(folder.mix_file, plan.groups())
    if plan.has_audio:
        yield from sorted(folder.audio.glob("*.mp3"))


def _clean(folder: RecordFolder) -> None:
    """Removes what was unfinished of the plan's files; other renders may be under way beside it."""
    work = folder.directory / "work"
    for path in work.glob("*"):
        if path.name.startswith(("mix-", "sound", "merge-")):
            shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):
        work.rmdir()


async def _sounds(folder: RecordFolder, plan: Plan, journal: Journal) -> tuple[Output, ...]:
    if len(plan.audio_parts) > 1:
        return audio_outputs(folder, await audio_job(folder, journal, plan, None).run())
    outputs = recall(folder.audio_facts(0))
    for path in _with_cue_sheets(folder, outputs):
        if path.suffix != CUE or path.exists():
            await asyncio.to_thread(same_file, path, folder.audio / path.name)
    moved = (replace(one, path=f"audio/{Path(one.path).name}") for one in outputs)
    return tuple(moved)


def _with_cue_sheets(folder: RecordFolder, outputs: Iterable[Output]) -> Iterator[Path]:
    """Where the files are, and where what says of what a file without silences is made may be."""
    for output in outputs:
        path = folder.directory / output.path
        yield path
        yield path.with_suffix(CUE)


def _only_parts(plan: Plan, journal: Journal, files: Files) -> Iterator[str]:
    """Those that lasted to the end and are the only one of their file: one name is enough."""
    end_ns = journal.watermark_ns
    for name, parts in plan.groups().items():
        if name in files.videos and len(parts) == 1 and (parts[0].stop_ns or 0) >= end_ns:
            yield part_name(parts[0])
    sounds = plan.audio_parts
    if files.sounds and len(sounds) == 1 and (sounds[0].stop_ns or 0) >= end_ns:
        yield sound_name(0)


def _hide_only_parts(folder: RecordFolder, plan: Plan, unnamed: frozenset[str]) -> None:
    for mix in plan.mixes:
        if part_name(mix) in unnamed:
            _unlink(folder.part_file(mix), folder.part_facts(mix))
    if sound_name(0) in unnamed:
        paths = _with_cue_sheets(folder, recall(folder.audio_facts(0)))
        _unlink(*paths, folder.audio_facts(0))
    with suppress(OSError):
        folder.parts.rmdir()  # if it is empty now


def _is_whole(plan: Plan, files: Files) -> bool:
    videos = not plan.has_video or len(files.videos) == len(plan.groups())
    return videos and (not plan.has_audio or bool(files.sounds) or not plan.audio_parts)


def _unlink(*paths: Path) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
