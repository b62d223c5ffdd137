"""Another version of a recording: any layout, size, range and format, with or without somebody.

The recording's own files and plan stay as they are. Neighbours: `offline.py` makes what the plan
wants; the jobs are the same.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from ..clock import SECOND
from ..edit import EditList, Span, edit_list, joined
from ..engine import Warm
from ..errors import UsageError
from ..journal import Journal, people, recover, write_whole
from ..layout.content import layout_digest
from ..layout.shipped import layout_path
from ..lock import folder_locked, locked
from ..render.audio_settings import AudioSettings
from ..render.job import MADE_ALREADY, RenderJob, RenderResult, clean, warmed
from ..render.settings import RenderSettings
from .alias import alias
from .disk import check_room, legs_of, made_in, seconds_of, sound_need, video_need
from .irregularities import damage_notes
from .offline import Show, placed
from .plan import Format, MixPlan, Plan, RecordFolder, parse_size, union

POLL_S = 0.2
OWN = ("journal", "mixes", "audio", "parts", "report", "work")  # folders of a recording
SOUND_FPS = 30  # of the grid on which sound without pictures starts and stops


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """What `mixer render` was asked for; None: as the recording's own mix has it."""

    out: Path
    format: Format = "mp4"
    mix: str | None = None
    size: str | None = None
    layout: str | None = None
    fps: int | None = None
    preset: str | None = None
    crf: int | None = None
    from_s: float | None = None
    to_s: float | None = None
    without: tuple[str, ...] = ()  # ids, external ids or names
    audio: AudioSettings = field(default_factory=AudioSettings)
    follow: bool = True
    workers: int = 1
    keep_work: bool = False
    encoder: Literal["libx264", "null"] = "libx264"


@dataclass(frozen=True, slots=True)
class Made:
    """`notes`: what was irregular, with seconds of journal time; `of`: whose sound alone a file
    holds, by participant's id."""

    files: list[Path]
    notes: list[dict[str, Any]]
    of: dict[Path, str]


async def remix(folder: RecordFolder, options: RenderOptions, show: Show) -> Made:
    """Makes another version.

    `options.out` is a file for mp4, else a folder.

    Raises UsageError (also for a range outside of the recording), JournalError, LayoutError,
    RenderError, StorageError (also beforehand, where the disk cannot hold it).
    """
    folder.load()  # it is a recording
    _check_target(folder, options)
    if options.format != "mp3" and options.layout:
        layout_path(options.layout)  # there is such a thing
    removing = f"somebody is being removed from {folder.directory}; render it when that is done"
    with folder_locked(folder.journal, removing, shared=True):
        async with Warm() as warm:
            return await _remixed(folder, options, show, warm)


async def _remixed(folder: RecordFolder, options: RenderOptions, show: Show, warm: Warm) -> Made:
    plan = folder.load()
    if options.format != "mp3":
        await warmed(warm)  # they import while the journal is read
    await asyncio.to_thread(recover, folder.journal)
    journal = await asyncio.to_thread(Journal.open, folder.journal)
    _check_finished(folder, journal, options)
    without = _without(journal, options)
    plan = placed(plan, journal)
    version = _Version(folder, plan, journal, options, without, show, warm)
    return await version.make()


def _check_finished(folder: RecordFolder, journal: Journal, options: RenderOptions) -> None:
    """What cannot be known of a recording that goes on is refused rather than got wrong."""
    if journal.finished:
        return
    going_on = f"{folder.directory} is still being recorded"
    if not options.follow:
        raise UsageError(f"{going_on}; render it when it has ended")
    if options.without:
        raise UsageError(
            f"{going_on}: who was left out could come back under a new id; "
            "use --without when it has ended"
        )
    if options.mix:
        raise UsageError(
            f"{going_on}: mix {options.mix!r} may stop and start again; use --mix when it has ended"
        )
    if max(options.from_s or 0.0, options.to_s or 0.0) > journal.watermark_ns / SECOND:
        raise UsageError(f"{going_on}, and not as far as --from or --to; render it later")


def _check_target(folder: RecordFolder, options: RenderOptions) -> None:
    """Nothing of the recording itself is written over, and a file is not a folder."""
    out = options.out.absolute().resolve()
    own = folder.directory.absolute().resolve()
    if out == own or (out.parent == own and out.suffix != ".mp4" and options.format == "mp4"):
        raise UsageError(f"--out {options.out} belongs to the recording; give another name")
    if any(out.is_relative_to(own / name) for name in OWN):
        raise UsageError(f"--out {options.out} lies among the recording's own files; give another")
    if options.format == "mp4" and out.is_dir():
        raise UsageError(f"--out {options.out} is a folder; an mp4 is a file")
    if options.format != "mp4" and out.exists() and not out.is_dir():
        raise UsageError(f"--out {options.out} is a file; {options.format} takes a folder")
    parent = next(path for path in out.parents if path.exists())
    if not parent.is_dir():
        raise UsageError(f"--out {options.out} lies in {parent}, which is a file; give another")
    for name, value in (("--from", options.from_s), ("--to", options.to_s)):
        if value is not None and not math.isfinite(value):
            raise UsageError(f"{name} {value} is no number of seconds")


