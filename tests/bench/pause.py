"""How soon a recording goes on after a pause: two 720p30 cameras of real Chromiums, VP8 and H.264.

From the command `resume` on its way to ingest to the first moment that is journalled, and to the
key picture of each camera; both at the machine's mercy, so measured here and not in a test.
"""

from __future__ import annotations

import asyncio
import statistics
from itertools import pairwise
from pathlib import Path

from mixer.clock import MILLISECOND
from mixer.conference.shown import LIMIT_NS
from mixer.journal import Journal
from tests.bench.rows import Row, at_most
from tests.instruments.chromium import chromium_publishing
from tests.instruments.ingested import IngestProcess, tracks_of, until
from tests.room.serving import serving


def bench(out: Path, *, quick: bool) -> list[Row]:
    """Pauses of different lengths, one after the other."""
    asked = asyncio.run(_record(out, 5 if quick else 25))
    journal = Journal.open(out / "journal")
    moments = [
        ((pause.stop_ns or 0) - asked_ns) / MILLISECOND
        for asked_ns, pause in zip(asked, journal.pauses, strict=True)
    ]
    keys = [
        (_first_key_ns(journal, track.id, asked_ns) - asked_ns) / MILLISECOND
        for asked_ns in asked
        for track in tracks_of(journal, kind="video")
    ]
    return [
        Row("recording again, median", statistics.median(moments), "ms"),
        at_most("recording again, worst", max(moments), LIMIT_NS / MILLISECOND + 20, "ms"),
        Row("a camera's picture is there, median", statistics.median(keys), "ms"),
        Row("a camera's picture is there, worst", max(keys), "ms"),
        at_most("gaps in what was recorded", len(journal.gaps), 0, ""),
        at_most("longest step of sound between pauses", _longest_step_ms(journal), 40, "ms"),
    ]


def _first_key_ns(journal: Journal, track: int, from_ns: int) -> int:
    found = [journal.media_ns(track, one.rtp) for one in journal.pictures(track)]
    return min((t for t in found if t >= from_ns), default=1 << 62)


def _longest_step_ms(journal: Journal) -> float:
    """Between packets that lie on the same side of every pause."""
    steps = [0]
    for track in tracks_of(journal, kind="audio"):
        times = [t for t, _ in journal.frames([track.id], 0, journal.watermark_ns)]
        for before, after in pairwise(times):
            if not any(before < pause.start_ns <= after for pause in journal.pauses):
                steps.append(after - before)
    return max(steps) / MILLISECOND


async def _record(out: Path, times: int) -> list[int]:
    """Journal times at which the recording was asked to go on."""
    asked = []
    async with serving(out / "log") as server:
        room = server.room("pause")
        async with (
            chromium_publishing(room, "Eva"),
            chromium_publishing(room, "Udo", codec="h264"),
        ):
            ingest = await IngestProcess.start(room, out / "journal")
            await until(lambda: len(ingest.status.get("tracks", ())) == 4)
            await asyncio.sleep(3)
            journal = Journal.open(out / "journal")
            for number in range(times):
                ingest.send("pause")
                await asyncio.sleep(0.4 + number % 5 * 0.37)
                asked.append(journal.now_ns())
                ingest.send("resume")
                await until(lambda: len(ingest.named("resumed")) == len(asked))
                await asyncio.sleep(1)
            await ingest.stop()
    return asked
