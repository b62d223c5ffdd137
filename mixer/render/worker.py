"""A render's worker process: makes segments on command, and in the end the file.

`job.py` is its parent and says what to make; journal and matte track are all it knows of the
stages before. It may be killed at any moment: what it makes appears whole or not at all.

    {"command": "segment", "seq": 3, "first": 360, "count": 120}
    {"command": "finish", "segments": 10, "frames": 1180, "out": "/…/default.mp4"}
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..encode import VideoSettings, assemble, encode_segment
from ..engine import Port
from ..errors import MixerError
from ..journal import Journal
from ..layout.track import MatteTrackReader
from ..picture import Composer
from ..sound import mix_segment, needed_ns
from .settings import RenderSettings, Workspace
from .soundtrack import Soundtrack

POLL_S = 0.05


class Worker:
    """Composes, mixes and encodes; keeps decoders between consecutive segments."""

    def __init__(self, journal: Path, work: Workspace, *, encodes_sound: bool) -> None:
        self._work = work
        self._settings = RenderSettings.from_json(json.loads(work.settings.read_text()))
        self._journal = Journal.open(journal)
        self._mattes = MatteTrackReader.open(work.matte)
        self._soundtrack = Soundtrack(work.sound) if encodes_sound else None
        self._told = 0  # of the composer's notes
        s = self._settings
        self._composer = Composer(
            self._journal,
            self._mattes,
            width=s.width,
            height=s.height,
            fps=s.fps,
            start_ns=s.start_ns,
        )

    def segment(self, seq: int, first: int, count: int) -> dict[str, Any]:
        """Makes one segment's pictures and sound; says what it cost, in CPU seconds."""
        before = time.process_time()
        self._journal.refresh()
        self._mattes.refresh()
        if not self._work.segment(seq).exists():
            frames = self._composer.frames(first, count)
            encode_segment(frames, self._work.segment(seq), self._video())
        self._sound(seq, first, count)
        notes = [asdict(note) for note in self._composer.notes[self._told :]]
        self._told += len(notes)
        cpu_s = time.process_time() - before
        return {"seq": seq, "frames": count, "cpu_s": cpu_s, "notes": notes}

    def finish(self, segments: int, frames: int, out: Path) -> dict[str, Any]:
        """Joins all segments and the sound into one MP4."""
        sound = (self._soundtrack or Soundtrack(self._work.sound)).finish(segments)
        wall = self._journal.started_wall + self._settings.start_ns / 1e9
        assemble(
            [self._work.segment(seq) for seq in range(segments)],
            sound,
            out,
            fps=self._settings.fps,
            created=datetime.fromtimestamp(wall, UTC),
            title=self._settings.title,
            frames=frames,
        )
        return {"out": str(out), "bytes": out.stat().st_size, "frames": frames}

    def _sound(self, seq: int, first: int, count: int) -> None:
        start = self._settings.sample(first)
        samples = self._settings.sample(first + count) - start
        start_ns = self._settings.start_ns + round(start * 1e9 / 48_000)
        if not Soundtrack.has(self._work.sound, seq, samples):
            self._await_sound(needed_ns(start_ns, samples))
            Soundtrack.keep(self._work.sound, seq, mix_segment(self._journal, start_ns, samples))
        if self._soundtrack:
            self._soundtrack.advance()

    def _await_sound(self, t_ns: int) -> None:
        """The limiter looks a little ahead of the segment: waits until that is final, too."""
        while self._journal.watermark_ns < t_ns and not self._journal.finished:
            time.sleep(POLL_S)
            self._journal.refresh()

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


async def serve(worker: Worker, port: Port) -> None:
    """Does what the parent commands, one thing after the other."""
    port.emit("ready")
    async for command in port.commands:
        match command.pop("command"):
            case "segment":
                done = await asyncio.to_thread(worker.segment, **command)
                port.emit("segment", **done)
            case "finish":
                command["out"] = Path(command["out"])
                port.emit("finished", **await asyncio.to_thread(worker.finish, **command))
            case other:
                port.emit("error", message=f"unknown command {other}", exit_code=2)


async def run(arguments: argparse.Namespace) -> int:
    async with Port() as port:
        try:
            worker = Worker(
                arguments.journal,
                Workspace(arguments.work),
                encodes_sound=arguments.encodes_sound,
            )
            serving = asyncio.ensure_future(serve(worker, port))
            stopping = asyncio.ensure_future(port.stopping.wait())
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not serving.done():
                os._exit(0)  # in the middle of a segment: it is made again, from its beginning
            stopping.cancel()
            serving.result()
        except MixerError as error:
            port.emit("error", message=str(error), exit_code=error.exit_code)
            return error.exit_code
    return 0


def main() -> None:
    parser = argparse.ArgumentParser(prog="mixer.render.worker", description=__doc__)
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--encodes-sound", action="store_true")
    raise SystemExit(asyncio.run(run(parser.parse_args())))


if __name__ == "__main__":
    main()
