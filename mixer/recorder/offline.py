"""Finishes a recording that is there: every file that its plan still wants.

The same jobs as while recording; what differs is where start and stop come from. Another version of
a recording is `remix.py`'s.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ..edit import Span
from ..errors import MixerError, UsageError
from ..journal import Journal, damage_within, recover
from ..lock import locked
from ..render.job import Progress, clean
from .disk import Need, check_room, legs_of, made_in, seconds_of, sound_need, video_need
from .finish import finish, is_there
from .outputs import audio_job, audio_outputs, remember, video_job, video_output
from .plan import RECORDER_LOCK, MixPlan, Plan, RecordFolder
from .result import part_name, sound_name
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
    StorageError (also beforehand, where the disk cannot hold them).
    """
    folder.load()
    busy = (
        f"{folder.directory} is being recorded or finished; its files will come. "
        "For another version give --out"
    )
    with locked(folder.lock, busy):
        plan = folder.load()
        await asyncio.to_thread(recover, folder.journal, besides=RECORDER_LOCK)
        journal = Journal.open(folder.journal)
        if not journal.finished:
            raise UsageError(busy)
        if is_there(folder, plan):
            return []
        plan = placed(plan, journal)
        folder.save(plan)
        needs = await asyncio.to_thread(lambda: list(_needs(folder, plan, journal)))
        check_room(needs, folder.directory, folder.directory)
        return await _Finishing(folder, plan, journal, show, workers, keep_work).run()


def _needs(folder: RecordFolder, plan: Plan, journal: Journal) -> Iterator[Need]:
    """How much room what is missing takes, and what is then joined of it."""
    for parts in plan.groups().values() if plan.has_video else ():
        for mix in parts:
            if not _is_made(folder, mix):
                need = video_need(mix, seconds_of(journal, [_span(mix)]))
                yield need.less(made_in([folder.mix_work(mix).directory]))
        if len(parts) > 1:
            yield Need(video_need(parts[0], seconds_of(journal, map(_span, parts))).files)
    spans = [part.span for part in plan.audio_parts] if plan.has_audio else []
    missing = [[s] for number, s in enumerate(spans) if not _is_heard(folder, plan, number)]
    for chosen in [*missing, spans] if len(spans) > 1 else missing:
        legs = legs_of(journal, chosen, plan.audio.without) if plan.audio.legs else 0
        yield sound_need(plan.audio, legs, seconds_of(journal, chosen))


def _span(mix: MixPlan) -> Span:
    return Span(mix.start_ns or 0, mix.stop_ns)


def _is_made(folder: RecordFolder, mix: MixPlan) -> bool:
    return mix.finished and folder.part_file(mix).exists()


def _is_heard(folder: RecordFolder, plan: Plan, number: int) -> bool:
    return plan.audio_parts[number].finished and folder.audio_facts(number).exists()


class _Finishing:
    """Makes the parts that are missing, whatever becomes of the others, and what they become."""

    def __init__(
        self,
        folder: RecordFolder,
        plan: Plan,
        journal: Journal,
        show: Show,
        workers: int,
        keep_work: bool,
    ) -> None:
        self._folder = folder
        self._plan = plan
        self._journal = journal
        self._show = show
        self._workers = workers
        self._keep_work = keep_work
        self._errors: dict[str, str] = {}
        self._first_error: MixerError | None = None

    async def run(self) -> list[Path]:
        for mix in self._plan.mixes if self._plan.has_video else ():
            if not _is_made(self._folder, mix):
                await self._guarded(part_name(mix), self._video(mix))
        for number, _ in enumerate(self._plan.audio_parts if self._plan.has_audio else ()):
            if not _is_heard(self._folder, self._plan, number):
                await self._guarded(sound_name(number), self._sound(number))
        # Read once, so that recording.json tells of all that is lost of it.
        await asyncio.to_thread(damage_within, self._journal, [Span(0)])
        made = await finish(
            self._folder,
            self._plan,
            self._journal,
            _ending(self._folder),
            self._errors,
            keep_work=self._keep_work,
        )
        error = self._first_error or made.first_error
        if error is not None:
            raise error
        outputs = [*made.videos.values(), *made.sounds]
        return [self._folder.directory / output.path for output in outputs]

    async def _guarded(self, name: str, work: Awaitable[None]) -> None:
        try:
            await work
        except MixerError as error:
            self._errors[name] = str(error)
            self._first_error = self._first_error or error

    async def _video(self, mix: MixPlan) -> None:
        name = mix.id if mix.part == 1 else f"{mix.id}, part {mix.part}"
        job = video_job(
            self._folder,
            self._journal,
            mix,
            workers=self._workers,
            on_progress=_shown(self._show, name, mix.fps),
        )
        result = await job.run()
        remember(self._folder.part_facts(mix), [video_output(self._folder, mix, result)])
        self._save(self._plan.with_mix(replace(mix, finished=True, ends_ns=result.ends_ns)))
        if not self._keep_work:
            clean(self._folder.mix_work(mix))

    async def _sound(self, number: int) -> None:
        shown = _shown(self._show, "sound", 30)
        job = audio_job(self._folder, self._journal, self._plan, number, on_progress=shown)
        outputs = audio_outputs(self._folder, await job.run())
        remember(self._folder.audio_facts(number), outputs)
        parts = list(self._plan.audio_parts)
        parts[number] = replace(parts[number], finished=True)
        self._save(replace(self._plan, audio_parts=tuple(parts)))
        if not self._keep_work:
            clean(self._folder.audio_work(number))

    def _save(self, plan: Plan) -> None:
        self._plan = plan
        self._folder.save(plan)


def _shown(show: Show, name: str, fps: int) -> Callable[[Progress], None]:
    return lambda progress: show(name, progress, fps)


def placed(plan: Plan, journal: Journal) -> Plan:
    """The plan with starts and stops, also where its recorder died before it had decided them.

    Where anything has started, what was only about to start is left out.
    """
    started = [mix for mix in plan.mixes if mix.start_ns is not None]
    mixes = tuple(_placed(mix, journal) for mix in started or plan.mixes)
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