def _without(journal: Journal, options: RenderOptions) -> tuple[str, ...]:
    found = {id_ for who in options.without for id_ in people(journal, who)}
    return tuple(sorted(found))


class _Version:
    """One version being made."""

    def __init__(
        self,
        folder: RecordFolder,
        plan: Plan,
        journal: Journal,
        options: RenderOptions,
        without: tuple[str, ...],
        show: Show,
        warm: Warm,
    ) -> None:
        self._folder = folder
        self._warm = warm
        self._journal = journal
        self._options = options
        self._without = without
        self._hindsight = journal.finished  # while it grows, nobody knows what comes too late
        self._show = show
        mixes = plan.parts(options.mix) if options.mix else plan.mixes or (MixPlan(),)
        self._mix = _changed(mixes[0], options)
        chosen = union(mixes) or [Span(0)]  # what several mixes ran at once, once
        self._notes: list[dict[str, Any]] = []
        self._of: dict[Path, str] = {}
        self._video: list[Span] = []
        self._sound: list[Span] = []
        page = ""
        if options.format != "mp3":
            self._video = self._ranged(chosen, self._mix.fps)
            page = layout_digest(self._mix.layout)
        if options.format != "mp4":
            self._sound = self._ranged(chosen, SOUND_FPS)
        # How it is made, and where to, does not matter: a repeated wish goes on where it was.
        wish = replace(options, out=Path(), workers=1, keep_work=False, follow=True)
        starts = [span.start_ns for span in (*self._video, *self._sound)]
        self._name = f"render-{_digest(wish, self._mix, without, self._hindsight, page, starts)}"

    async def make(self) -> Made:
        out = self._options.out.absolute()
        await asyncio.to_thread(self._check_room, out)
        work = self._folder.work(self._name)
        with locked(work.lock, f"this version of {self._folder.directory} is {MADE_ALREADY}"):
            files = await self._made(out)
        if not self._options.keep_work:
            clean(work)
        spans = [*self._video, *self._sound]
        self._note(await asyncio.to_thread(damage_notes, self._journal, spans))
        return Made(files, self._notes, self._of)

    async def _made(self, out: Path) -> list[Path]:
        files = []
        if self._options.format == "both":
            files.append(await self._make_video(out / f"{self._mix.id}.mp4"))
        elif self._options.format == "mp4":
            files.append(await self._make_video(out))
        if self._options.format != "mp4":
            files += await self._make_sound(out)
        return files

    def _note(self, notes: Iterable[Mapping[str, Any]]) -> None:
        for note in notes:
            t_ns = note.get("t_ns")
            fields = {key: value for key, value in note.items() if key != "t_ns"}
            self._notes.append({"t": None if t_ns is None else round(t_ns / SECOND, 3), **fields})

    # --- range --------------------------------------------------------------------------------

    def _ranged(self, spans: Sequence[Span], fps: int) -> list[Span]:
        """The parts of the recording that are asked for; --from and --to are seconds of the whole
        file, in which pauses and the time between parts have no place."""
        spans = [span for span in spans if not self._edits(span, fps).is_empty] or spans[:1]
        edits = [self._edits(span, fps) for span in spans]
        whole = joined(edits)
        start_s, stop_s = self._options.from_s or 0.0, self._options.to_s
        known = None if edits[-1].open else (whole.frames or 0) / fps
        if start_s < 0 or (stop_s is not None and stop_s <= start_s):
            raise UsageError("--from must not be negative, and --to must lie after --from")
        if known is not None and (start_s >= known or (stop_s or 0) > known + 0.001):
            raise UsageError(
                f"the range lies outside of the recording, which is {known:.3f} s long"
            )
        first, end = round(start_s * fps), None if stop_s is None else round(stop_s * fps)
        found = _cut(spans, edits, first, end)
        if not found or end == first:
            raise UsageError(f"the range holds no frame: a frame lasts 1/{fps} s")
        return found

    def _edits(self, span: Span, fps: int) -> EditList:
        return edit_list(span.start_ns, span.stop_ns, self._journal.pauses, fps)

    def _check_room(self, out: Path) -> None:
        """Says before work starts that the disk cannot hold the result, with the figures."""
        work = self._folder.work(self._name).directory
        needs = []
        if self._video:
            need = video_need(self._mix, seconds_of(self._journal, self._video))
            needs.append(need.less(made_in(work.parent.glob(f"{work.name}*"))))
        if self._sound:
            audio = self._options.audio
            legs = legs_of(self._journal, self._sound, self._without) if audio.legs else 0
            needs.append(sound_need(audio, legs, seconds_of(self._journal, self._sound)))
        check_room(needs, work, out.parent)

    # --- video --------------------------------------------------------------------------------

    async def _make_video(self, out: Path) -> Path:
        """One job for each part of the recording; more than one are joined."""
        settings = [self._settings(span) for span in self._video]
        several = len(settings) > 1
        files = []
        for number, (span, wanted) in enumerate(zip(self._video, settings, strict=True)):
            work = self._folder.work(f"{self._name}-{number}")
            whole = self._folder.work(self._name).directory
            into = whole / f"{number}-{_digest(span)}.mp4" if several else out
            files.append(into)
            facts = into.with_suffix(".facts.json")
            if several and into.exists() and facts.exists():
                known = json.loads(facts.read_text())
                self._video[number] = _ending(span, known["ends_ns"])
                self._note(known["notes"])
                continue
            job = RenderJob(
                self._journal,
                work,
                wanted,
                into,
                stop_ns=span.stop_ns,
                workers=self._options.workers,
                on_progress=lambda progress: self._show(self._mix.id, progress, self._mix.fps),
                warm=self._warm,
            )
            made = await self._until_end(job, span)
            self._note(made.notes)
            if several:
                self._video[number] = _ending(span, made.ends_ns)
                known = {"ends_ns": made.ends_ns, "notes": made.notes}
                write_whole(facts, json.dumps(known).encode())
            if not self._options.keep_work:
                clean(work)
        if several:
            await self._join(files, out)
        return out

    async def _join(self, files: Sequence[Path], out: Path) -> None:
        from ..render.merge import merge  # with all that mixes and encodes

        if self._video[-1].stop_ns is None:  # it is known by now
            self._video[-1] = replace(self._video[-1], stop_ns=self._journal.watermark_ns)
        edits = joined([self._edits(span, self._mix.fps) for span in self._video])
        journal = Journal.open(self._folder.journal, self._without, hindsight=self._hindsight)
        work = self._folder.work(self._name)
        title = alias(self._journal)
        await asyncio.to_thread(merge, journal, edits, files, out, title=title, work=work.directory)

    def _settings(self, span: Span) -> RenderSettings:
        settings = self._mix.settings(span.start_ns, alias(self._journal))
        return replace(
            settings,
            layout_type="replay",
            encoder=self._options.encoder,
            without=self._without,
            hindsight=self._hindsight,
        )

    async def _until_end(self, job: RenderJob, span: Span) -> RenderResult:
        """Runs a job; where its end is that of a growing journal, tells it when that has come."""
        task = asyncio.ensure_future(job.run())
        try:
            while job.progress.total is None and not task.done():
                if self._journal.finished and span.stop_ns is None:
                    await job.stop_at(self._journal.watermark_ns)
                    break
                await asyncio.wait({task}, timeout=POLL_S)
                self._journal.refresh()
                if not self._journal.finished and not self._journal.is_live():
                    await asyncio.to_thread(recover, self._journal.directory)
            return await task
        finally:
            task.cancel()

    # --- sound --------------------------------------------------------------------------------

    async def _make_sound(self, out: Path) -> list[Path]:
        from ..render.audio import AudioJob

        settings = replace(self._options.audio, without=self._without, hindsight=self._hindsight)
        work = self._folder.work(f"{self._name}-sound")
        out.mkdir(parents=True, exist_ok=True)
        job = AudioJob(
            self._journal.directory,
            work,
            settings,
            self._sound,
            out,
            title=alias(self._journal),
            on_progress=lambda progress: self._show("sound", progress, SOUND_FPS),
        )
        result = await job.run()
        self._note(result.notes)
        if not self._options.keep_work:
            clean(work)
        self._of = {file.path: file.participant for file in result.files if file.participant}
        return [file.path for file in result.files]


