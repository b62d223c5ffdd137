"""Renders of a recording that is there: finishes what a plan wants, or makes another version.

The same `RenderJob` as while recording; what differs is where start and stop come from.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from ..clock import SECOND
from ..errors import StorageError, UsageError
from ..journal import Journal, recover
from ..render.job import Progress, RenderJob, RenderResult, clean
from .plan import MixPlan, Plan, RecordFolder, parse_size
from .result import alias
from .start import first_moment_ns

POLL_S = 0.2
BYTES_A_PIXEL_FRAME = 0.02  # generous: 1.2 Mbit/s for each megapixel 30 times a second is 0.005


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """What `mixer render` was asked for; None: as the recording's own mix has it."""

    out: Path | None = None
    size: str | None = None
    layout: str | None = None
    fps: int | None = None
    preset: str | None = None
    crf: int | None = None
    from_s: float | None = None
    to_s: float | None = None
    workers: int = 1
    keep_work: bool = False
    encoder: Literal["libx264", "null"] = "libx264"

    @property
    def changes(self) -> bool:
        asked = (self.size, self.layout, self.fps, self.preset, self.crf, self.from_s, self.to_s)
        return any(value is not None for value in asked)


Show = Callable[[str, Progress, int], None]


async def render(folder: RecordFolder, options: RenderOptions, show: Show) -> list[RenderResult]:
    """Makes what is missing. `show` gets (mix id, progress, fps).

    Raises UsageError, JournalError, LayoutError, RenderError, StorageError.
    """
    plan = folder.load()
    await asyncio.to_thread(recover, folder.journal)
    journal = Journal.open(folder.journal)
    if options.out is None:
        if options.changes:
            raise UsageError("another size, layout, range or quality needs --out FILE")
        return await _finish_plan(folder, plan, journal, options, show)
    return [await _another(folder, plan, journal, options, show)]


async def _finish_plan(
    folder: RecordFolder, plan: Plan, journal: Journal, options: RenderOptions, show: Show
) -> list[RenderResult]:
    if not journal.finished:
        raise UsageError(
            f"{folder.directory} is being recorded; its recorder makes the mixes. "
            "For another version give --out FILE"
        )
    results = []
    for mix in plan.mixes:
        if mix.finished and folder.mix_file(mix.id).exists():
            continue
        placed = _placed(mix, journal)
        folder.save(plan := plan.with_mix(placed))
        results.append(await _run(folder, placed, journal, options, show, folder.mix_file(mix.id)))
        folder.save(plan := plan.with_mix(replace(placed, finished=True)))
        if not options.keep_work:
            clean(folder.work(mix.id))
    return results


async def _another(
    folder: RecordFolder, plan: Plan, journal: Journal, options: RenderOptions, show: Show
) -> RenderResult:
    assert options.out is not None
    base = plan.mixes[0] if plan.mixes else MixPlan()
    placed = _placed(replace(base, stop_ns=base.stop_ns if journal.finished else None), journal)
    wanted = _ranged(_changed(placed, options), journal, options)
    _check_room(folder, wanted, options)
    assert wanted.start_ns is not None
    title = alias(journal)
    settings = replace(wanted.settings(wanted.start_ns, title), encoder=options.encoder)
    work = folder.work(f"render-{settings.digest()}")
    job = RenderJob(
        journal,
        work,
        settings,
        options.out.absolute(),
        stop_ns=wanted.stop_ns,
        workers=options.workers,
        on_progress=lambda progress: show(wanted.id, progress, wanted.fps),
    )
    result = await _until_end(job, journal)
    if not options.keep_work:
        clean(work)
    return result


async def _run(
    folder: RecordFolder,
    mix: MixPlan,
    journal: Journal,
    options: RenderOptions,
    show: Show,
    out: Path,
) -> RenderResult:
    assert mix.start_ns is not None
    job = RenderJob(
        journal,
        folder.work(mix.id),
        mix.settings(mix.start_ns, alias(journal)),
        out,
        stop_ns=mix.stop_ns,
        workers=options.workers,
        on_progress=lambda progress: show(mix.id, progress, mix.fps),
    )
    return await _until_end(job, journal)


async def _until_end(job: RenderJob, journal: Journal) -> RenderResult:
    """Runs a job; where its end is that of a growing journal, tells it when that has come."""
    task = asyncio.ensure_future(job.run())
    while job.progress.total is None and not task.done():
        if journal.finished:
            await job.stop_at(journal.watermark_ns)
            break
        await asyncio.wait({task}, timeout=POLL_S)
        journal.refresh()
        if not journal.finished and not journal.is_live():
            await asyncio.to_thread(recover, journal.directory)
    return await task


def _placed(mix: MixPlan, journal: Journal) -> MixPlan:
    """The mix with start and stop, also where its recorder died before it had decided."""
    start_ns = mix.start_ns
    if start_ns is None:
        joined_ns = journal.runs[0].started_ns if journal.runs else 0
        start_ns = first_moment_ns(journal.events(), joined_ns)
    stop_ns = mix.stop_ns
    if stop_ns is None and journal.finished:
        stop_ns = max(start_ns, journal.watermark_ns)
    return replace(mix, start_ns=start_ns, stop_ns=stop_ns)


def _changed(mix: MixPlan, options: RenderOptions) -> MixPlan:
    width, height = parse_size(options.size) if options.size else (mix.width, mix.height)
    return replace(
        mix,
        width=width,
        height=height,
        layout=options.layout or mix.layout,
        fps=options.fps or mix.fps,
        preset=options.preset or mix.preset,
        crf=mix.crf if options.crf is None else options.crf,
        finished=False,
    )


def _ranged(mix: MixPlan, journal: Journal, options: RenderOptions) -> MixPlan:
    """--from and --to are seconds since the start of the recording's first mix."""
    assert mix.start_ns is not None
    end_ns = mix.stop_ns if mix.stop_ns is not None else journal.watermark_ns
    length_s = (end_ns - mix.start_ns) / SECOND
    start_s = options.from_s or 0.0
    known = mix.stop_ns is not None
    if start_s < 0 or (options.to_s is not None and options.to_s <= start_s):
        raise UsageError("--from must not be negative, and --to must lie after --from")
    if known and (start_s >= length_s or (options.to_s or 0) > length_s + 0.001):
        raise UsageError(f"the range lies outside of the recording, which is {length_s:.3f} s long")
    stop_ns = mix.stop_ns
    if options.to_s is not None:
        stop_ns = mix.start_ns + round(options.to_s * SECOND)
    return replace(mix, start_ns=mix.start_ns + round(start_s * SECOND), stop_ns=stop_ns)


def _check_room(folder: RecordFolder, mix: MixPlan, options: RenderOptions) -> None:
    """Says before work starts that the disk cannot hold the result, with the figures."""
    if mix.stop_ns is None or mix.start_ns is None or options.out is None:
        return
    frames = (mix.stop_ns - mix.start_ns) * mix.fps // SECOND
    needed = int(frames * mix.width * mix.height * BYTES_A_PIXEL_FRAME / 4)
    for place in {folder.directory, options.out.absolute().parent}:
        free = shutil.disk_usage(_existing(place)).free
        if free < needed:
            raise StorageError(
                f"the render may need {needed >> 20} MB, but {place} has {free >> 20} MB left"
            )


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path
