"""Finishes a recording that is there: every file that its plan still wants.

The same jobs as while recording; what differs is where start and stop come from. Another version of
a recording is `remix.py`'s.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import MixerError, UsageError
from ..journal import Journal, recover
from ..render.job import Progress, clean
from .finish import finish
from .outputs import audio_job, audio_outputs, remember, video_job, video_output
from .plan import MixPlan, Plan, RecordFolder
from .start import first_moment_ns

Show = Callable[[str, Progress, int], None]
"""Is told of (what is being made, how far it is, frames a second)."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Why the recording ended, as far as is known."""

    reason: str = "interrupted"
    ingest_restarts: int = 0


async def finish_plan(
    folder: RecordFolder, show: Show, *, workers: int = 1, keep_work: bool = False
) -> list[Path]:
    """Makes what is missing; the files of the whole recording, none if all of them were there.

    Raises UsageError while it is being recorded; JournalError, LayoutError, RenderError,
    StorageError.
    """
    plan = folder.load()
    await asyncio.to_thread(recover, folder.journal)
    journal = Journal.open(folder.journal)
    if not journal.finished:
        raise UsageError(
            f"{folder.directory} is being recorded; its recorder makes the files. "
            "For another version give --out"
        )
    if _is_there(folder, plan):
        return []
    plan = replace(placed(plan, journal), live=True)
    folder.save(plan)
    if plan.has_video:
        plan = await _videos(folder, plan, journal, show, workers, keep_work)
    if plan.has_audio:
        plan = await _sounds(folder, plan, journal, show, keep_work)
    made = await finish(folder, plan, journal, _ending(folder), {})
    if made.first_error is not None:
        raise made.first_error
    return [folder.directory / output.path for output in [*made.videos.values(), *made.sounds]]


async def _videos(
    folder: RecordFolder, plan: Plan, journal: Journal, show: Show, workers: int, keep_work: bool
) -> Plan:
    for mix in plan.mixes:
        if mix.finished and folder.part_file(mix).exists():
            continue
        name = mix.id if mix.part == 1 else f"{mix.id}, part {mix.part}"
        on_progress = _shown(show, name, mix.fps)
        job = video_job(folder, journal, mix, workers=workers, on_progress=on_progress)
        remember(folder.part_facts(mix), [video_output(folder, mix, await job.run())])
        plan = plan.with_mix(replace(mix, finished=True))
        folder.save(plan)
        if not keep_work:
            clean(folder.mix_work(mix))
    return plan


async def _sounds(
    folder: RecordFolder, plan: Plan, journal: Journal, show: Show, keep_work: bool
) -> Plan:
    for number, part in enumerate(plan.audio_parts):
        if part.finished and folder.audio_facts(number).exists():
            continue
        on_progress = _shown(show, "sound", 30)
        job = audio_job(folder, journal, plan, number, on_progress=on_progress)
        outputs = audio_outputs(folder, await job.run())
        remember(folder.audio_facts(number), outputs)
        parts = list(plan.audio_parts)
        parts[number] = replace(part, finished=True)
        plan = replace(plan, audio_parts=tuple(parts))
        folder.save(plan)
        if not keep_work:
            clean(folder.audio_work(number))
    return plan


def _shown(show: Show, name: str, fps: int) -> Callable[[Progress], None]:
    return lambda progress: show(name, progress, fps)


def _is_there(folder: RecordFolder, plan: Plan) -> bool:
    """Whether all files of the whole recording were made and still lie there."""
    if not plan.merged:
        return False
    videos = not plan.has_video or all(folder.mix_file(name).exists() for name in plan.groups())
    return videos and (not plan.has_audio or any(folder.audio.glob("*.mp3")))


def placed(plan: Plan, journal: Journal) -> Plan:
    """The plan with starts and stops, also where its recorder died before it had decided them."""
    mixes = tuple(_placed(mix, journal) for mix in plan.mixes)
    return replace(plan, mixes=mixes).with_audio_parts()


def _placed(mix: MixPlan, journal: Journal) -> MixPlan:
    start_ns = mix.start_ns
    if start_ns is None:
        joined_ns = journal.runs[0].started_ns if journal.runs else 0
        start_ns = first_moment_ns(journal.events(), joined_ns)
    stop_ns = mix.stop_ns
    if stop_ns is None and journal.finished:
        stop_ns = max(start_ns, journal.watermark_ns)
    return replace(mix, start_ns=start_ns, stop_ns=stop_ns)


def _ending(folder: RecordFolder) -> Ending:
    """What an earlier recording.json says."""
    with suppress(OSError, ValueError, KeyError, TypeError, MixerError):
        known = json.loads(folder.result.read_text())
        return Ending(str(known["reason"]), int(known["ingestRestarts"]))
    return Ending()