def _changed(mix: MixPlan, options: RenderOptions) -> MixPlan:
    width, height = parse_size(options.size) if options.size else (mix.width, mix.height)
    return replace(
        mix,
        width=width,
        height=height,
        layout=options.layout or mix.layout,
        fps=mix.fps if options.fps is None else options.fps,
        preset=mix.preset if options.preset is None else options.preset,
        crf=mix.crf if options.crf is None else options.crf,
        finished=False,
    )


def _cut(
    spans: Sequence[Span], edits: Sequence[EditList], first: int, end: int | None
) -> list[Span]:
    """The spans from output frame `first` to before `end`, counted over all of them."""
    found: list[Span] = []
    before = 0
    for span, part in zip(spans, edits, strict=True):
        frames = part.frames
        low = max(0, first - before)
        high = None if end is None else end - before
        before += frames or 0
        if (frames is not None and low >= frames) or (high is not None and high <= 0):
            continue
        start_ns = part.start_ns(low) if low else span.start_ns
        stop_ns = span.stop_ns
        if high is not None and (frames is None or high < frames):
            stop_ns = part.stop_ns(high)
        found.append(Span(start_ns, stop_ns))
    return found


def _ending(span: Span, ends_ns: int | None) -> Span:
    """What a file shows of a span, whose layout may have ended it."""
    return span if ends_ns is None else replace(span, stop_ns=ends_ns)


def _digest(*values: object) -> str:
    """Names unfinished work, so that the same wish finds it again."""
    return hashlib.sha256(repr(values).encode()).hexdigest()[:12]
