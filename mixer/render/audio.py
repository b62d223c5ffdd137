"""One audio job: journal + parts + settings → MP3 files, the mix and whoever's sound apart.

The same code follows a recording and makes it again. The job is the parent of one process
(`audio_worker.py`) that does the work; a crashed one is started again, from the beginning: making
an hour takes minutes. job.py is its counterpart for video.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from ..edit import Span
from ..engine import Child
from ..engine.replies import raise_for
from ..engine.slots import Slots
from ..errors import RenderError
from ..journal import write_whole
from ..lock import locked
from .audio_settings import AudioFile, AudioRequest, AudioSettings, files_from_json
from .audio_worker import request_path
from .job import BACKOFF_S, MADE_ALREADY, MAX_FAILURES, NICE, QUICK, Progress
from .settings import Workspace

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class AudioResult:
    """The finished files, the mix first; its length; every irregularity on the way to them."""

    files: tuple[AudioFile, ...]
    seconds: float
    notes: tuple[dict[str, Any], ...]


class AudioJob:
    """Makes the audio files of these parts. `stop_at` may come later, while `run` goes on."""

    def __init__(
        self,
        journal: Path,
        work: Workspace,
        settings: AudioSettings,
        parts: Sequence[Span],
        folder: Path,
        *,
        title: str = "",
        on_progress: Callable[[Progress], None] = lambda progress: None,
    ) -> None:
        """Parts are in order and apart; only the last may be open: it ends where `stop_at` says,
        or where the journal does. Files come into `folder`."""
        self.progress = Progress()
        self._journal = journal
        self._work = work
        self._request = AudioRequest(settings, tuple(parts), folder.absolute(), title)
        self._stop_ns = parts[-1].stop_ns
        self._on_progress = on_progress
        self._child: Child | None = None
        self._result: AudioResult | None = None

    async def run(self) -> AudioResult:
        """Raises RenderError when it cannot be done, StorageError for the disk, and the journal's
        errors; UsageError where another job is at work in the same folder. What an earlier job of
        the same request has finished is not made again."""
        with locked(self._work.lock, f"the sound for {self._request.folder} is {MADE_ALREADY}"):
            return await self._run()

    async def _run(self) -> AudioResult:
        self._result = self._made_before()
        if self._result is None:
            write_whole(request_path(self._work.directory), _encoded(self._request.to_json()))
            # One that follows a recording costs next to nothing: it must not keep videos waiting
            # for as long as a conference lasts.
            slots = Slots() if self._stop_ns is None else Slots.from_environment()
            async with slots.slot():
                await self._supervise()
        assert self._result is not None
        self.progress.stage = "finished"
        self._on_progress(self.progress)
        return self._result

    async def stop_at(self, t_ns: int) -> None:
        """The last part ends at this journal time."""
        self._stop_ns = t_ns
        if self._child is not None:
            await self._child.send("stop_at", t_ns=t_ns)

    async def _supervise(self) -> None:
        failures = 0
        while self._result is None:
            before = self.progress.frames
            await self._session()
            if self._result is not None:
                return
            failures = 0 if self.progress.frames > before else failures + 1
            if failures >= MAX_FAILURES:
                where = self._work.log("audio")
                raise RenderError(f"the audio worker failed {failures} times in a row; see {where}")
            log.warning("render.irregular", type="audio-restart", failures=failures)
            self.progress.notes.append(
                {"type": "audio-restart", "t_ns": self._start_ns, "failures": failures}
            )
            await asyncio.sleep(BACKOFF_S[min(failures, len(BACKOFF_S) - 1)])

    async def _session(self) -> None:
        """One worker's life."""
        argv = ["mixer.render.audio_worker", "--journal", str(self._journal)]
        argv += ["--work", str(self._work.directory)]
        log_path = self._work.log("audio")
        starting = Child("audio", argv, nice=NICE, environment=QUICK, log_path=log_path)
        async with starting as child:
            self._child = child
            try:
                if self._stop_ns is not None:
                    await child.send("stop_at", t_ns=self._stop_ns)
                async for event in child.events:
                    self._heard(event)
                await child.wait()
            finally:
                self._child = None

    def _heard(self, event: dict[str, Any]) -> None:
        match event["event"]:
            case "progress":
                self.progress.stage = "rendering"
                self.progress.frames = event["frames"]
                self.progress.final = max(self.progress.final, event["final"])
            case "finished":
                self._finish(event)
            case "error":
                raise_for(event)
            case _:
                return
        self._on_progress(self.progress)

    def _finish(self, event: dict[str, Any]) -> None:
        self.progress.frames = self.progress.final = self.progress.total = event["frames"]
        self.progress.cpu_s += event["cpu_s"]
        self.progress.notes += event["notes"]
        files = files_from_json(event["files"])
        self._result = AudioResult(files, files[0].seconds, tuple(self.progress.notes))
        kept = {"request": self._final_request(), "files": event["files"]}
        write_whole(self._kept_path, _encoded({**kept, "notes": event["notes"]}))

    @property
    def _start_ns(self) -> int:
        return self._request.parts[0].start_ns

    @property
    def _kept_path(self) -> Path:
        return self._work.directory / "finished.json"

    def _final_request(self) -> dict[str, Any]:
        """The request with its end (None: the journal's): the same later gives the same files."""
        value = self._request.to_json()
        value["parts"][-1][1] = self._stop_ns
        normal: dict[str, Any] = json.loads(json.dumps(value))
        return normal

    def _made_before(self) -> AudioResult | None:
        """What an earlier job has finished, asked just the same, if it is all there."""
        try:
            kept = json.loads(self._kept_path.read_text())
            files = files_from_json(kept["files"])
            there = all(file.path.stat().st_size == file.bytes for file in files)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if not there or kept["request"] != self._final_request():
            return None
        return AudioResult(files, files[0].seconds, tuple(kept["notes"]))


def _encoded(value: dict[str, Any]) -> bytes:
    return json.dumps(value, indent=1).encode()
