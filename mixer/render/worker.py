"""A render's worker process: makes segments on command, and in the end the file.

`job.py` is its parent and says what to make; journal and matte track are all it knows of the
stages before. It may be killed at any moment: what it makes appears whole or not at all.

    {"command": "segment", "seq": 3, "first": 360, "count": 120}
    {"command": "limit", "frames": 450, "stop_ns": …}    the end, also in the middle of a segment
    {"command": "finish", "segments": 10, "frames": 1180, "out": "/…/default.mp4"}
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import av

from ..edit import EditList, edit_list
from ..encode.mp4 import assemble
from ..encode.pcm import write_pcm
from ..encode.video import VideoSettings, encode_segment
from ..engine import Port, begun
from ..errors import MixerError, first_of
from ..journal import Journal
from ..layout.track import MatteTrackReader
from ..picture import Composer
from ..sound import edited_needed_ns, edited_segment
from .ahead import ahead
from .settings import RenderSettings, Workspace
from .soundtrack import Soundtrack

POLL_S = 0.05
MAX_PENDING = 4
AHEAD_FRAMES = 2  # composed while others are encoded; 3 MB each at 1080p


class Worker:
    """Composes, mixes and encodes; keeps decoders between consecutive segments."""

    def __init__(
        self,
        journal: Journal,
        work: Workspace,
        settings: RenderSettings,
        *,
        encodes_sound: bool,
        made: Callable[[int], None] = lambda frames: None,
    ) -> None:
        self.limit: int | None = None
        self.made = made
        self._stop_ns: int | None = None
        self._work = work
        self._settings = settings
        self._journal = journal
        self._mattes = MatteTrackReader.open(work.matte)
        self._soundtrack = Soundtrack(work) if encodes_sound else None
        self._told = 0  # of the composer's notes
        s = self._settings
        self._composer = Composer(
            self._journal,
            self._mattes,
            width=s.width,
            height=s.height,
            edits=self._edit_list(),
        )

    def end_at(self, frames: int, stop_ns: int) -> None:
        """Where the render ends, which holds at once."""
        self.limit, self._stop_ns = frames, stop_ns

    def segment(self, seq: int, first: int, count: int) -> dict[str, Any]:
        """Makes one segment's pictures and sound, as they become final.

        Says how many frames it has (fewer if `limit` came in between), and what it cost.
        """
        before = time.process_time()
        self._refresh()
        path = self._work.segment(seq)
        if path.exists():
            count = self._until(first + count) - first
        else:
            frames = ahead(self._frames(first, count), AHEAD_FRAMES)
            count = encode_segment(frames, path, self._video())
        self._sound(seq, first, count)
        notes = [asdict(note) for note in self._composer.notes[self._told :]]
        self._told += len(notes)
        cpu_s = time.process_time() - before
        return {"seq": seq, "frames": count, "cpu_s": cpu_s, "notes": notes}

    def _frames(self, first: int, count: int) -> Iterator[av.VideoFrame]:
        """The segment's frames, a batch whenever enough are final."""
        at = told = first
        batch = max(1, self._settings.fps // 2)
        while at < (end := self._until(first + count)):
            final = min(self._mattes.frames, end)
            if final < min(at + batch, end):
                time.sleep(POLL_S)
                self._refresh()
                continue
            for frame in self._composer.frames(at, final - at):
                yield frame
                at += 1
                if at % batch == 0 or at == final:
                    self.made(at - told)
                    told = at

    def _refresh(self) -> None:
        """The journal last: it must know all that the page pass has seen, or pictures would be
        missing from frames that the mattes call final."""
        self._mattes.refresh()
        self._journal.refresh()
        self._composer.edits = self._edit_list()

    def _edit_list(self) -> EditList:
        s = self._settings
        return edit_list(s.start_ns, self._stop_ns, self._journal.pauses, s.fps)

    def _until(self, end: int) -> int:
        return end if self.limit is None else min(end, self.limit)

    def finish(self, segments: int, frames: int, out: Path) -> dict[str, Any]:
        """Joins all segments and the sound into one MP4."""
        sound = (self._soundtrack or Soundtrack(self._work)).finish(segments)
        wall = self._journal.started_wall + self._settings.start_ns / 1e9
        assemble(
            [self._work.segment(seq) for seq in range(segments)],
            sound,
            out,
            fps=self._settings.fps,
            created=datetime.fromtimestamp(wall, UTC),
            title=self._settings.title,
            frames=frames,
            keep_free=self._settings.keep_free,
        )
        return {"out": str(out), "bytes": out.stat().st_size, "frames": frames}

    def _sound(self, seq: int, first: int, count: int) -> None:
        samples = self._edit_list().samples(first, count)
        if not self._work.has_sound(seq, samples):
            self._await_sound(first, count)
            sound = edited_segment(self._journal, self._edit_list(), first, count)
            write_pcm(self._work.pcm(seq), sound)
        if self._soundtrack:
            self._soundtrack.advance()

    def _await_sound(self, first: int, count: int) -> None:
        """The limiter looks a little ahead of the segment: waits until that is final, too, and
        until it is known what follows, for where a pause begins the sound fades."""
        while not (self._journal.finished or self._is_heard(first, count)):
            time.sleep(POLL_S)
            self._journal.refresh()

    def _is_heard(self, first: int, count: int) -> bool:
        edits, until = self._edit_list(), self._journal.watermark_ns
        goes_on = edits.first_frame_showing(until) > first + count
        return (goes_on or self.limit is not None) and until >= edited_needed_ns(
            edits, first, count
        )

    def _video(self) -> VideoSettings:
        s = self._settings
        return VideoSettings(
            width=s.width,
            height=s.height,
            fps=s.fps,
            preset=s.preset,
            crf=s.crf,
            threads=s.threads,
            encoder=s.encoder,
        )


async def serve(make: Callable[[], Awaitable[Worker]], port: Port) -> None:
    """Does what the parent commands, one thing after the other; a limit holds at once.

    The worker is made when there is something to do: this process starts while the page does.
    """
    port.emit("ready")
    pending: asyncio.Queue[dict[str, Any]] = asyncio.Queue(MAX_PENDING)
    worker: Worker | None = None
    limit: tuple[int, int] | None = None
    async with asyncio.TaskGroup() as group:
        working: asyncio.Task[None] | None = None
        async for command in port.commands:
            limits = command["command"] == "limit"
            if limits:
                limit = command["frames"], command["stop_ns"]
            elif worker is None:
                worker = await make()
                working = group.create_task(_work_off(worker, port, pending))
            if worker is not None and limit is not None:
                worker.end_at(*limit)
            if not limits:
                await pending.put(command)
        if working is not None:
            working.cancel()


async def _work_off(worker: Worker, port: Port, pending: asyncio.Queue[dict[str, Any]]) -> None:
    while True:
        command = await pending.get()
        match command.pop("command"):
            case "segment":
                done = await asyncio.to_thread(worker.segment, **command)
                port.emit("segment", **done)
            case "finish":
                command["out"] = Path(command["out"])
                port.emit("finished", **await asyncio.to_thread(worker.finish, **command))
            case other:
                port.emit("error", message=f"unknown command {other}", exit_code=2)


async def run(given: list[str]) -> int:
    async with Port() as port:
        argv = await begun(port, given)
        if argv is None:
            return 0
        arguments = _arguments().parse_args(argv)
        status = 0
        try:
            serving = asyncio.ensure_future(serve(_maker(arguments, port), port))
            stopping = asyncio.ensure_future(port.stopping.wait())
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not serving.done():
                os._exit(0)  # in the middle of a segment: it is made again, from its beginning
            stopping.cancel()
            serving.result()
        except* MixerError as errors:
            error = first_of(errors)
            status = error.exit_code
            port.emit("error", message=str(error), exit_code=status)
    return status


def _maker(arguments: argparse.Namespace, port: Port) -> Callable[[], Awaitable[Worker]]:
    """Begins to read the journal, which takes a while where it holds hours; the page starts
    meanwhile."""
    loop = asyncio.get_running_loop()
    work = Workspace(arguments.work)
    opening = asyncio.ensure_future(asyncio.to_thread(_opened, arguments.journal, work))
    opening.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # told by make

    async def make() -> Worker:
        settings, journal = await opening
        return Worker(
            journal,
            work,
            settings,
            encodes_sound=arguments.encodes_sound,
            made=lambda frames: _later(loop, port, frames),
        )

    return make


def _opened(directory: Path, work: Workspace) -> tuple[RenderSettings, Journal]:
    settings = RenderSettings.from_json(json.loads(work.settings.read_text()))
    return settings, Journal.open(directory, settings.without, hindsight=settings.hindsight)


def _later(loop: asyncio.AbstractEventLoop, port: Port, frames: int) -> None:
    """Tells, from the working thread, that so many more frames are encoded."""
    loop.call_soon_threadsafe(lambda: port.emit("made", frames=frames))


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mixer.render.worker", description=__doc__)
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--encodes-sound", action="store_true")
    return parser


def main() -> None:
    raise SystemExit(asyncio.run(run(sys.argv[1:])))


if __name__ == "__main__":
    main()
