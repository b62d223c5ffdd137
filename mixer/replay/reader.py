"""Reads a journal ahead of the replay, in a thread: who sends never waits for the disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from mixer.clock import SECOND
from mixer.journal import Frame, Journal
from mixer.replay.script import Script

AHEAD_NS = SECOND  # of media, read at once
STALE_NS = 30 * SECOND  # so long after a key picture another one has come, if anything has


@dataclass(frozen=True, slots=True)
class Batch:
    """The frames of a stretch of the replay, each with its position, in order."""

    end_ns: int
    frames: list[tuple[int, Frame]]


class Reader:
    """Reads with one thread of its own: the journal is used by nobody else. `close` it."""

    def __init__(self, journal: Journal, script: Script) -> None:
        self._journal = journal
        self._script = script
        self._thread = ThreadPoolExecutor(1, "journal")

    async def batches(self, from_ns: int) -> AsyncGenerator[Batch]:
        """From a position to the end; the next one is read while one is used."""
        reading = asyncio.create_task(self._read(from_ns))
        try:
            while (batch := await reading) is not None:
                reading = asyncio.create_task(self._read(batch.end_ns))
                yield batch
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def preroll(self, position_ns: int) -> dict[str, list[Frame]]:
        """By video stream, the pictures before a position that those after it need."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._preroll, position_ns)

    def close(self) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._journal.close()

    async def _read(self, from_ns: int) -> Batch | None:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._batch, from_ns)

    def _batch(self, from_ns: int) -> Batch | None:
        """Within one span: a batch ends where a pause begins."""
        script = self._script
        if from_ns >= script.length_ns:
            return None
        start_ns = script.media_ns(from_ns)
        end_ns = min(start_ns + AHEAD_NS, script.span_end_ns(start_ns))
        found = self._journal.frames(script.tracks, start_ns, end_ns)
        frames = [(from_ns + media_ns - start_ns, frame) for media_ns, frame in found]
        return Batch(from_ns + end_ns - start_ns, frames)

    def _preroll(self, position_ns: int) -> dict[str, list[Frame]]:
        media_ns = self._script.media_ns(position_ns)
        starts = self._key_pictures(media_ns)
        found: dict[str, list[Frame]] = {}
        for at_ns, frame in self._journal.frames(
            starts, min(starts.values(), default=media_ns), media_ns
        ):
            if at_ns >= starts[frame.track]:
                found.setdefault(self._script.tracks[frame.track].stream, []).append(frame)
        return found

    def _key_pictures(self, media_ns: int) -> dict[int, int]:
        """Track → media time of its last key picture; of each stream the newest such track."""
        newest: dict[str, tuple[int, int]] = {}
        for id_, track in sorted(self._script.tracks.items()):
            if track.kind != "video":
                continue
            at_ns = self._journal.key_before(id_, media_ns)
            if at_ns is not None and media_ns - at_ns <= STALE_NS:
                newest[track.stream] = (id_, at_ns)
        return dict(newest.values())
