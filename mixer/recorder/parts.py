"""The parts of a recording while it goes on: which mixes run, and the jobs that render them.

`session.py` decides when a mix starts and stops; here the plan follows (written before it is acted
upon) and each part's job runs to its end, whatever the others do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import structlog

from ..clock import SECOND
from ..edit import edit_list
from ..engine import Warm
from ..errors import MixerError, StorageError, UsageError
from ..journal import Journal
from ..render.job import Progress, clean, shorten
from ..render.settings import SEGMENT_S, Workspace
from .outputs import (
    audio_job,
    audio_outputs,
    remember,
    video_edits,
    video_job,
    video_output,
    why_replaced,
)
from .plan import MixPlan, Plan, RecordFolder, mix_from, union
from .result import part_name, sound_name

log = structlog.get_logger()

SHORTEST_NS = SECOND  # of a part that was stopped before it had begun
SHAPING = ("size", "fps", "preset", "crf", "language", "layout")  # keys of a mix's look


class Job(Protocol):
    """A render that follows the journal: of pictures with sound, or of sound alone."""

    @property
    def progress(self) -> Progress: ...
    async def run(self) -> Any: ...
    async def stop_at(self, t_ns: int) -> None: ...


@dataclass(slots=True)
class _Running:
    job: Job
    task: asyncio.Task[None]


class Parts:
    """The plan of a running recording, and its jobs. `changed` is called when something moves."""

    def __init__(
        self,
        folder: RecordFolder,
        plan: Plan,
        changed: Callable[[], None],
        keep_work: bool = False,
        warm: Warm | None = None,
        *,
        keep_free: int = 0,
    ) -> None:
        self.plan = plan
        self.errors: dict[str, str] = {}  # by the part's name: why there is no file
        self.first_error: MixerError | None = None
        self._folder = folder
        self._changed = changed
        self._keep_work = keep_work
        self._keep_free = keep_free  # bytes of the disk that a file must leave to others
        self._warm = warm
        self._cleaning: set[asyncio.Task[None]] = set()
        self._running: dict[str, _Running] = {}
        self._ending = asyncio.Lock()  # of what is ended earlier, one after the other

    def save(self, **changes: Any) -> None:
        """Changes the plan, and writes it."""
        self.plan = replace(self.plan, **changes)
        self._folder.save(self.plan)

    def obey(self, fence: Any) -> None:
        """Remembers who looks after the recording: an owner that has been followed by another is
        obeyed no more. Raises UsageError."""
        if isinstance(fence, int) and fence < self.plan.fence:
            raise UsageError(
                f"another process looks after this recording now (fence {self.plan.fence})"
            )
        if isinstance(fence, int) and fence > self.plan.fence:
            self.save(fence=fence)

    # --- starting and stopping ----------------------------------------------------------------

    def next_of(self, fields: dict[str, Any]) -> MixPlan:
        """The mix that is asked for: what is not said of one that ran before is as it was, for else
        its parts would not become one file. Raises UsageError."""
        mix = mix_from(fields)
        earlier = [part for part in self.plan.mixes if part.id == mix.id]
        if not earlier or any(key in fields for key in SHAPING):
            return mix
        mix = replace(earlier[-1], part=mix.part, start_ns=None, stop_ns=None)
        return replace(mix, finished=False, ends_ns=None)

    def add(self, mix: MixPlan) -> MixPlan:
        """Plans a mix that shall start, or the next part of one that was stopped."""
        earlier = [part for part in self.plan.mixes if part.id == mix.id]
        if any(part.runs for part in earlier):
            raise UsageError(f"mix {mix.id!r} was started already; stop it, or choose another id")
        mix = replace(mix, part=max(mix.part, 1 + max((part.part for part in earlier), default=0)))
        self.plan = self.plan.with_mix(mix)
        self._folder.save(self.plan)
        return mix

    def start(self, journal: Journal, mix: MixPlan) -> None:
        """A planned part starts at its `start_ns`."""
        self.plan = self.plan.with_mix(mix).with_audio_parts()
        self._folder.save(self.plan)
        if not self.plan.live:
            return
        if self.plan.has_video:
            self._run_video(journal, mix)
        self._run_sound(journal)

    def go_on(self, journal: Journal) -> None:
        """The jobs of parts that an earlier recorder left unfinished, running or stopped."""
        if not self.plan.live:
            return
        for mix in self.plan.mixes if self.plan.has_video else ():
            made = mix.finished and self._folder.part_file(mix).exists()
            if mix.start_ns is not None and not made and part_name(mix) not in self._running:
                self._run_video(journal, mix)
        self._run_sound(journal)

    def _run_sound(self, journal: Journal) -> None:
        for number, part in enumerate(self.plan.audio_parts):
            made = part.finished and self._folder.audio_facts(number).exists()
            if not made and sound_name(number) not in self._running:
                self._run_audio(journal, number)

    def drop(self, mix: MixPlan) -> None:
        """A planned part that never started is planned no more."""
        kept = tuple(one for one in self.plan.mixes if (one.id, one.part) != (mix.id, mix.part))
        self.save(mixes=kept)

    def is_planned(self, mix: MixPlan) -> bool:
        return any((one.id, one.part) == (mix.id, mix.part) for one in self.plan.mixes)

    async def stop(self, mix_id: str, stop_ns: int) -> bool:
        """Stops the running part of a mix; False if none runs."""
        mix = self.plan.parts(mix_id)[-1]
        if mix.start_ns is None:
            self.drop(mix)
            return True
        if not mix.runs:
            return False
        mix = replace(mix, stop_ns=max(stop_ns, mix.start_ns))
        self.plan = self.plan.with_mix(mix).with_audio_parts()
        self._folder.save(self.plan)
        await self._tell_stop(part_name(mix), mix.stop_ns)
        for number, part in enumerate(self.plan.audio_parts):
            await self._tell_stop(sound_name(number), part.stop_ns)
        return True

    async def stop_all(self, stop_ns: int) -> None:
        """Stops whatever runs. A part that was planned and never started is planned no more, but
        for the first ones: where they begin can still be found out."""
        started = any(mix.start_ns is not None for mix in self.plan.mixes)
        async with self._ending:
            for mix_id in self.plan.ids if started else ():
                await self.stop(mix_id, stop_ns)

    async def end_earlier(self, journal: Journal, stop_ns: int, mix_id: str) -> bool:
        """The running part of a mix has ended at that moment, which is past; False if none runs.

        What was rendered after it is thrown away, and the last segment is made again.
        """
        async with self._ending:
            mix = self.plan.parts(mix_id)[-1]
            if mix.start_ns is None or not mix.runs:
                return await self.stop(mix_id, stop_ns)
            shortest_ns = min(mix.start_ns + SHORTEST_NS, max(mix.start_ns, journal.now_ns()))
            ended = replace(mix, stop_ns=max(stop_ns, shortest_ns))
            await self._cancel(self._touched(ended))
            frames = video_edits(ended, journal).frames or 0
            segments = frames // (SEGMENT_S * ended.fps)
            # before the plan says so: who goes on after a kill must find nothing that is too long
            await asyncio.to_thread(shorten, self._folder.mix_work(ended), segments)
            self.plan = self.plan.with_mix(ended).with_audio_parts()
            self._folder.save(self.plan)
            self.go_on(journal)
        return True

    def _touched(self, ended: MixPlan) -> list[str]:
        """The jobs that make something else when this part has ended."""
        now, then = self.plan.audio_parts, self.plan.with_mix(ended).with_audio_parts().audio_parts
        sounds = [n for n in range(len(now)) if now[n : n + 1] != then[n : n + 1]]
        return [part_name(ended), *map(sound_name, sounds)]

    async def _cancel(self, names: Sequence[str]) -> None:
        tasks = [self._running.pop(name).task for name in names if name in self._running]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def done(self) -> None:
        """Waits until every job has ended, well or not."""
        await asyncio.gather(*(running.task for running in self._running.values()))

    async def cleaned(self) -> None:
        """Waits until the work on what is made is gone."""
        await asyncio.gather(*self._cleaning, return_exceptions=True)

    async def _tell_stop(self, name: str, stop_ns: int | None) -> None:
        running = self._running.get(name)
        if running is not None and stop_ns is not None:
            await running.job.stop_at(stop_ns)

    @property
    def active(self) -> bool:
        """Whether any mix runs, or is to start."""
        return any(mix.runs for mix in self.plan.mixes)

    # --- jobs ---------------------------------------------------------------------------------

    def _run_video(self, journal: Journal, mix: MixPlan) -> None:
        job = video_job(
            self._folder,
            journal,
            mix,
            on_progress=self._heard,
            warm=self._warm,
            keep_free=self._keep_free,
        )

        async def run() -> None:
            result = await job.run()
            remember(self._folder.part_facts(mix), [video_output(self._folder, mix, result)])
            made = next(m for m in self.plan.mixes if (m.id, m.part) == (mix.id, mix.part))
            made = replace(made, finished=True, ends_ns=result.ends_ns)
            self.plan = self.plan.with_mix(made)
            self._folder.save(self.plan)
            self._clean(self._folder.mix_work(mix))

        self._launch(part_name(mix), job, run)

    def _run_audio(self, journal: Journal, number: int) -> None:
        job = audio_job(self._folder, journal, self.plan, number, on_progress=self._heard)

        async def run() -> None:
            outputs = audio_outputs(self._folder, await job.run())
            remember(self._folder.audio_facts(number), outputs)
            parts = list(self.plan.audio_parts)
            parts[number] = replace(parts[number], finished=True)
            self.save(audio_parts=tuple(parts))
            self._clean(self._folder.audio_work(number))

        self._launch(sound_name(number), job, run)

    def _clean(self, work: Workspace) -> None:
        """Removes a part's unfinished work. No file waits for that."""
        if not self._keep_work:
            task = asyncio.create_task(asyncio.to_thread(clean, work))
            self._cleaning.add(task)
            task.add_done_callback(self._cleaning.discard)

    def _launch(self, name: str, job: Job, run: Callable[[], Any]) -> None:
        async def guarded() -> None:
            try:
                await run()
            except* (MixerError, OSError) as errors:
                self._failed(name, errors)
            self._changed()

        self._running[name] = _Running(job, asyncio.create_task(guarded(), name=name))

    def _failed(self, name: str, errors: BaseExceptionGroup[Exception]) -> None:
        error: BaseException = errors
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        log.error("part.failed", part=name, error=str(error))
        self.errors[name] = str(error)
        if not isinstance(error, MixerError):
            error = StorageError(f"cannot make the file of {name}: {error}")
        self.first_error = self.first_error or error

    def _heard(self, progress: Progress) -> None:
        self._changed()

    # --- how it goes --------------------------------------------------------------------------

    def recorded_s(self, journal: Journal, now_ns: int) -> float:
        """Seconds that are in any mix so far; pauses and the time between parts do not count."""
        total = 0
        for span in union(self.plan.mixes):
            stop_ns = now_ns if span.stop_ns is None else span.stop_ns
            edits = edit_list(span.start_ns, max(span.start_ns, stop_ns), journal.pauses, 30)
            total += edits.first_frame_showing(stop_ns)
        return total / 30

    def report(self, journal: Journal | None, now_ns: int) -> dict[str, Any]:
        """`mixes` (the newest part of each), `sound`: for `status`."""
        if journal is None:
            return {"mixes": {}, "sound": None}
        newest = {mix.id: mix for mix in self.plan.mixes if mix.start_ns is not None}
        mixes = {id_: self._report_mix(mix, journal, now_ns) for id_, mix in newest.items()}
        count = len(self.plan.audio_parts)
        running = self._running.get(sound_name(count - 1))
        sound = None
        if running is not None:
            sound = {"part": count, "stage": running.job.progress.stage}
        return {"mixes": mixes, "sound": sound}

    def _report_mix(self, mix: MixPlan, journal: Journal, now_ns: int) -> dict[str, Any]:
        running = self._running.get(part_name(mix))
        progress = running.job.progress if running else Progress(stage="journalled")
        edits = video_edits(mix, journal)
        end_ns = now_ns if mix.stop_ns is None else mix.stop_ns
        behind = edits.first_frame_showing(end_ns) - progress.frames if running else 0
        return {
            "part": mix.part,
            "running": mix.runs,
            "stage": progress.stage,
            "frames": progress.frames,
            "total": progress.total,
            "error": self.errors.get(part_name(mix)),
            "lag_s": round(max(0, behind) / mix.fps, 3),
            "size": f"{mix.width}x{mix.height}",
            "fps": mix.fps,
            "layout": mix.layout,
            "replaced": why_replaced(progress.notes),
        }
