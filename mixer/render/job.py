"""One render: journal + settings → file. The same code follows a recording and makes it again.

The job is the parent of a page pass (`mixer.layout`) and of workers (`worker.py`); it knows what is
final, hands out segments (`schedule.py`), restarts what crashes, and has the file put together.
Nothing is lost by killing any of them, or the job: a later job of the same settings goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from ..edit import EditList, edit_list
from ..engine import Child, Warm
from ..engine.replies import raise_for, reply
from ..engine.slots import Slots
from ..errors import LayoutError, MixerError, RenderError, StorageError, UsageError, first_of
from ..journal import Journal, write_whole
from ..layout.profile import sweep
from ..lock import locked
from .schedule import Piece, is_complete, next_pieces, pieces
from .settings import RenderSettings, Workspace

log = structlog.get_logger()

NICE = 5
MADE_ALREADY = "being made already; wait until that is done"
FINISHED = "page.finished"  # as layout/notebook.py has it
# glibc's own threshold: with a fixed one each picture would be mapped and unmapped anew, which
# takes a worker 4 ms a frame, a page pass a third of its CPU, and saves 13 MB.
QUICK = {"MALLOC_TRIM_THRESHOLD_": ""}
# A worker's pictures stay in its heap; x264's, which are larger and come and go with each segment,
# are mapped: with glibc's own threshold they leave holes, and the heap grows (four participants in
# 1080p, peak: 324 instead of 380 MB).
PICTURES = {"MALLOC_MMAP_THRESHOLD_": str(4 << 20), "MALLOC_TRIM_THRESHOLD_": str(64 << 20)}
POLL_S = 0.1
MAX_FAILURES = 6
BACKOFF_S = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)
SEGMENT_TIMEOUT_S = 900.0
FINISH_TIMEOUT_S = 1800.0


@dataclass(slots=True)
class Progress:
    """How far a render is. `total` is None while its end is not known."""

    frames: int = 0
    final: int = 0
    total: int | None = None
    cpu_s: float = 0.0
    stage: str = "starting"  # starting, rendering, finishing, finished
    notes: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RenderResult:
    """A finished file, and every irregularity on the way to it. `ends_ns`: the journal time from
    which the layout had nothing more to show, if that is why the file ends."""

    out: Path
    frames: int
    bytes: int
    notes: tuple[dict[str, Any], ...]
    ends_ns: int | None = None


class RenderJob:
    """Makes one file. `stop_at` may come later, while `run` goes on. `warm`: children that may be
    there already (`warmed`)."""

    def __init__(
        self,
        journal: Journal,
        work: Workspace,
        settings: RenderSettings,
        out: Path,
        *,
        stop_ns: int | None = None,
        workers: int = 1,
        on_progress: Callable[[Progress], None] = lambda progress: None,
        warm: Warm | None = None,
    ) -> None:
        self.settings = settings
        self.progress = Progress()
        self._journal = journal
        self._work = work
        self._out = out
        self._stop_ns = stop_ns
        self._ends_ns: int | None = None
        self._workers = workers
        self._on_progress = on_progress
        self._slots = Slots.from_environment()
        self._warm = warm or Warm()
        self._page_pass: Child | None = None
        self._remade = False  # the matte track, once
        self._done: set[int] = set()
        self._busy: dict[int, int] = {}  # worker → segment
        self._begun: dict[int, int] = {}  # worker → frames of it that are encoded
        self._finished = 0  # frames of whole segments
        self._children: dict[int, Child] = {}
        self._changed = asyncio.Condition()
        self._result: RenderResult | None = None

    async def run(self) -> RenderResult:
        """Raises LayoutError or RenderError when it cannot be done, StorageError for the disk."""
        with locked(self._work.lock, f"what is to be {self._out} is {MADE_ALREADY}"):
            async with self._slots.slot():
                return await self._run()

    async def _run(self) -> RenderResult:
        self._learn_end()
        self._prepare()
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._await_end()),
                    group.create_task(self._supervise("page-pass", self._follow_page_pass)),
                    *(
                        group.create_task(self._supervise(f"worker-{n}", self._work_with(n)))
                        for n in range(self._workers)
                    ),
                ]
                await self._until(lambda: self._result is not None)
                for task in tasks:
                    task.cancel()
        except* MixerError as errors:
            raise first_of(errors) from errors
        assert self._result is not None
        return self._result

    async def stop_at(self, t_ns: int) -> None:
        """The mix ends at this journal time, if its layout has not ended it before."""
        self._stop_ns = t_ns if self._ends_ns is None else min(t_ns, self._ends_ns)
        if self._page_pass:
            await self._page_pass.send("stop_at", t_ns=t_ns)
        await self._tell()

    @property
    def _edits(self) -> EditList:
        s = self.settings
        return edit_list(s.start_ns, self._stop_ns, self._journal.pauses, s.fps)

    async def _await_end(self) -> None:
        """Waits for the stop, and until all pauses before it are known; then tells the workers."""
        await self._until(lambda: self._stop_ns is not None)
        while not self._learn_end():  # noqa: ASYNC110 - the journal is a file, it tells nobody
            await asyncio.sleep(POLL_S)
        for child in list(self._children.values()):
            await self._limit(child)
        await self._tell()

    def _learn_end(self) -> bool:
        """Whether it is final how many frames there are."""
        self._journal.refresh()
        if self._stop_ns is None:
            return False
        if self._journal.finished or self._journal.watermark_ns >= self._stop_ns:
            self.progress.total = self._edits.frames
        return self.progress.total is not None

    async def _limit(self, child: Child) -> None:
        await child.send("limit", frames=self.progress.total, stop_ns=self._stop_ns)

    def _prepare(self) -> None:
        self._work.make()
        write_whole(self._work.settings, json.dumps(self.settings.to_json(), indent=1).encode())
        known = self.progress.total or 10**9
        for piece in pieces(known, self.settings.segment_frames):
            if not self._is_made(piece):
                break
            self._done.add(piece.seq)
        self._finished = min(known, len(self._done) * self.settings.segment_frames)
        self.progress.frames = self._finished

    def _is_made(self, piece: Piece) -> bool:
        samples = self._edits.samples(piece.first, piece.count)
        is_there = self._work.segment(piece.seq).exists()
        return is_there and self._work.has_sound(piece.seq, samples)

    async def _supervise(self, name: str, session: Callable[[], Any]) -> None:
        """Runs a child's sessions until one ends well; restarts crashed ones, with patience."""
        failures = 0
        while self._result is None:
            before = len(self._done), self.progress.final
            ended_well = await session()
            if ended_well:
                return
            failures = 0 if (len(self._done), self.progress.final) != before else failures + 1
            if failures >= MAX_FAILURES:
                raise RenderError(
                    f"the {name} failed {failures} times in a row; see {self._work.log(name)}"
                )
            self._note(f"{name.split('-')[0]}-restart", failures=failures)
            await asyncio.sleep(BACKOFF_S[min(failures, len(BACKOFF_S) - 1)])

    async def _follow_page_pass(self) -> bool:
        s = self.settings
        argv = ["mixer.layout", str(self._journal.directory), str(self._work.matte)]
        argv += ["--layout", s.layout, "--size", f"{s.width}x{s.height}", "--fps", str(s.fps)]
        argv += ["--start-ns", str(s.start_ns), "--language", s.language]
        argv += ["--layout-type", s.layout_type]
        argv += [f"--without={participant}" for participant in s.without]
        argv += ["--hindsight"] if s.hindsight else []
        if self._stop_ns is not None:
            argv += ["--stop-ns", str(self._stop_ns)]
        try:
            log_path = self._work.log("page-pass")
            starting = self._warm.child("page-pass", argv, environment=QUICK, log_path=log_path)
            async with await starting as child:
                self._page_pass = child
                if self._stop_ns is not None:  # may have come since the arguments were made
                    await child.send("stop_at", t_ns=self._stop_ns)
                async for event in child.events:
                    await self._heard_of_page(event)
                self._page_pass = None
                clean = (await child.wait()).clean
            return clean and await self._is_long_enough()
        finally:
            await asyncio.to_thread(sweep)  # what a killed page pass left of its browser

    async def _is_long_enough(self) -> bool:
        """Whether a finished matte track reaches the render's end.

        One that was finished while the journal looked as if it had ended, with which another
        recorder then went on, does not: it is made anew. Raises RenderError when that does not
        help.
        """
        await self._until(lambda: self.progress.total is not None)
        total, final = self.progress.total, self.progress.final
        if total is None or final >= total:
            return True
        if self._remade:
            raise RenderError(
                f"the page pass ends after {final} of {total} frames; "
                f"see {self._work.log('page-pass')}"
            )
        self._remade = True
        self._note("matte-track-remade", had=final, wanted=total)
        self.progress.final = 0
        await asyncio.to_thread(shutil.rmtree, self._work.matte)
        for worker in list(self._children.values()):
            worker.kill()  # it reads the old one
        return False

    async def _heard_of_page(self, event: dict[str, Any]) -> None:
        match event.pop("event"):
            case "progress" | "ended":
                self.progress.final = max(self.progress.final, event["frames"])
                await self._tell()
            case "note":
                note = {"t_ns": self._edits.frame_ns(event["frame"]), **event}
                if note not in self.progress.notes:  # a restarted pass tells them again
                    self.progress.notes.append(note)
                if event["type"] == FINISHED:
                    await self._end_before(max(1, event["frame"]))
            case "error":
                if event.get("exit_code") == LayoutError.exit_code:
                    raise LayoutError(event["message"])
                raise_for(event)
            case _:
                pass

    async def _end_before(self, frame: int) -> None:
        """The layout has nothing more to show from `frame` on, which is the end."""
        self._ends_ns = self._edits.stop_ns(frame)
        await self.stop_at(self._ends_ns if self._stop_ns is None else self._stop_ns)
        if self._learn_end():
            for child in list(self._children.values()):
                await self._limit(child)
            await self._tell()

    def _work_with(self, number: int) -> Callable[[], Any]:
        async def session() -> bool:
            argv = ["mixer.render.worker", "--journal", str(self._journal.directory)]
            argv += ["--work", str(self._work.directory)]
            if number == 0:
                argv.append("--encodes-sound")
            name = f"worker-{number}"
            log_path = self._work.log(name)
            starting = self._warm.child(
                name, argv, nice=NICE, environment=PICTURES, log_path=log_path
            )
            async with await starting as child:
                self._children[number] = child
                try:
                    return await self._feed(number, child)
                except (StopAsyncIteration, TimeoutError):
                    child.kill()
                    return False
                finally:
                    del self._children[number]
                    self._busy.pop(number, None)
                    self._begun.pop(number, None)

        return session

    async def _feed(self, number: int, child: Child) -> bool:
        """Gives a worker one segment after the other, and worker 0 the finish."""
        events = child.events
        await reply(events, "ready", 60.0)
        if self.progress.total is not None:
            await self._limit(child)
        while True:
            await self._until(lambda: self._complete or bool(self._next()))
            found = self._next()
            if not found:
                break
            piece = found[0]
            self._busy[number] = piece.seq
            await child.send("segment", seq=piece.seq, first=piece.first, count=piece.count)
            heard = self._making(number)
            is_due = partial(self._is_final, piece)
            made = await reply(events, "segment", SEGMENT_TIMEOUT_S, heard, is_due)
            await self._made(number, made)
        if number == 0:
            await self._finish(child, events)
        return True

    def _is_final(self, piece: Piece) -> bool:
        """Whether a worker has all it needs for a segment; in a long pause it waits for it."""
        end = piece.first + piece.count
        return self.progress.final >= min(end, self.progress.total or end)

    def _making(self, number: int) -> Callable[[dict[str, Any]], None]:
        """Hears how far a worker is within its segment."""

        def heard(event: dict[str, Any]) -> None:
            if event["event"] == "made":
                self._begun[number] = self._begun.get(number, 0) + event["frames"]
                self.progress.frames = self._finished + sum(self._begun.values())
                self.progress.stage = "rendering"
                self._on_progress(self.progress)

        return heard

    async def _made(self, number: int, done: dict[str, Any]) -> None:
        """A segment is whole."""
        del self._busy[number]
        self._begun.pop(number, None)
        self._done.add(done["seq"])
        self._finished += done["frames"]
        self.progress.frames = self._finished + sum(self._begun.values())
        self.progress.cpu_s += done["cpu_s"]
        self.progress.notes += [{**note.pop("data"), **note} for note in done["notes"]]
        log.info("segment.finished", seq=done["seq"], frames=self.progress.frames)
        await self._tell()

    async def _finish(self, child: Child, events: Any) -> None:
        total = self.progress.total
        assert total is not None
        self.progress.stage = "finishing"
        await self._tell()
        count = sum(1 for _ in pieces(total, self.settings.segment_frames))
        self._out.parent.mkdir(parents=True, exist_ok=True)
        await child.send("finish", segments=count, frames=total, out=str(self._out))
        made = await reply(events, "finished", FINISH_TIMEOUT_S)
        self._result = RenderResult(
            self._out, made["frames"], made["bytes"], tuple(self.progress.notes), self._ends_ns
        )
        self.progress.stage = "finished"
        await self._tell()

    @property
    def _complete(self) -> bool:
        return is_complete(self.progress.total, self.settings.segment_frames, self._done)

    def _next(self) -> list[Piece]:
        return next_pieces(
            total=self.progress.total,
            final=self.progress.final,
            segment_frames=self.settings.segment_frames,
            done=self._done,
            busy=set(self._busy.values()),
            free=1,
        )

    def _note(self, type_: str, **data: Any) -> None:
        log.warning("render.irregular", type=type_, **data)
        t_ns = self._edits.frame_ns(self.progress.frames)
        self.progress.notes.append({"type": type_, "t_ns": t_ns, **data})

    async def _until(self, condition: Callable[[], bool]) -> None:
        async with self._changed:
            await self._changed.wait_for(condition)

    async def _tell(self) -> None:
        self._on_progress(self.progress)
        async with self._changed:
            self._changed.notify_all()


async def warmed(warm: Warm) -> None:
    """Starts what one more render will need."""
    await warm.start("mixer.layout", environment=QUICK)
    await warm.start("mixer.render.worker", nice=NICE, environment=PICTURES)


def shorten(work: Workspace, segments: int) -> None:
    """Removes what was made after so many segments; nobody may be at work on it."""
    for folder in (work.segments, work.sound):
        for path in folder.glob("[0-9]*"):
            if int(path.name.partition(".")[0]) >= segments:
                path.unlink(missing_ok=True)


def clean(work: Workspace) -> None:
    """Removes a render's unfinished work; that it is not there, or that another job has taken it
    over, is no error."""
    if work.directory.exists():
        with contextlib.suppress(UsageError, StorageError), locked(work.lock, MADE_ALREADY):
            shutil.rmtree(work.directory, ignore_errors=True)
    with contextlib.suppress(OSError):
        work.directory.parent.rmdir()
